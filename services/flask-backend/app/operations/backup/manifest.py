"""What a backup says of itself. It has a digest of its own, so that no byte of it can change.

The file is spelled in one way only: what was changed without any effect on its meaning is found
too. The digest is no signature: whoever may write to the folder can write another. The one in the
table ``backups`` is what shows that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from app.operations.backup.errors import BackupError, Broken

FILE: Final = "manifest.json"
FORMAT: Final = 1
_LARGEST: Final = 16 << 20
_FILE_NAME: Final = re.compile(r"(database\.(sqlite|pgdump|sql)|erasures\.jsonl)(\.age)?")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a backup, as it is on the disk."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in a backup, and what it was made with and of.

    Attributes:
        name: Of the backup.
        created_at: When its snapshot was taken, as RFC 3339.
        app_version: The release that made it, and can restore it.
        revision: At which the database was.
        engine: ``sqlite``, ``postgresql`` or ``mysql``.
        server: What the server calls itself.
        tool: With what the rows were dumped.
        is_encrypted: Whether an identity is needed to read it.
        audit_head: The last block of the audit log, as ``NUMBER:HASH``.
        files: By name.
        tables: Rows and hash of each, of the very snapshot that was dumped.
        format: How to read all this.
    """

    name: str
    created_at: str
    app_version: str
    revision: str
    engine: str
    server: str
    tool: str
    is_encrypted: bool
    audit_head: str | None
    files: Mapping[str, FileEntry]
    tables: Mapping[str, Mapping[str, Any]]
    format: int = field(default=FORMAT)

    @property
    def size_bytes(self) -> int:
        """How much room the files take."""
        return sum(entry.bytes for entry in self.files.values())

    @property
    def digest(self) -> str:
        """The hash over all of it."""
        return hashlib.sha256(_spell(asdict(self))).hexdigest()

    def write(self, folder: Path) -> None:
        """Store it in a backup's folder, as its last file."""
        text = _spell({**asdict(self), "digest": self.digest})
        handle = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says of itself, if it is what was written.

    Raises:
        Broken: It is not.
        BackupError: A later release has made it.
    """
    broken = Broken(f"{folder.name}/{FILE} is not what was written.")
    try:
        with (folder / FILE).open("rb") as file:
            text = file.read(_LARGEST)
        facts = json.loads(text)
        digest, version = facts.pop("digest"), facts["format"]
    except OSError as error:
        raise Broken(f"{folder.name}/{FILE} cannot be read: {error.strerror}.") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise broken from None
    if text != _spell({**facts, "digest": digest}) or digest != _digest_of(facts):
        raise broken
    if version != FORMAT:
        message = f"{folder.name} has format {version}, and this release reads {FORMAT}."
        raise BackupError(f"{message} Use the release that made it.")
    try:
        files = {name: FileEntry(**entry) for name, entry in facts.pop("files").items()}
        manifest = Manifest(**facts, files=files)
        is_whole = all({*table} == {"rows", "sha256"} for table in manifest.tables.values())
    except (LookupError, TypeError, AttributeError):
        raise broken from None
    # Whoever may write here can make up a digest too: no other files than these are ever read.
    kinds = sorted(name.partition(".")[0] for name in files if _FILE_NAME.fullmatch(name))
    if not is_whole or len(kinds) != len(files) or kinds != ["database", "erasures"]:
        raise broken
    if manifest.name != folder.name:
        raise Broken(f"{folder.name} says that it is {manifest.name}.")
    return manifest


def _digest_of(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(_spell(facts)).hexdigest()


def _spell(facts: Mapping[str, Any]) -> bytes:
    """Write JSON in the one way it is written here: legible, and in a fixed order."""
    return (json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode()
