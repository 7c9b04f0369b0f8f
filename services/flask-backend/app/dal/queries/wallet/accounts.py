"""Prepaid credits: what is there, what of it is set aside, and what is owed.

Rows are locked after those of ``user_credits``; a guest's before that of who claims it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row
from bilayer.runtime import Param, prepared, select, update


def get_credit_account(user_id: UUID) -> Row | None:
    """Return the prepaid credits of an account, without a lock, or None."""
    return _BY_USER.one(get_db(), user_id=user_id)


def find_and_lock_credit_account(user_id: UUID) -> Row | None:
    """Return the prepaid credits of an account, locked until the transaction ends, or None."""
    db = get_db()
    rows: list[Row] = db.lock_rows(db.credit_accounts.user_id == user_id)
    return rows[0] if rows else None


def lock_credit_account(user_id: UUID, at: datetime) -> Row:
    """Return the same, made if need be, and then as of a time."""
    row = find_and_lock_credit_account(user_id)
    if row is None:
        accounts = get_db().credit_accounts
        values = {"user_id": user_id, "created_at": at, "updated_at": at}
        accounts.upsert(values, conflict=["user_id"], update={})
        row = find_and_lock_credit_account(user_id)
    assert row is not None  # noqa: S101 - rows of accounts are never deleted
    return row


def update_credit_account(user_id: UUID, **columns: Any) -> None:
    """Change an account that is locked."""
    db = get_db()
    db(db.credit_accounts.user_id == user_id).update(**columns)


def take_prepaid_credits(user_id: UUID, amount: int) -> Row | None:
    """Take credits that are not set aside, if there are enough; return the row then, or None."""
    rows = _TAKE.changed(get_db(), user_id=user_id, amount=amount)
    return rows[0] if rows else None


def hold_prepaid_credits(user_id: UUID, amount: int) -> bool:
    """Set credits aside, if enough are not yet; tell whether there were."""
    return bool(_HOLD.run(get_db(), user_id=user_id, amount=amount))


_BY_USER = prepared(
    lambda db: select(db.credit_accounts.user_id == Param("user_id"), db.credit_accounts.ALL)
)
_TAKE = prepared(
    lambda db: update(
        (db.credit_accounts.user_id == Param("user_id"))
        & (db.credit_accounts.credits_balance - db.credit_accounts.held >= Param("amount")),
        credits_balance=db.credit_accounts.credits_balance - Param("amount"),
    )
)
_HOLD = prepared(
    lambda db: update(
        (db.credit_accounts.user_id == Param("user_id"))
        & (db.credit_accounts.credits_balance - db.credit_accounts.held >= Param("amount")),
        held=db.credit_accounts.held + Param("amount"),
    )
)
