"""Alembic migrations replayed in an empty database, by a child process that can reach no other.

Reads no catalog: whoever asked for the replay reads the database it filled. The child is
``replay.py``; revision files and env.py are never loaded in this process.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import alembic
import sqlalchemy as sa
from alembic.config import Config

from bilayer.drift.history import History, Revision
from bilayer.drift.passwords import hide_passwords
from bilayer.drift.readers.strays import find_init, find_root, find_strays
from bilayer.drift.snapshot import Place
from bilayer.errors import BilayerError

_TIMEOUT_SECONDS: Final = 600


class ReplayFailed(BilayerError):
    """The child process that replays migrations could not be started, or died."""


@contextlib.contextmanager
def replaying(
    config: Config, scratch: sa.URL, target: str = "heads"
) -> Iterator[Callable[[], History]]:
    """Upgrade an empty scratch database in a child process, while the caller does other things.

    Args:
        config: The project's Alembic configuration. Its ``attributes`` stay behind: they are
            objects of this process.
        scratch: The only database the child can reach.
        target: ``heads`` or a revision.

    Yields:
        A function that waits for the child and tells what came to light. It raises
        ``ReplayFailed`` if the child died without an answer.
    """
    with asking(config, scratch, "bilayer.drift.readers.replay", {"target": target}) as finish:
        yield lambda: _read_answer(finish(), find_root(config))


@contextlib.contextmanager
def asking(
    config: Config, scratch: sa.URL, module: str, wishes: dict[str, Any]
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Let a module that calls ``replay.run`` do so in a child process.

    Args:
        config: The project's Alembic configuration.
        scratch: The only database the child can reach.
        module: Its name.
        wishes: What else the request says.

    Yields:
        A function that waits for the child and gives its answer. It raises ``ReplayFailed`` if the
        child died without one.
    """
    with conversing(config, scratch, module, wishes) as (child, _):
        yield lambda: _finish(child)


@contextlib.contextmanager
def conversing(
    config: Config, scratch: sa.URL, module: str, wishes: dict[str, Any]
) -> Iterator[tuple[subprocess.Popen[str], TextIO]]:
    """Start a module as ``asking`` does, and go on talking with it.

    Args:
        config: The project's Alembic configuration.
        scratch: The only database the child can reach.
        module: Its name.
        wishes: What else the request says.

    Yields:
        The child, and its standard input, on which the request is a line.
    """
    request = (
        _describe(config)
        | wishes
        | {
            "url": scratch.render_as_string(hide_password=False),
            "sys_path": [str(Path(entry).absolute()) for entry in sys.path],
        }
    )
    # The child ends when its standard input does, so that it does not outlive this process.
    reader, writer = os.pipe()
    with (
        os.fdopen(writer, "w", encoding="utf-8") as stdin,
        _start_child(reader, _choose_folder(config), module) as child,
    ):
        try:
            with contextlib.suppress(BrokenPipeError):  # It died at once; why is in its answer.
                stdin.write(json.dumps(request) + "\n")
                stdin.flush()
            yield child, stdin
        finally:
            if child.poll() is None:
                child.kill()


def _finish(child: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        answer, errors = child.communicate(timeout=_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        message = (
            f"replaying the migrations took more than {_TIMEOUT_SECONDS} seconds and was ended."
            " Look for a revision that waits for something."
        )
        raise ReplayFailed(message) from error
    told = [json.loads(line) for line in answer.splitlines()]
    if not told or "running" in told[-1]:
        revision = told[-1]["running"] if told else None
        reason = explain_end(child.returncode, revision, errors)
        raise ReplayFailed(f"the migrations could not be replayed: {reason}")
    found: dict[str, Any] = told[-1]
    return found


def explain_end(code: int, revision: str | None, said: str) -> str:
    """Say how a child ended that gave no answer.

    Args:
        code: What it ended with; below 0 the signal that ended it.
        revision: The revision that ran in it, if one did.
        said: What it wrote to standard error, where a project's own words go too.
    """
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    where = f" while revision {revision} ran" if revision else ""
    lines = said.strip().splitlines()
    last = f". It last said: {hide_passwords(lines[-1])}" if lines else ""
    return f"the process ended early ({how}){where}{last}"


def load_config(path: Path) -> Config:
    """Load ``alembic.ini``, or a ``pyproject.toml`` with ``[tool.alembic]``.

    As with the command ``alembic``, the other one is read too where it lies beside: Alembic's own
    ``pyproject`` templates spread their settings over both.
    """
    is_toml = path.suffix == ".toml"
    ini = path.with_name("alembic.ini") if is_toml else path
    toml = path if is_toml else path.with_name("pyproject.toml")
    return Config(
        str(ini) if ini.is_file() else None, toml_file=str(toml) if toml.is_file() else None
    )


def _describe(config: Config) -> dict[str, Any]:
    section = config.config_ini_section
    try:
        parser = config.file_config
    except (configparser.Error, UnicodeDecodeError) as error:
        text = str(error).splitlines()[0]
        message = f"{config.config_file_name} is no configuration of Alembic: {text}"
        raise ReplayFailed(message) from error
    options = dict(parser.items(section, raw=True)) if parser.has_section(section) else {}
    return {
        "file": _resolve(config.config_file_name),
        "toml": _resolve(config.toml_file_name),
        "section": section,
        "options": options,
    }


def _resolve(path: object) -> str | None:
    return str(Path(str(path)).resolve()) if path else None


def _choose_folder(config: Config) -> Path:
    """Choose where relative paths of the configuration begin: beside its file, if that is so."""
    path = config.config_file_name or config.toml_file_name
    here = Path.cwd()
    if not path:
        return here
    folder = Path(str(path)).resolve().parent
    location = config.get_alembic_option("script_location") or ""
    is_from_here = not (folder / location).is_dir() and (here / location).is_dir()
    return here if is_from_here else folder


def _start_child(stdin: int, folder: Path, module: str) -> subprocess.Popen[str]:
    # The libraries first: a folder alembic/ with an __init__.py beside the models would hide one.
    libraries = [str(Path(alembic.__file__).parents[1]), str(Path(__file__).parents[3])]
    entries = (str(Path(entry).absolute()) for entry in sys.path if entry)
    path = os.pathsep.join(dict.fromkeys([*libraries, *entries]))
    # The child replaces every database URL in its environment, so it gets a copy of ours.
    environment = {**os.environ, "PYTHONPATH": path}  # noqa: TID251 - handed on, not read
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            # -P keeps the current folder, which may hold an alembic/, off the child's path; with -u
            # nothing that a revision says is lost if the process ends in it.
            [sys.executable, "-Pu", "-m", module],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
        )
    finally:
        os.close(stdin)


def _read_answer(answer: dict[str, Any], root: Path | None) -> History:
    place = answer.get("error_place")
    folder = answer.get("script_location")
    locations = [Path(path) for path in answer.get("version_locations", ())]
    tables = answer.get("env_tables")
    return History(
        revisions=tuple(
            Revision(item["revision"], tuple(item["down"]), item["path"])
            for item in answer.get("revisions", ())
        ),
        heads=tuple(answer.get("heads", ())),
        bases=tuple(answer.get("bases", ())),
        missing=tuple((item[0], item[1]) for item in answer.get("missing", ())),
        env_ran=bool(answer.get("env_ran")),
        env_path=answer.get("env_path"),
        env_tables=None if tables is None else tuple(tables),
        version_tables=tuple(answer.get("version_tables") or ("alembic_version",)),
        error=answer.get("error"),
        error_place=Place(place[0], place[1]) if place else None,
        library_init=find_init(Path(folder), root) if folder else None,
        strays=tuple(find_strays(Path(folder), locations, root)) if folder else (),
        missing_target=bool(answer.get("missing_target")),
    )
