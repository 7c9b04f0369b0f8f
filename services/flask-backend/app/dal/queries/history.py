"""What people did, one row an action. Every query is within one account."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, reduce
from operator import and_
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.keyset import Position
from bilayer.runtime import DAL, Param, Prepared, prepared, select


def create_history(
    user_id: UUID,
    *,
    history_id: UUID | None = None,
    action_type: str,
    payload: dict[str, Any],
    created_at: datetime | None = None,
) -> Row:
    """Store an action and return its row.

    Args:
        user_id: Whose action it is.
        history_id: Its id. None makes one that nobody else has, so that nobody waits to see: what
            is wrong is raised by the next statement of the transaction, at the latest by COMMIT.
        action_type: What was done.
        payload: Anything about it.
        created_at: When, if it is not now.

    Raises:
        UniqueViolation: The account has an action with this id, perhaps a deleted one.
    """
    history = get_db().history
    insert = history.insert_returning if history_id else history.insert_ahead
    row: Row = insert(
        user_id=user_id,
        id=history_id or uuid_utils.compat.uuid7(),
        action_type=action_type,
        payload=payload,
        created_at=created_at,
    )
    return row


def get_history(user_id: UUID, history_id: UUID) -> Row | None:
    """Return an action of this account that is not deleted, or None."""
    row = get_history_or_deleted(user_id, history_id)
    return row if row and not row["is_deleted"] else None


def get_history_or_deleted(user_id: UUID, history_id: UUID) -> Row | None:
    """Return an action of this account, deleted or not, or None."""
    return _BY_KEY.one(get_db(), user_id=user_id, id=history_id)


def list_history(
    user_id: UUID,
    *,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    action_type: str | None = None,
    after: Position | None = None,
    limit: int,
) -> list[Row]:
    """Return actions of an account that are not deleted, newest first, without its id in each.

    The order is ``created_at``, then ``id``. Both are written once and never change, so a row
    keeps its place: whoever walks from page to page meets every row that was there when the walk
    began exactly once, however many are stored meanwhile. A row stored meanwhile has its place
    before or behind the walker, and is met not at all or once.

    Args:
        user_id: Whose actions.
        start_date: The earliest ``created_at``, itself included.
        end_date: The latest, itself included.
        action_type: Only actions of this type.
        after: The last row of the page before.
        limit: How many at most.
    """
    given = {
        "start_date": start_date,
        "end_date": end_date,
        "action_type": action_type,
        "last_time": after and after.created_at,
        "last_id": after and after.id,
    }
    filters = {name: value for name, value in given.items() if value is not None}
    return _page(frozenset(filters), limit).dicts(get_db(), user_id=user_id, **filters)


def update_history(user_id: UUID, history_id: UUID, **columns: Any) -> Row | None:
    """Change columns of an action that is not deleted, and return it, or None.

    Raises:
        InvalidValue: A column does not exist or does not take the value.
    """
    rows: list[Row] = _live_one(user_id, history_id).update_returning(**columns)
    return rows[0] if rows else None


def delete_history(user_id: UUID, history_id: UUID) -> bool:
    """Mark an action as deleted; tell whether there was one that was not."""
    return bool(_live_one(user_id, history_id).update(is_deleted=True))


@lru_cache(maxsize=64)
def _page(filters: frozenset[str], limit: int) -> Prepared:
    """Prepare a page with these filters and of this length: clients ask for few kinds of them."""

    def describe(db: DAL) -> Any:
        history = db.history
        conditions = [_FILTERS[name](history) for name in sorted(filters)]
        query = reduce(and_, conditions, _live(db, Param("user_id")))
        order = ~history.created_at | ~history.id
        columns = [field for field in history if field.name != "user_id"]
        return select(query, *columns, orderby=order, limitby=(0, limit))

    return prepared(describe)


_FILTERS: Final[dict[str, Callable[[Any], Query]]] = {
    "start_date": lambda history: history.created_at >= Param("start_date"),
    "end_date": lambda history: history.created_at <= Param("end_date"),
    "action_type": lambda history: history.action_type == Param("action_type"),
    # Looks redundant beside the next; it is the one that an index can begin at.
    "last_time": lambda history: history.created_at <= Param("last_time"),
    "last_id": lambda history: (
        (history.created_at < Param("last_time")) | (history.id < Param("last_id"))
    ),
}


def _live_one(user_id: UUID, history_id: UUID) -> Any:
    db = get_db()
    return db(_live(db, user_id) & (db.history.id == history_id))


def _live(db: DAL, user_id: UUID | Param) -> Query:
    return (db.history.user_id == user_id) & (db.history.is_deleted == False)  # noqa: E712 - a query


_BY_KEY: Final = prepared(
    lambda db: select((db.history.user_id == Param("user_id")) & (db.history.id == Param("id")))
)
