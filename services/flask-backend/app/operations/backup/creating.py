"""Making a backup: one snapshot, read twice, and a manifest that says what it was."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from app.operations.backup.engines import ENGINES, Snapshot
from app.operations.backup.errors import BackupError
from app.operations.backup.folder import BackupFolder, new_name, time_of
from app.operations.backup.manifest import FileEntry, Manifest
from app.operations.backup.sealing import ENCRYPTED, read_recipients, seal
from app.operations.digests import digest_tables
from bilayer.urls import engine_name

Tell = Callable[[str], None]
"""Is told what is being done, in a few words."""

ERASURES: Final = "erasures.jsonl"
"""Which accounts had been erased: what an older backup brings back has to be erased again."""

_HEAD: Final = "SELECT number, hash FROM audit_blocks ORDER BY number DESC LIMIT 1"
_ERASED: Final = "SELECT user_id FROM erasures ORDER BY user_id"


@dataclass(frozen=True, slots=True)
class Place:
    """Where backups are, and for whom they are encrypted.

    Attributes:
        folder: Of all backups.
        recipients: age public keys; none: they are not encrypted.
        identity: The age private keys to read them with.
    """

    folder: BackupFolder
    recipients: Sequence[str] = ()
    identity: str | None = None


def create_backup(
    url: sa.URL, place: Place, *, at: datetime, head: str, tell: Tell = lambda _: None
) -> Manifest:
    """Make a backup of a database while others write to it. The caller holds the folder's lock.

    Args:
        url: The database, as whoever may read all of it.
        place: Where to.
        at: Now.
        head: The revision of this code.
        tell: Is told how far it is.

    Raises:
        BackupError: It cannot be made; nothing is left of it.
    """
    recipients = read_recipients(place.recipients)
    ending = ENCRYPTED if recipients else ""
    name, folder = new_name(at), place.folder
    with _in_words(folder.path), folder.workplace() as work:
        backup = work / "backup"
        backup.mkdir(mode=0o700)
        with ENGINES[engine_name(url.drivername)].snapshot(url, work) as snapshot:
            _require_head(snapshot.revision, head)
            tell("reading the database")
            files = {
                f"{snapshot.file}{ending}": seal(
                    snapshot.source, backup / f"{snapshot.file}{ending}", recipients
                ),
                f"{ERASURES}{ending}": seal(
                    _erasures(snapshot), backup / f"{ERASURES}{ending}", recipients
                ),
            }
            manifest = _describe(name, snapshot, files, tell, is_encrypted=bool(recipients))
        manifest.write(backup)
        folder.publish(backup, name)
    return manifest


def columns_of(manifest: Manifest) -> dict[str, Any]:
    """Return what the table ``backups`` says of a backup."""
    return {
        "engine": manifest.engine,
        "revision": manifest.revision,
        "size_bytes": manifest.size_bytes,
        "sha256": manifest.digest,
        "created_at": time_of(manifest.name),
    }


def _describe(
    name: str,
    snapshot: Snapshot,
    files: dict[str, FileEntry],
    tell: Tell,
    *,
    is_encrypted: bool,
) -> Manifest:
    tables = digest_tables(
        snapshot.database, on_rows=lambda table, count: tell(f"hashing {table}, {count} rows more")
    )
    head = snapshot.database.dal.executesql(_HEAD)
    return Manifest(
        name=name,
        created_at=time_of(name).isoformat(),
        app_version=version("flask-backend"),
        revision=snapshot.revision,
        engine=snapshot.database.engine_name,
        server=snapshot.server,
        tool=snapshot.tool,
        is_encrypted=is_encrypted,
        audit_head=f"{head[0][0]}:{head[0][1]}" if head else None,
        files=files,
        tables={table: asdict(digest) for table, digest in tables.items()},
    )


def _erasures(snapshot: Snapshot) -> io.BytesIO:
    rows = snapshot.database.dal.executesql(_ERASED)
    return io.BytesIO("".join(json.dumps(str(row[0])) + "\n" for row in rows).encode())


def _require_head(revision: str, head: str) -> None:
    if revision != head:
        there = f"at revision {revision}" if revision else "without a revision"
        message = f"The database is {there}, and this code is for {head}: backend db upgrade,"
        raise BackupError(f"{message} or use the release that the database is of.")


@contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    """Say what the disk has refused."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"The disk of {folder} is full; nothing was kept of this backup."
        else:
            message = f"{folder}: {error}"
        raise BackupError(message) from None
