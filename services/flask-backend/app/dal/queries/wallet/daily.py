"""The allowance of a day, and how everything that an account may spend is read at once.

Rows are locked before those of ``credit_accounts``.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row
from bilayer.runtime import Param, prepared, select, update

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def get_wallet(user_id: UUID) -> Row | None:
    """Return what an account may spend, of one moment and without a lock; None: no such account.

    The columns of a row that is not there yet are None. ``user_type`` and ``is_deleted`` are the
    account's.
    """
    return _WALLET.one(get_db(), user_id=user_id)


def get_filled_wallet(user_id: UUID) -> Row | None:
    """Return the same without the account's columns; None if its allowance was never filled.

    Whoever spends asks twice, and planning a join of three tables takes longer than running it.
    """
    return _FILLED_WALLET.one(get_db(), user_id=user_id)


def lock_daily_credits(user_id: UUID, at: datetime) -> Row:
    """Return the allowance of an account, made empty if need be, and locked until the end.

    A new row was last filled long ago, so that whoever fills it for a new day fills it too.
    """
    db = get_db()
    rows: list[Row] = db.lock_rows(db.user_credits.user_id == user_id)
    if not rows:
        values = {
            "user_id": user_id,
            "is_guest": False,
            "available_credits": 0,
            "max_credits": 1,
            "last_reset_timestamp": _NEVER,
            "created_at": at,
            "updated_at": at,
        }
        db.user_credits.upsert(values, conflict=["user_id"], update={})
        rows = db.lock_rows(db.user_credits.user_id == user_id)
    return rows[0]


def update_daily_credits(user_id: UUID, **columns: Any) -> None:
    """Change an allowance that is locked."""
    db = get_db()
    db(db.user_credits.user_id == user_id).update(**columns)


def spend_daily_credits(
    user_id: UUID, amount: int, *, is_guest: bool, since: datetime
) -> Row | None:
    """Take credits from an allowance, if it has them; return it then, or None.

    Args:
        user_id: Whose allowance.
        amount: How many credits.
        is_guest: Whether the account is a guest's: one that was must be filled up first.
        since: The beginning of the day: an allowance of an earlier one must be filled first.
    """
    values = {"user_id": user_id, "amount": amount, "is_guest": is_guest, "since": since}
    rows = _SPEND.changed(get_db(), **values)
    return rows[0] if rows else None


_WALLET = prepared(
    lambda db: select(
        db.users.id == Param("user_id"),
        db.users.user_type,
        db.users.is_deleted,
        db.user_credits.is_guest,
        db.user_credits.available_credits,
        db.user_credits.max_credits,
        db.user_credits.last_reset_timestamp,
        db.credit_accounts.credits_balance,
        db.credit_accounts.held,
        db.credit_accounts.debt,
        left=[
            db.user_credits.on(db.user_credits.user_id == db.users.id),
            db.credit_accounts.on(db.credit_accounts.user_id == db.users.id),
        ],
    )
)
_FILLED_WALLET = prepared(
    lambda db: select(
        db.user_credits.user_id == Param("user_id"),
        db.user_credits.is_guest,
        db.user_credits.available_credits,
        db.user_credits.max_credits,
        db.user_credits.last_reset_timestamp,
        db.credit_accounts.credits_balance,
        db.credit_accounts.held,
        db.credit_accounts.debt,
        left=db.credit_accounts.on(db.credit_accounts.user_id == db.user_credits.user_id),
    )
)
_SPEND = prepared(
    lambda db: update(
        (db.user_credits.user_id == Param("user_id"))
        & (db.user_credits.is_guest == Param("is_guest"))
        & (db.user_credits.last_reset_timestamp >= Param("since"))
        & (db.user_credits.available_credits >= Param("amount")),
        available_credits=db.user_credits.available_credits - Param("amount"),
    )
)
