"""Prepaid credits come and go, each change with its rows of the ledger. Opens no transaction.

Whoever calls has a unit of work, and knows why; here it is known what follows: what makes credits
available pays the debt first, and what cannot be taken back becomes debt. The schema refuses a debt
beside credits that could pay it, so both happen in one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import uuid_utils.compat

from app.models import (
    Row,
    create_credit_transactions,
    lock_credit_account,
    take_prepaid_credits,
    update_credit_account,
)
from app.vocabulary import Bucket, TransactionType


@dataclass(frozen=True, slots=True)
class Cause:
    """Why credits come or go. Each counts once in a bucket of an account.

    Attributes:
        transaction_type: The kind of reason.
        reference: Which one of this kind.
        at: When.
        reason: What people say about it.
    """

    transaction_type: TransactionType
    reference: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of one bucket.

    Attributes:
        bucket: Which one.
        amount: What it has more than before.
        balance_after: What it has now.
        cause: Why.
    """

    bucket: Bucket
    amount: int
    balance_after: int
    cause: Cause


def lock_account(user_id: UUID, at: datetime) -> Row:
    """Return the prepaid credits of an account, made if need be, locked until the unit ends."""
    return lock_credit_account(user_id, at)


def holder_of(user_id: UUID, at: datetime) -> UUID:
    """Return who has the prepaid credits of an account, which is locked: itself, or who claimed it.

    A guest's row is locked before that of who claimed it.
    """
    claimed_by = lock_account(user_id, at)["claimed_by"]
    return user_id if claimed_by is None else holder_of(claimed_by, at)


def credit_prepaid(user_id: UUID, amount: int, cause: Cause) -> list[UUID]:
    """Add credits, of which the debt takes its part at once; return the rows of the ledger."""
    account = lock_account(user_id, cause.at)
    balance = account["credits_balance"] + amount
    paid, entries = _payment(balance, account["debt"], amount, cause)
    update_credit_account(user_id, credits_balance=balance - paid, debt=account["debt"] - paid)
    return append_all(user_id, [Entry(Bucket.PREPAID, amount, balance, cause), *entries])


def debit_prepaid(user_id: UUID, amount: int, cause: Cause) -> UUID | None:
    """Take credits that are not set aside; None: there are not enough, and nothing was written."""
    account = take_prepaid_credits(user_id, amount)
    if account is None:
        return None
    return append(user_id, Bucket.PREPAID, -amount, account["credits_balance"], cause)


def seize_prepaid(user_id: UUID, amount: int, cause: Cause) -> list[UUID]:
    """Take credits back: what is available at once, the rest as debt. Holds stay as they are."""
    account = lock_account(user_id, cause.at)
    taken = min(amount, account["credits_balance"] - account["held"])
    balance, debt = account["credits_balance"] - taken, account["debt"] + amount - taken
    update_credit_account(user_id, credits_balance=balance, debt=debt)
    entries = (
        Entry(Bucket.PREPAID, -taken, balance, cause),
        Entry(Bucket.DEBT, amount - taken, debt, cause),
    )
    return append_all(user_id, [entry for entry in entries if entry.amount])


def release_held(user_id: UUID, amount: int, cause: Cause) -> list[UUID]:
    """Make credits available that were set aside, and pay the debt with them first.

    Args:
        user_id: Whose credits.
        amount: How many are set aside no longer.
        cause: Why. What pays the debt has its reference.
    """
    account = lock_account(user_id, cause.at)
    paid, entries = _payment(account["credits_balance"], account["debt"], amount, cause)
    update_credit_account(
        user_id,
        credits_balance=account["credits_balance"] - paid,
        held=account["held"] - amount,
        debt=account["debt"] - paid,
    )
    return append_all(user_id, entries)


def append(user_id: UUID, bucket: Bucket, amount: int, balance_after: int, cause: Cause) -> UUID:
    """Append one row to the ledger, and return its id."""
    [transaction_id] = append_all(user_id, [Entry(bucket, amount, balance_after, cause)])
    return transaction_id


def append_all(user_id: UUID, entries: Sequence[Entry]) -> list[UUID]:
    """Append rows to the ledger in one statement, and return their ids in this order."""
    ids = [uuid_utils.compat.uuid7() for _ in entries]
    rows = [
        {
            "user_id": user_id,
            "id": transaction_id,
            "bucket": str(entry.bucket),
            "transaction_type": str(entry.cause.transaction_type),
            "amount": entry.amount,
            "balance_after": entry.balance_after,
            "reference": entry.cause.reference,
            "reason": entry.cause.reason,
            "created_at": entry.cause.at,
        }
        for transaction_id, entry in zip(ids, entries, strict=True)
    ]
    if rows:
        create_credit_transactions(rows)
    return ids


def _payment(balance: int, debt: int, available: int, cause: Cause) -> tuple[int, list[Entry]]:
    """Say how much of a debt is paid when credits become available, and by which rows."""
    paid = min(debt, available)
    why = replace(cause, transaction_type=TransactionType.DEBT_PAYMENT)
    entries = [
        Entry(Bucket.PREPAID, -paid, balance - paid, why),
        Entry(Bucket.DEBT, -paid, debt - paid, why),
    ]
    return paid, entries if paid else []
