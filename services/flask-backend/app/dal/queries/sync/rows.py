"""Rows of any synced table, by their ids, as a push reads and writes them. Decides nothing.

Whoever calls this holds the head of the account: nobody else writes its synced rows meanwhile.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.dal.synced import Synced

T = TypeVar("T")

_AT_ONCE: Final = 500
"""How many keys one statement names."""


def list_synced_rows(synced: Synced, user_id: UUID, ids: Collection[UUID]) -> dict[UUID, Row]:
    """Return those rows of an account that there are, deleted ones too, by their ids."""
    db = get_db()
    rows: dict[UUID, Row] = {}
    for some in chunks(ids):
        found: list[Row] = db(_rows(synced, user_id, some)).dicts()
        rows |= {row[synced.id_column]: row for row in found}
    return rows


def create_synced_rows(synced: Synced, user_id: UUID, rows: Mapping[UUID, Row]) -> None:
    """Store rows by their ids; what one does not name has the table's default."""
    alike: dict[frozenset[str], list[Row]] = {}
    for row_id, columns in rows.items():
        row = {**columns, "user_id": user_id, synced.id_column: row_id}
        alike.setdefault(frozenset(columns), []).append(row)
    for group in alike.values():
        get_db()[synced.name].insert_many(group)


def update_synced_row(synced: Synced, user_id: UUID, row_id: UUID, **columns: Any) -> None:
    """Change columns of a row."""
    get_db()(_rows(synced, user_id, [row_id])).update(**columns)


def mark_synced_rows_deleted(synced: Synced, user_id: UUID, ids: Collection[UUID]) -> None:
    """Mark rows as deleted, and change nothing else of them."""
    for some in chunks(ids):
        get_db()(_rows(synced, user_id, some)).update(is_deleted=True)


def chunks(items: Collection[T]) -> Iterator[list[T]]:
    """Yield the items in lists that one statement can name."""
    every = list(items)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def _rows(synced: Synced, user_id: UUID, ids: Collection[UUID]) -> Query:
    table = get_db()[synced.name]
    return (table.user_id == user_id) & table[synced.id_column].belongs(ids)
