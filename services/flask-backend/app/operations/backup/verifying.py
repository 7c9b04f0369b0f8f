"""Verifying a backup: it is restored into a scratch database, and compared with its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from app.models import open_verbatim
from app.operations.backup.creating import Place, Tell
from app.operations.backup.engines import ENGINES, find_orphans
from app.operations.backup.errors import BackupError, Broken
from app.operations.backup.manifest import FILE, Manifest, read_manifest
from app.operations.backup.sealing import check_file, read_identities, unseal
from app.operations.backup.tools import Feed
from app.operations.digests import digest_tables
from bilayer.runtime.errors import DatabaseError
from bilayer.urls import engine_name

_DATA: Final = "database."


def open_backup(folder: Path, *, engine: str, head: str, known: str | None = None) -> Manifest:
    """Return the manifest of a backup whose files are those that were written.

    Args:
        folder: Of the backup.
        engine: Of the database it is for.
        head: The revision of this code.
        known: The manifest's digest as the database knows it, if it does.

    Raises:
        Broken: A file is missing, is another, or is one too many.
        BackupError: This release cannot do anything with it.
    """
    manifest = read_manifest(folder)
    if known not in (None, manifest.digest):
        raise Broken(f"{folder.name} has another manifest than the one that the database knows.")
    if manifest.engine != engine:
        message = f"{folder.name} is of {manifest.engine}, and the database is {engine}: restore it"
        raise BackupError(f"{message} into {manifest.engine}, then use `backend db copy`.")
    if manifest.revision != head:
        message = f"{folder.name} has revision {manifest.revision}, and this code is for {head}"
        cure = f"Use release {manifest.app_version}, with which it was made, then"
        raise BackupError(f"{message}. {cure} upgrade what it has restored: backend db upgrade.")
    strays = {path.name for path in folder.iterdir()} - {FILE, *manifest.files}
    if strays:
        raise Broken(f"{folder.name} has a file that is none of its own: {min(strays)}.")
    for name, entry in manifest.files.items():
        check_file(folder / name, entry)
    return manifest


def feed_of(folder: Path, manifest: Manifest, identity: str | None) -> Feed:
    """Return what writes the dump of a backup to whoever loads it."""
    identities = read_identities(identity)
    path = next(folder / name for name in manifest.files if name.startswith(_DATA))
    return lambda target: unseal(path, target, identities)


def verify_backup(
    folder: Path,
    url: sa.URL,
    place: Place,
    *,
    head: str,
    known: str | None = None,
    tell: Tell = lambda _: None,
) -> Manifest:
    """Restore a backup into a scratch database, compare, and leave nothing behind.

    Args:
        folder: Of the backup.
        url: A database beside which scratch databases may be made.
        place: Where backups are. The caller holds its lock.
        head: The revision of this code.
        known: The manifest's digest as the database knows it, if it does.
        tell: Is told how far it is.

    Raises:
        Broken: It is not what was backed up.
        BackupError: It cannot be restored here.
    """
    tell(f"reading {folder.name}")
    engine = ENGINES[engine_name(url.drivername)]
    manifest = open_backup(folder, engine=engine_name(url.drivername), head=head, known=known)
    feed = feed_of(folder, manifest, place.identity)
    with place.folder.workplace() as work, engine.scratch(url, work) as scratch:
        tell("restoring it into a scratch database")
        engine.load(scratch, feed, work, dumped_with=manifest.tool)
        compare(scratch, manifest, tell)
    return manifest


def compare(url: sa.URL, manifest: Manifest, tell: Tell) -> None:
    """Compare a restored database with what was backed up.

    Raises:
        Broken: They differ, or rows refer to nothing.
    """
    try:
        flaws = [*find_differences(url, manifest, tell), *find_orphans(url)]
    except DatabaseError as error:
        raise Broken(f"{manifest.name} has no rows as they should be: {error}") from None
    if flaws:
        raise Broken(f"{manifest.name} does not restore what was backed up: {'; '.join(flaws)}.")


def find_differences(url: sa.URL, manifest: Manifest, tell: Tell) -> Sequence[str]:
    """Describe each table of a database that is not as it was backed up.

    Raises:
        DatabaseError: It cannot be read.
    """
    tell("comparing all rows")
    with open_verbatim(url) as database, database.transaction(readonly=True):
        found = digest_tables(database)
    return _differences(
        manifest.tables, {table: (one.rows, one.sha256) for table, one in found.items()}
    )


def _differences(
    expected: Mapping[str, Mapping[str, Any]], found: Mapping[str, tuple[int, str]]
) -> Sequence[str]:
    wanted = {table: (one["rows"], one["sha256"]) for table, one in expected.items()}
    return [
        f"{table} has {found.get(table, (0,))[0]} rows, and had {wanted.get(table, (0,))[0]}"
        if found.get(table, (0,))[0] != wanted.get(table, (0,))[0]
        else f"rows of {table} differ"
        for table in sorted({*wanted, *found})
        if wanted.get(table) != found.get(table)
    ]
