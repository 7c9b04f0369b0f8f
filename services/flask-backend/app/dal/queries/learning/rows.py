"""Rows of learning by their ids, many at once. Every query is within one account.

Whoever writes holds the head of the account: nobody else writes its rows meanwhile.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.dal.versions import purging

_ROWS_AT_ONCE: Final = 1_000


def find_learning_rows(table: str, user_id: UUID, ids: Collection[UUID | str]) -> list[Row]:
    """Return those rows that there are, deleted ones too."""
    found: list[Row] = []
    for query in _some(table, user_id, ids):
        found += get_db()(query).dicts()
    return found


def create_learning_rows(table: str, user_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store rows, in the transaction of whoever calls. Each has the same columns.

    Raises:
        UniqueViolation: One is there, perhaps deleted.
    """
    # The database waits while rows are made ready; for so many not long, wherever this runs.
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        get_db()[table].insert_many({**row, "user_id": user_id} for row in some)


def update_learning_rows(
    table: str, user_id: UUID, ids: Collection[UUID | str], **columns: Any
) -> None:
    """Give columns of rows these values."""
    for query in _some(table, user_id, ids):
        get_db()(query).update(**columns)


def delete_learner_rows(table: str, user_id: UUID, profile_id: str) -> None:
    """Mark what belongs to a learner as deleted."""
    rows = get_db()[table]
    query = (rows.user_id == user_id) & (rows.profile_id == profile_id)
    live = query & (rows.is_deleted == False)  # noqa: E712 - a query
    ids = [row["id"] for row in get_db()(live).dicts(rows.id)]
    update_learning_rows(table, user_id, ids, is_deleted=True)


def remove_learning_rows(table: str, user_id: UUID, ids: Collection[UUID | str]) -> None:
    """Delete rows for good; what belongs to a learner goes with it."""
    with purging():
        for query in _some(table, user_id, ids):
            get_db()(query).delete()


def _some(table: str, user_id: UUID, ids: Collection[UUID | str]) -> Iterator[Query]:
    """Name the rows in as many queries as it takes: whoever watches a write reads its rows."""
    rows = get_db()[table]
    every, at_once = list(ids), rows.synced.at_once
    for start in range(0, len(every), at_once):
        yield (rows.user_id == user_id) & rows.id.belongs(every[start : start + at_once])
