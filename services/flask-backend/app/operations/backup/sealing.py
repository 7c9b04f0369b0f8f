"""Files of a backup: written and read as streams, hashed on their way, encrypted if asked for.

Encrypted with age, for public keys; so whoever makes backups need not be able to read them. No file
is ever in memory as a whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import pyrage

from app.operations.backup.errors import BackupError, Broken
from app.operations.backup.manifest import FileEntry

ENCRYPTED: Final = ".age"
_CHUNK: Final = 1 << 20


class Source(Protocol):
    """What bytes are read from; none are the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""


class Target(Protocol):
    """What takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Take bytes."""

    def flush(self) -> None:
        """Hand on what was taken."""


class _Meter:
    """Counts and hashes what passes on its way to a target, and keeps why the target failed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self._bytes = 0
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self._target.write(data)
        except BaseException as error:  # What encrypts makes a text of it.
            self.failure = error
            raise
        self._hash.update(data)
        self._bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._target.flush()

    @property
    def entry(self) -> FileEntry:
        return FileEntry(self._bytes, self._hash.hexdigest())


def read_recipients(texts: Sequence[str]) -> list[pyrage.x25519.Recipient]:
    """Return the public keys of ``BACKUP_RECIPIENTS``.

    Raises:
        BackupError: One is none.
    """
    try:
        return [pyrage.x25519.Recipient.from_str(text) for text in texts]
    except pyrage.RecipientError:
        message = "BACKUP_RECIPIENTS must be age public keys (age1...) with commas between them."
        raise BackupError(message) from None


def read_identities(text: str | None) -> list[pyrage.x25519.Identity]:
    """Return the private keys of ``BACKUP_IDENTITY``: lines, as ``age-keygen`` writes them.

    Raises:
        BackupError: One is none.
    """
    lines = [line.strip() for line in (text or "").splitlines()]
    try:
        return [
            pyrage.x25519.Identity.from_str(line)
            for line in lines
            if line and not line.startswith("#")
        ]
    except pyrage.IdentityError:
        message = "BACKUP_IDENTITY must be an age private key (AGE-SECRET-KEY-1...)."
        raise BackupError(message) from None


def seal(source: Source, path: Path, recipients: Sequence[pyrage.x25519.Recipient]) -> FileEntry:
    """Store a stream in a new file, encrypted if there is anybody to encrypt it for.

    Raises:
        OSError: It cannot be read or stored.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        meter = _Meter(file)
        if recipients:
            try:
                pyrage.encrypt_io(source, meter, recipients)
            except pyrage.EncryptError as error:
                raise meter.failure or OSError(str(error)) from None
        else:
            shutil.copyfileobj(source, meter, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
    return meter.entry


def check_file(path: Path, entry: FileEntry) -> None:
    """Compare a file with what the manifest says of it.

    Raises:
        Broken: It is not the one that was stored.
    """
    place = f"{path.parent.name}/{path.name}"
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise Broken(f"{place} is no file.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Broken(f"{place} cannot be read: {error.strerror}.") from None
    if found.st_size != entry.bytes:
        raise Broken(f"{place} has {found.st_size} bytes, and had {entry.bytes}.")
    if digest != entry.sha256:
        raise Broken(f"{place} is not what was written: its SHA-256 is another.")


def unseal(path: Path, target: Target, identities: Sequence[pyrage.x25519.Identity]) -> None:
    """Hand a file on to a target, decrypted if it was encrypted.

    Raises:
        BackupError: It is encrypted, for somebody else or for nobody here.
        OSError: It cannot be read, or the target does not take it.
    """
    with path.open("rb") as file:
        if path.suffix != ENCRYPTED:
            shutil.copyfileobj(file, target, _CHUNK)
            return
        if not identities:
            message = f"{path.parent.name} is encrypted: set BACKUP_IDENTITY (or _FILE)"
            raise BackupError(f"{message} to the private key it was encrypted for.")
        meter = _Meter(target)
        try:
            pyrage.decrypt_io(file, meter, identities)
        except pyrage.DecryptError:
            message = f"{path.parent.name} was encrypted for another key than BACKUP_IDENTITY."
            raise BackupError(message) from None
        except OSError as error:
            raise meter.failure or Broken(f"{path.name}: {error}") from None
