"""Commands of the container as processes of this machine, and what they say."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60


@dataclass(frozen=True)
class Started:
    """A command that runs, and the file it writes to."""

    process: subprocess.Popen[bytes]
    output: Path

    def wait_for(self, text: str) -> str:
        """Wait until it has said something, and return all it has said.

        Raises:
            AssertionError: It ended before, or took too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while text not in (said := self.output.read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        return said

    def family(self) -> list[int]:
        """Return its process id and those of its children."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [pid, *map(int, children.split())]


@contextmanager
def started(
    command: list[str | Path], folder: Path, environment: Mapping[str, str]
) -> Iterator[Started]:
    """Run a command until the block ends."""
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd="/", env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        yield Started(process, output)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environ_of(pid: int) -> str:
    """Return the variables that everybody with its rights can read of a process."""
    return Path(f"/proc/{pid}/environ").read_text().replace("\0", "\n")


def bare(**variables: str) -> dict[str, str]:
    """Return an environment with these variables and a path, and nothing of this process."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | variables
