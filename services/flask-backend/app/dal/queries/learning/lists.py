"""What a learner has, page by page and counted. Every query is within one account."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.keyset import Position


def list_learning_rows(
    table: str,
    user_id: UUID,
    *,
    time: str,
    where: Mapping[str, Any],
    start: datetime | None = None,
    end: datetime | None = None,
    after: Position | None = None,
    columns: Sequence[str] = (),
    limit: int,
) -> list[Row]:
    """Return rows that are not deleted, newest first; whoever walks meets each exactly once.

    Args:
        table: Of which table.
        user_id: Whose.
        time: The column by which they are ordered, before the id.
        where: The values that columns have.
        start: The earliest time, itself included.
        end: The latest, itself included.
        after: The last row of the page before.
        columns: What of them; all if none is named.
        limit: How many at most.
    """
    rows = get_db()[table]
    at = rows[time]
    query = _live(table, user_id, where=where, at=at, start=start, end=end)
    if after is not None:
        # The first condition looks redundant; it is the one that an index can begin at.
        query &= at <= after.created_at
        query &= (at < after.created_at) | (rows.id < after.id)
    fields = [rows[name] for name in columns]
    found: list[Row] = get_db()(query).dicts(*fields, orderby=~at | ~rows.id, limitby=(0, limit))
    return found


def count_learning_days(
    table: str,
    user_id: UUID,
    profile_id: str,
    *,
    time: str,
    by: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[tuple[date, str | None, int]]:
    """Count what a learner has by UTC day, and by another column; in the order of both."""
    rows = get_db()[table]
    at = rows[time]
    query = _live(table, user_id, where={"profile_id": profile_id}, at=at, start=start, end=end)
    keys = [at.year(), at.month(), at.day(), *([rows[by]] if by else [])]
    count = rows.id.count()
    order = keys[0]
    for key in keys[1:]:
        order |= key
    found = get_db()(query).select(*keys, count, groupby=order, orderby=order)
    return [
        (date(*(int(row[key]) for key in keys[:3])), row[keys[3]] if by else None, row[count])
        for row in found
    ]


def _live(
    table: str,
    user_id: UUID,
    *,
    where: Mapping[str, Any],
    at: Any,
    start: datetime | None,
    end: datetime | None,
) -> Query:
    rows = get_db()[table]
    query = (rows.user_id == user_id) & (rows.is_deleted == False)  # noqa: E712 - a query
    for name, value in where.items():
        query &= rows[name] == value
    if start is not None:
        query &= at >= start
    if end is not None:
        query &= at <= end
    return query
