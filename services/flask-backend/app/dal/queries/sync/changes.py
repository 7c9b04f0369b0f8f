"""What has changed of an account, table by table. Every query is within one account."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.dal.synced import Synced
from app.keyset import Place


def list_changes(
    user_id: UUID, synced: Synced, *, after: Place, until: int, gone_until: int, limit: int
) -> list[Row]:
    """Return rows of a table by version, then id: those behind a place, deleted ones too.

    Args:
        user_id: Whose rows.
        synced: The table.
        after: The row before, or the version before.
        until: The last version, itself included.
        gone_until: Rows that were deleted by then are left out.
        limit: How many at most.
    """
    table = get_db()[synced.name]
    query = (table.user_id == user_id) & (table.version <= until)
    if after.id is None:
        query &= table.version > after.version
    else:
        # The first condition looks redundant; it is the one that an index can begin at.
        query &= table.version >= after.version
        behind = table[synced.id_column] > _id_of(table, synced, after.id)
        query &= (table.version > after.version) | behind
    if synced.is_deletable and gone_until:
        query &= _live(table) | (table.version > gone_until)
    order = table.version | table[synced.id_column]
    rows: list[Row] = get_db()(query).dicts(orderby=order, limitby=(0, limit))
    return rows


def get_last_version_before(user_id: UUID, synced: Synced, moment: datetime) -> int | None:
    """Return the greatest version of the rows that were last changed before a moment, or None."""
    table = get_db()[synced.name]
    # From the last one back: rows are changed in the order of their versions.
    rows: list[Row] = get_db()((table.user_id == user_id) & (table.updated_at < moment)).dicts(
        table.version, orderby=~table.version, limitby=(0, 1)
    )
    return rows[0]["version"] if rows else None


def list_live_versions(
    user_id: UUID, synced: Synced, *, after: UUID | str | None, limit: int
) -> list[Row]:
    """Return id and version of the rows of a table that are not deleted, by id.

    Args:
        user_id: Whose rows.
        synced: The table.
        after: The id before.
        limit: How many at most.
    """
    table = get_db()[synced.name]
    column = table[synced.id_column]
    query = (table.user_id == user_id) & (table.version > 0)
    if after is not None:
        query &= column > after
    if synced.is_deletable:
        query &= _live(table)
    rows: list[Row] = get_db()(query).dicts(
        column, table.version, orderby=column, limitby=(0, limit)
    )
    return rows


def _id_of(table: Any, synced: Synced, text: str) -> UUID | str:
    return UUID(text) if table[synced.id_column].type == "uuid" else text


def _live(table: Any) -> Query:
    return table.is_deleted == False  # noqa: E712 - a query
