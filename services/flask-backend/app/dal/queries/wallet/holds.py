"""Prepaid credits that are set aside. A hold is open until one conditional update ends it.

Whoever ends one has locked the row of ``credit_accounts`` before, which counts what is held.
"""

from datetime import datetime
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.keyset import Position
from app.vocabulary import HoldState


def create_hold(
    user_id: UUID,
    *,
    hold_id: UUID,
    amount: int,
    reason: str | None,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Store an open hold."""
    get_db().credit_holds.insert(
        user_id=user_id,
        id=hold_id,
        amount=amount,
        reason=reason,
        created_at=created_at,
        expires_at=expires_at,
    )


def get_hold(user_id: UUID, hold_id: UUID) -> Row | None:
    """Return a hold of this account, in whatever state, or None."""
    row: Row | None = get_db()(_key(user_id, hold_id)).one()
    return row


def list_holds(
    user_id: UUID,
    *,
    after: Position | None = None,
    limit: int,
) -> list[Row]:
    """Return holds of an account, newest first.

    Args:
        user_id: Whose holds.
        after: The last row of the page before.
        limit: How many at most.
    """
    db = get_db()
    holds = db.credit_holds
    query = holds.user_id == user_id
    if after is not None:
        # The first condition looks redundant; it is the one that an index can begin at.
        query &= holds.created_at <= after.created_at
        query &= (holds.created_at < after.created_at) | (holds.id < after.id)
    rows: list[Row] = db(query).dicts(orderby=~holds.created_at | ~holds.id, limitby=(0, limit))
    return rows


def list_expired_holds(user_id: UUID, *, at: datetime, limit: int | None = None) -> list[Row]:
    """Return the open holds of an account whose time is over, the oldest first.

    Args:
        user_id: Whose holds.
        at: Now.
        limit: How many at most; all if None.
    """
    db = get_db()
    holds = db.credit_holds
    query = (holds.user_id == user_id) & _expired(at)
    page = None if limit is None else (0, limit)
    rows: list[Row] = db(query).dicts(orderby=holds.expires_at | holds.id, limitby=page)
    return rows


def list_owners_of_expired_holds(*, at: datetime, limit: int) -> list[UUID]:
    """Return the accounts of the open holds whose time has been over for longest."""
    db = get_db()
    holds = db.credit_holds
    rows = db(_expired(at)).dicts(holds.user_id, orderby=holds.expires_at, limitby=(0, limit))
    return list(dict.fromkeys(row["user_id"] for row in rows))


def end_hold(
    user_id: UUID, hold_id: UUID, *, state: str, captured: int = 0, ended_at: datetime
) -> bool:
    """End a hold, unless it has ended; tell whether it had not."""
    is_open = get_db().credit_holds.state == str(HoldState.OPEN)
    changes = {"state": state, "captured": captured, "ended_at": ended_at}
    return bool(get_db()(_key(user_id, hold_id) & is_open).update(**changes))


def _key(user_id: UUID, hold_id: UUID) -> Query:
    holds = get_db().credit_holds
    return (holds.user_id == user_id) & (holds.id == hold_id)


def _expired(at: datetime) -> Query:
    holds = get_db().credit_holds
    return (holds.state == str(HoldState.OPEN)) & (holds.expires_at <= at)
