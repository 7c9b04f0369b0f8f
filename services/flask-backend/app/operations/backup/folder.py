"""The folder of all backups: their names, who works in it, and how one comes and goes whole.

A backup has its name only when it is whole: until then, and once it is being removed, its folder
begins with a dot. Whoever works here holds the lock, so whatever begins with a dot and is found by
the one who holds it was left by somebody who died.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.operations.backup.errors import BackupError

_NAME: Final = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{8}")
_TIME: Final = "%Y%m%dT%H%M%SZ"
_LOCK: Final = ".lock"
_WORK: Final = ".work-"


def new_name(at: datetime) -> str:
    """Name a backup by its time, to be in order, and by chance, so that none is called the same."""
    return f"{at.astimezone(UTC):{_TIME}}-{at.microsecond:05x}{secrets.token_hex(2)[1:]}"


def time_of(name: str) -> datetime:
    """Return when a backup was made, to the second."""
    return datetime.strptime(name.partition("-")[0], _TIME).replace(tzinfo=UTC)


class BackupFolder:
    """Where the backups of one installation are.

    Attributes:
        path: Of the folder; whoever can read it can read the backups that are not encrypted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Work here alone until the block ends, and begin by removing what the dead have left.

        Raises:
            BackupError: Somebody works here, or nobody can.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BackupError(f"BACKUP_DIR cannot be written to: {error}") from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"Somebody works on the backups in {self.path}; try again afterwards."
                raise BackupError(message) from None
            try:
                for left in self.path.glob(f"{_WORK}*"):
                    shutil.rmtree(left)
            except OSError as error:
                raise BackupError(f"What somebody left cannot be removed: {error}") from None
            yield
        finally:
            os.close(handle)

    def names(self) -> list[str]:
        """Name all backups, the newest first; a link to a folder elsewhere is none."""
        if not self.path.is_dir():
            return []
        with os.scandir(self.path) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return sorted(filter(_NAME.fullmatch, found), reverse=True)

    def find(self, name: str | None) -> Path:
        """Return the folder of a backup; of the newest if none is named.

        Raises:
            BackupError: There is no such backup.
        """
        names = self.names()
        if not names:
            raise BackupError(f"There is no backup in {self.path}.")
        if name is not None and name not in names:
            raise BackupError(f"There is no backup {name!r} in {self.path}: backend backup list")
        return self.path / (name or names[0])

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """Lend a folder that nobody takes for a backup, and that is gone when the block ends."""
        work = self.path / f"{_WORK}{secrets.token_hex(8)}"
        work.mkdir(mode=0o700)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def publish(self, work: Path, name: str) -> Path:
        """Let a folder become a backup: at once, and for good even if the power fails."""
        sync_folder(work)
        whole = work.rename(self.path / name)
        sync_folder(self.path)
        return whole

    def remove(self, name: str) -> None:
        """Remove a backup: it is none any more before its first file goes."""
        doomed = (self.path / name).rename(self.path / f"{_WORK}{secrets.token_hex(8)}")
        shutil.rmtree(doomed)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
