"""Folders for SQLite's scratch databases: made, removed, and swept where a run was killed.

A run holds a lock on its folder; one that can be locked was left behind.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Final

# Windows has none, and nothing is swept there.
_FCNTL: Final[Any] = importlib.import_module("fcntl") if os.name == "posix" else None
_NAME: Final = re.compile(r"bilayer_scratch_[0-9a-f]{16}")
_GRACE_SECONDS: Final = 60
"""A folder this young may be about to be locked."""


class ScratchFolder:
    """A folder that only this process uses; made when it is first asked for."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: int | None = None

    def make(self) -> Path:
        """Make the folder; before that, remove what killed runs left behind.

        Raises:
            OSError: There is no room for it, or nothing may be written.
        """
        if self._path is None:
            parent = Path(tempfile.gettempdir())
            _sweep(parent)
            # Noted first: a signal between the two leaves nothing behind.
            self._path = parent / f"bilayer_scratch_{secrets.token_hex(8)}"
            self._path.mkdir(mode=0o700)
            self._lock = _lock(self._path)
        return self._path

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock(folder: Path) -> int | None:
    """Lock a folder as long as the number given back is open; ``None`` if somebody else has."""
    if _FCNTL is None:
        return None
    number = os.open(folder, os.O_RDONLY)
    try:
        _FCNTL.flock(number, _FCNTL.LOCK_EX | _FCNTL.LOCK_NB)
    except OSError:
        os.close(number)
        return None
    return number


def _sweep(parent: Path) -> None:
    """Remove this user's folders whose run is dead."""
    if _FCNTL is None:
        return
    for folder in parent.glob("bilayer_scratch_*"):
        # Another check may remove it at this moment.
        with contextlib.suppress(OSError):
            facts = folder.lstat()
            is_own = _NAME.fullmatch(folder.name) and facts.st_uid == os.getuid()
            is_old = time.time() - facts.st_mtime > _GRACE_SECONDS
            if not (is_own and is_old and folder.is_dir() and not folder.is_symlink()):
                continue
            lock = _lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
