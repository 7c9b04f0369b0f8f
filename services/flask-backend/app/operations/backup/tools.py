"""The engines' own tools: found, started with no secret on their command line, and listened to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from app.operations.backup.errors import BackupError
from app.operations.backup.sealing import Target

Feed = Callable[[Target], None]
"""Writes what a tool shall read."""

_VERSIONED: Final = Path("/usr/lib/postgresql")
_SECONDS: Final = 20.0
_LONGEST_REASON: Final = 2000


def find_tool(*names: str) -> str | None:
    """Return the path of the first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)


def find_postgresql_tool(name: str, least: int) -> tuple[str, int] | None:
    """Return the oldest program of this name that knows a version, and its own version.

    The oldest, because what a newer one writes an older server may not take.
    """
    found = [str(path) for path in _VERSIONED.glob(f"*/bin/{name}")]
    if on_path := shutil.which(name):
        found.append(on_path)
    versions = sorted((version, path) for path in found if (version := version_of(path)) >= least)
    return next(((path, version) for version, path in versions), None)


def version_of(path: str) -> int:
    """Ask a program for its major version; 0 if it has none to tell."""
    match = re.search(r"(\d+)\.\d+", _describe(path))
    return int(match[1]) if match else 0


def _describe(path: str) -> str:
    try:
        told = subprocess.run(  # noqa: S603 - one that was found by its name
            [path, "--version"],
            env=_environment({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout


@contextmanager
def reading_from(command: Sequence[str], variables: dict[str, str]) -> Iterator[IO[bytes]]:
    """Lend what a program writes; when the block ends well, the program must have done so too.

    Raises:
        BackupError: It failed; with its own reason.
    """
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(  # noqa: S603 - arguments of ours, and no shell
            command,
            env=_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=told,
        )
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            with process.stdout:
                yield process.stdout
            code = process.wait()
        finally:
            _end(process)
        if code:
            raise _failure(command, told, code)


def writing_to(command: Sequence[str], variables: dict[str, str], feed: Feed) -> None:
    """Let a program read what ``feed`` writes, and wait until it has done its work.

    Raises:
        BackupError: It failed; with its own reason.
    """
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(  # noqa: S603 - arguments of ours, and no shell
            command,
            env=_environment(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
        assert process.stdin is not None  # noqa: S101 - it was asked for
        try:
            try:
                with process.stdin:
                    feed(process.stdin)
            except BrokenPipeError:  # It says better why it reads no more.
                pass
            code = process.wait()
        finally:
            _end(process)
        if code:
            raise _failure(command, told, code)


def _end(process: subprocess.Popen[bytes]) -> None:
    """See to it that a program is gone before the block that needs it."""
    if process.poll() is None:
        process.kill()
        process.wait()


def _failure(command: Sequence[str], told: IO[bytes], code: int) -> BackupError:
    told.seek(0)
    text = told.read(_LONGEST_REASON).decode(errors="replace").strip()
    reason = text.splitlines()[0] if text else f"exit code {code}"
    return BackupError(f"{Path(command[0]).name} failed: {reason}")


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """Give a program what it needs to be found and understood, and no setting of ours."""
    return {"PATH": os.defpath, "LC_ALL": "C", **variables}
