"""Restoring a backup: into an empty database, and so that it serves only when it may.

The revision is written last. Until then the service and ``backend doctor`` take the database for
one that was never migrated, whatever has interrupted this.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from app.config import Settings
from app.models import close_db, init_db
from app.operations.backup.creating import ERASURES, Place, Tell, columns_of, create_backup
from app.operations.backup.engines import (
    ENGINES,
    VERSION_TABLE,
    begin_restore,
    empty,
    end_restore,
    is_unfinished,
    list_tables,
)
from app.operations.backup.errors import BackupError
from app.operations.backup.manifest import Manifest, read_manifest
from app.operations.backup.sealing import check_file, read_identities, unseal
from app.operations.backup.verifying import compare, feed_of, find_differences, open_backup
from app.usecases.backups import note
from app.usecases.restored import Adjusted, adjust
from bilayer.urls import engine_name


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it.

    Attributes:
        manifest: Of the backup.
        replaced: The backup of what was there before, if anything was.
        adjusted: What was done to the database, so that it may serve.
        unread: Later backups of which nobody knows who had been erased, and why.
    """

    manifest: Manifest
    replaced: Manifest | None
    adjusted: Adjusted
    unread: list[str]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a backup goes.

    Attributes:
        url: The database, as the role that owns its tables.
        settings: Of the service, with that database.
    """

    url: sa.URL
    settings: Settings


def restore_backup(
    folder: Path,
    to: Destination,
    place: Place,
    *,
    at: datetime,
    head: str,
    replace: bool = False,
    tell: Tell = lambda _: None,
) -> Restored:
    """Restore a backup into an empty database. The caller holds the lock of the backups' folder.

    Args:
        folder: Of the backup.
        to: Where to.
        place: Where backups are.
        at: Now.
        head: The revision of this code.
        replace: Make a backup of what is there, and take it away.
        tell: Is told how far it is.

    Raises:
        Broken: The backup is not what was written.
        BackupError: It cannot be restored, or not there. Nothing was changed, unless it says so.
    """
    kind = engine_name(to.url.drivername)
    tell(f"reading {folder.name}")
    manifest = open_backup(folder, engine=kind, head=head)
    feed = feed_of(folder, manifest, place.identity)
    unread: list[str] = []
    erased = {*_erased_in(folder, manifest, place), *_erased_since(folder, place, unread)}
    replaced = _keep_what_is_there(to.url, place, at=at, head=head, replace=replace, tell=tell)
    if replaced is not None:
        erased |= set(_erased_in(place.folder.path / replaced.name, replaced, place))
    tell(f"restoring {manifest.name}")
    begin_restore(to.url)
    try:
        with place.folder.workplace() as work:
            ENGINES[kind].load(to.url, feed, work, dumped_with=manifest.tool)
        compare(to.url, manifest, tell)
    except BaseException as error:
        with suppress(sa.exc.DBAPIError, BackupError):
            empty(to.url)
        if replaced is None or not isinstance(error, BackupError):
            raise
        message = f"{error} What was there is the backup {replaced.name}: restore that one."
        raise type(error)(message) from None
    tell("making it fit to serve")
    adjusted = _adjust(to, manifest, replaced, erased, at=at)
    end_restore(to.url, head)
    return Restored(manifest, replaced, adjusted, unread)


def _keep_what_is_there(
    url: sa.URL, place: Place, *, at: datetime, head: str, replace: bool, tell: Tell
) -> Manifest | None:
    """Make a backup of what is in a database, if anything is and it may go."""
    tables = set(list_tables(url)) if _is_there(url) else set()
    if is_unfinished(tables) or not tables - {VERSION_TABLE}:
        return None
    if not replace:
        message = f"The database has {len(tables)} tables. Restore into an empty one, or with"
        raise BackupError(f"{message} --replace, which makes a backup of it first.")
    replaced = create_backup(url, place, at=at, head=head, tell=tell)
    if find_differences(url, replaced, tell):
        message = f"Somebody has written since {replaced.name} was made of what is there"
        raise BackupError(f"{message}: stop the service, and run the same command again.")
    return replaced


def _adjust(
    to: Destination,
    manifest: Manifest,
    replaced: Manifest | None,
    erased: set[UUID],
    *,
    at: datetime,
) -> Adjusted:
    close_db()
    init_db(to.settings)
    try:
        adjusted = adjust(sorted(erased), at=at)
        note(manifest.name, verified_at=at, **columns_of(manifest))
        if replaced is not None:
            note(replaced.name, **columns_of(replaced))
    finally:
        close_db()
    return adjusted


def _is_there(url: sa.URL) -> bool:
    """Tell whether there is a database to look into; a file need not be there yet."""
    return engine_name(url.drivername) != "sqlite" or Path(str(url.database)).exists()


def _erased_since(folder: Path, place: Place, unread: list[str]) -> Iterator[UUID]:
    """Yield who was erased when later backups were made; tell of those that do not say."""
    for name in place.folder.names():
        if name <= folder.name:
            return
        later = place.folder.path / name
        try:
            yield from _erased_in(later, read_manifest(later), place)
        except BackupError as error:
            unread.append(str(error))


def _erased_in(folder: Path, manifest: Manifest, place: Place) -> list[UUID]:
    """Return who had been erased when a backup was made."""
    name = next(name for name in manifest.files if name.startswith(ERASURES))
    check_file(folder / name, manifest.files[name])
    text = io.BytesIO()
    unseal(folder / name, text, read_identities(place.identity))
    return [UUID(line.strip('"')) for line in text.getvalue().decode().split()]
