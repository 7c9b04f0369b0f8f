"""Disks of a few megabytes, which can be filled and made read only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.run import Run

_CHUNK = b"\0" * 4096


class Disk:
    """A file system of its own.

    Attributes:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(_CHUNK)
            except OSError:
                return

    def clear(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def enlarge(self, megabytes: int) -> None:
        """Give it more room."""
        options = f"remount,size={megabytes}m"
        subprocess.run(["mount", "-o", options, str(self.folder)], check=True)

    def make_read_only(self) -> None:
        """Let nobody write, not even root; nobody may have a file open for it."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)

    def make_writable(self) -> None:
        """Take writes again."""
        subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)


@contextmanager
def small_disk(run: Run, megabytes: int) -> Iterator[Disk]:
    """Mount a file system in memory until the block ends; skip the test where that is forbidden."""
    folder = run.folder / run.new_name()
    folder.mkdir(mode=0o755)
    options = f"size={megabytes}m,mode=0755"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield Disk(folder)
    finally:
        # Lazily: a server that died may have left somebody behind.
        subprocess.run(["umount", "-l", str(folder)], check=True)
