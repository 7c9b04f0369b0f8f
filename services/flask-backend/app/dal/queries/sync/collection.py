"""What devices need to hear of no more: deleted rows, told results, clients that stay away.

Decides nothing about ages and bounds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row, delete_first
from app.dal.synced import Synced
from app.dal.versions import purging


def list_tombstone_owners(
    synced: Synced, *, before: datetime, after: UUID, limit: int
) -> list[UUID]:
    """Return the accounts behind one that have rows deleted before a time, by id."""
    table = get_db()[synced.name]
    owner = table.user_id
    query = _deleted(table) & (owner > after) & (table.updated_at < before)
    rows = get_db()(query).dicts(owner, groupby=owner, orderby=owner, limitby=(0, limit))
    return [row["user_id"] for row in rows]


def list_tombstones(
    synced: Synced, user_id: UUID, *, before: datetime, until: int | None, limit: int
) -> list[Row]:
    """Return id and version of rows of an account that were deleted before a time, oldest first.

    Args:
        synced: The table.
        user_id: Whose rows.
        before: The time.
        until: The last version that may be among them; None: any.
        limit: How many at most.
    """
    table = get_db()[synced.name]
    query = _deleted(table) & (table.user_id == user_id) & (table.updated_at < before)
    if until is not None:
        query &= table.version <= until
    rows: list[Row] = get_db()(query).dicts(
        table.id, table.version, orderby=table.updated_at, limitby=(0, limit)
    )
    return rows


def delete_tombstones(synced: Synced, user_id: UUID, ids: Sequence[UUID]) -> None:
    """Remove deleted rows of an account for good; its head is locked."""
    table = get_db()[synced.name]
    with purging():
        get_db()((table.user_id == user_id) & table.id.belongs(ids) & _deleted(table)).delete()


def raise_floor(user_id: UUID, floor: int) -> None:
    """Let no cursor lead on any more that is older than a version; the head is locked."""
    db = get_db()
    db((db.sync_heads.user_id == user_id) & (db.sync_heads.floor < floor)).update(floor=floor)


def delete_old_mutation_results(*, before: datetime, limit: int) -> int:
    """Forget the oldest results of mutations from before a time, and tell how many they were."""
    created_at = get_db().sync_mutations.created_at
    return delete_first(created_at < before, orderby=created_at, limit=limit)


def list_unseen_clients(*, before: datetime, start: UUID, limit: int) -> list[Row]:
    """Return keys of clients, from an account on, that were last seen before a time.

    Reads each client once in a walk: an index would cost every acknowledgement a second write.
    """
    clients = get_db().sync_clients
    query = (clients.user_id >= start) & (clients.last_seen_at < before)
    rows: list[Row] = get_db()(query).dicts(
        clients.user_id, clients.client_id, orderby=clients.user_id, limitby=(0, limit)
    )
    return rows


def delete_unseen_client(user_id: UUID, client_id: str, *, before: datetime) -> int:
    """Forget a client, unless it was seen since a time; tell how many went: one or none."""
    clients = get_db().sync_clients
    query = (clients.user_id == user_id) & (clients.client_id == client_id)
    return int(get_db()(query & (clients.last_seen_at < before)).delete())


def _deleted(table: Any) -> Query:
    return table.is_deleted == True  # noqa: E712 - a query
