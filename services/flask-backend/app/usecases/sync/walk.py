"""The way from a cursor through all changes of an account. Knows no bounds of a page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from typing import Final
from uuid import UUID

from app.keyset import Place, SyncCursor
from app.models import Row, list_changes
from app.usecases.sync.tables import Synced

_BATCH: Final = 250
"""Rows of one statement: so many may be read and not be taken."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row as it is now, perhaps deleted, and its table."""

    synced: Synced
    row: Row

    @property
    def place(self) -> Place:
        """Where it stands among all changes of the account."""
        row_id = str(self.row[self.synced.id_column])
        return Place(self.row["version"], self.synced.name, row_id)

    @property
    def is_deletion(self) -> bool:
        """Tell whether the row is gone."""
        return self.synced.is_deletable and self.row["is_deleted"]


def walk(
    user_id: UUID, tables: Iterable[Synced], start: SyncCursor, *, until: int, limit: int
) -> Iterator[Change]:
    """Give the changes behind a cursor by version, table and id.

    Args:
        user_id: Whose changes.
        tables: Of which tables.
        start: The cursor.
        until: The last version.
        limit: How many are likely to be taken at most.
    """
    batch = min(_BATCH, limit + 1)
    walks = [
        _walk_table(user_id, one, start, until=until, batch=min(batch, one.at_once))
        for one in tables
    ]
    # Their ids need no comparing: they are in order within each table.
    return merge(*walks, key=lambda change: (change.row["version"], change.synced.name))


def cursor_between(start: SyncCursor, last: Place, following: Place) -> SyncCursor:
    """Return the cursor behind one change and before another: between versions or within one."""
    if last.version < following.version:
        return replace(start, version=last.version, place=None)
    return replace(start, version=last.version - 1, place=last)


def _walk_table(
    user_id: UUID, synced: Synced, start: SyncCursor, *, until: int, batch: int
) -> Iterator[Change]:
    after: Place | None = _place_in(synced, start)
    while after is not None:
        rows = list_changes(
            user_id, synced, after=after, until=until, gone_until=start.origin, limit=batch
        )
        changes = [Change(synced, row) for row in rows]
        yield from changes
        after = changes[-1].place if len(changes) == batch else None


def _place_in(synced: Synced, start: SyncCursor) -> Place:
    """Return where a cursor is in one table: of a version, those before it were read as a whole."""
    place = start.place
    if place is None or place.table is None:
        return Place(start.version)
    if synced.name == place.table:
        return place
    return Place(place.version if synced.name < place.table else place.version - 1)
