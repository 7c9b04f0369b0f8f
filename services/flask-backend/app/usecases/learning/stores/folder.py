"""The folder that an account has for its files: whole files only, and one writer at a time.

A file is written under a name that no other has had, and is never changed afterwards; only one, the
index, is replaced, at a stroke. So whoever reads it and then what it names has one state of all.
Knows nothing of what is in the files.

The lock is that of the folder itself (``flock``), which ends with its process, however that dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from app import deadline
from bilayer.runtime.errors import DatabaseError, LockTimeout, StorageFailure, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

INDEX: Final = "learners.json"
_PENDING: Final = "learners.json.new"

_PATIENCE_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.005
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SENTENCES: Final = {
    errno.ELOOP: "is a symbolic link, which is not followed",
    errno.ENOTDIR: "is a symbolic link or a file where a folder should be",
    errno.EACCES: "is not this user's to read or write",
    errno.EPERM: "is not this user's to read or write",
    errno.EROFS: "is on a disk that takes no writes",
}

log = structlog.get_logger(__name__)


class Vanished(Exception):
    """A file is not there. Whoever holds no lock reads the index again."""


class Folder:
    """The folder of one account.

    Args:
        root: The folder of all of them.
        user_id: Whose.
    """

    def __init__(self, root: Path, user_id: UUID) -> None:
        self.user_id = user_id
        self.path = root / str(user_id)

    def read(self, name: str) -> bytes:
        """Return a whole file.

        Raises:
            Vanished: There is none.
            StorageFailure: It cannot be read, or is no file.
        """
        with self._open(name, _READ) as number:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise StorageFailure(f"{self.path / name} is no file.")
            with open(number, "rb", closefd=False) as file:
                return file.read()

    def create(self, name: str, data: bytes) -> None:
        """Write a file that there is not yet, down to the disk."""
        with self._open(name, _CREATE) as number, open(number, "wb", closefd=False) as file:
            file.write(data)
            file.flush()
            os.fsync(number)

    def replace_index(self, data: bytes) -> None:
        """Let the index be this from now on, and not before all of it is on the disk."""
        self.remove([_PENDING])
        self.create(_PENDING, data)
        with self._told(INDEX):
            self._sync(self.path)  # What the index names must be there if it is.
            (self.path / _PENDING).replace(self.path / INDEX)
            self._sync(self.path)

    def remove(self, names: Iterator[str] | list[str]) -> None:
        """Remove files, whether they are there or not."""
        for name in names:
            with self._told(name):
                (self.path / name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Name the files that there are."""
        with self._told(""):
            return sorted(each.name for each in self.path.iterdir()) if self.path.is_dir() else []

    def destroy(self) -> bool:
        """Remove the folder with all that is in it; tell whether there was one."""
        if not os.path.lexists(self.path):
            return False
        with self.locked(), self._told(""):
            shutil.rmtree(self.path)
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who writes here, in all processes of this machine."""
        number = self.lock()
        try:
            yield
        finally:
            self.unlock(number)

    def lock(self) -> int:
        """Make the folder if need be and lock it; return what ``unlock`` is given.

        Raises:
            LockTimeout: Somebody else holds it for too long.
        """
        left = deadline.remaining()
        until = time.monotonic() + min(
            _PATIENCE_SECONDS, _PATIENCE_SECONDS if left is None else left
        )
        while True:
            number = self._try_lock()
            if number is not None:
                return number
            if time.monotonic() >= until:
                raise LockTimeout(f"{self.path} is locked by somebody else.")
            time.sleep(_PAUSE_SECONDS)

    def unlock(self, number: int) -> None:
        """Let others write here; an empty folder goes."""
        try:
            self.path.rmdir()
        except OSError:
            pass  # It is not empty, or gone already.
        finally:
            os.close(number)

    def _try_lock(self) -> int | None:
        with self._told(""):
            if not self.path.is_dir():
                self._make()
            try:
                number = os.open(self.path, _FOLDER)
            except FileNotFoundError:  # It was empty, and whoever had it has removed it.
                return None
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever held it before may have removed the folder.
                if os.path.samestat(os.fstat(number), os.lstat(self.path)):
                    return number
            except (BlockingIOError, FileNotFoundError):
                pass
            except BaseException:
                os.close(number)
                raise
        os.close(number)
        return None

    def _make(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # Somebody else was quicker; or it is no folder.
            self.path.mkdir(mode=0o700)
        self._sync(self.path.parent)

    @contextmanager
    def _open(self, name: str, flags: int) -> Iterator[int]:
        with self._told(name):
            folder = os.open(self.path, _FOLDER)
            try:
                number = os.open(name, flags, mode=0o600, dir_fd=folder)
            finally:
                os.close(folder)
            try:
                yield number
            finally:
                os.close(number)

    def _sync(self, path: Path) -> None:
        number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Turn a failure of the system into a sentence about a file."""
        try:
            yield
        except FileNotFoundError as error:
            raise Vanished(name) from error
        except OSError as error:
            failure = _failure(self.path / name, error)
            log.error("learner_file_failed", problem=str(failure))  # noqa: TRY400 - the sentence says it all
            raise failure from None


def _failure(path: Path, error: OSError) -> DatabaseError:
    if error.errno in _FULL:
        return StorageFull(f"There is no room on the disk for {path}.")
    sentence = _SENTENCES.get(error.errno or 0, f"fails: {error.strerror}")
    return StorageFailure(f"{path} {sentence}.")
