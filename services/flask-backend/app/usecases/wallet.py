"""What an account may spend: the allowance of the day and prepaid credits, as they are now.

Time makes things due: the allowance is filled, and what was set aside for too long is available
again. ``settle`` does all of it, exactly once; while the database takes no writes, readers are told
what it would do. What else changes credits is in ``spending``, ``corrections`` and ``holds``.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app import clock
from app.errors import NotFound, PaymentRequired
from app.models import (
    Row,
    find_and_lock_credit_account,
    get_credit_account,
    get_filled_wallet,
    get_wallet,
    list_credit_transactions,
    list_expired_holds,
    lock_daily_credits,
    update_daily_credits,
)
from app.usecases import ledger
from app.usecases.allowances import Allowances, Owner, end_of_day, find_filling
from app.usecases.holds import end_expired_holds
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket
from bilayer.runtime.errors import ReadOnly

__all__ = [
    "Change",
    "Credits",
    "Daily",
    "Prepaid",
    "credits_of",
    "find_credits",
    "list_credit_transactions",
    "read_credits",
    "require_owner",
    "settle",
    "too_few",
    "with_daily",
    "with_prepaid",
]


@dataclass(frozen=True, slots=True)
class Daily:
    """The allowance of a day.

    Attributes:
        available: What is left of it.
        max: How much it was.
        resets_at: When the next day begins.
        is_guest: Whether it is that of a guest.
    """

    available: int
    max: int
    resets_at: datetime
    is_guest: bool


@dataclass(frozen=True, slots=True)
class Prepaid:
    """What was paid for or given.

    Attributes:
        balance: What is there.
        held: What of it is set aside.
        debt: What is owed; the next credits pay it.
    """

    balance: int = 0
    held: int = 0
    debt: int = 0

    @property
    def available(self) -> int:
        """What can be spent."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class Credits:
    """Everything an account may spend."""

    daily: Daily
    prepaid: Prepaid

    @property
    def total(self) -> int:
        """What can be spent at once."""
        return self.daily.available + self.prepaid.available


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody has done with credits.

    Attributes:
        credits: What is there now.
        transaction_ids: The rows of the ledger that tell it.
    """

    credits: Credits
    transaction_ids: list[UUID]


def require_owner(user_id: UUID, allowances: Allowances) -> Owner:
    """Return any account as one that has credits.

    Raises:
        NotFound: ``USER_NOT_FOUND``: there is none, or it is deleted.
    """
    return allowances.owner(user_id, _require_wallet(user_id)["user_type"])


def credits_of(owner: Owner) -> Credits:
    """Return what an account may spend now. What is due is done if the database takes writes."""
    at = clock.now()
    found = find_credits(owner, at)
    if found is not None:
        return found
    try:
        return settle(owner, at)
    except ReadOnly:
        return _foresee_credits(owner, at)


def find_credits(owner: Owner, at: datetime) -> Credits | None:
    """Return what is stored, of one moment; None if something is due first."""
    wallet = get_filled_wallet(owner.user_id)
    if wallet is None or find_filling(owner, wallet, at) is not None:
        return None
    if wallet["held"] and list_expired_holds(owner.user_id, at=at):
        return None
    return _credits(wallet, wallet)


def read_credits(owner: Owner) -> Credits:
    """Return what is stored, in a unit that has changed it."""
    wallet = get_filled_wallet(owner.user_id)
    assert wallet is not None  # noqa: S101 - the unit has changed rows of this account
    return _credits(wallet, wallet)


@unit_of_work
def settle(owner: Owner, at: datetime) -> Credits:
    """Do what time has made due, and return what there is, which is locked until the unit ends.

    The lock on the allowance is what lets one of many do it.
    """
    daily = lock_daily_credits(owner.user_id, at)
    filling = find_filling(owner, daily, at)
    if filling is not None:
        daily |= filling.columns
        update_daily_credits(owner.user_id, **filling.columns)
        if filling.amount:
            left = daily["available_credits"]
            ledger.append(owner.user_id, Bucket.DAILY, filling.amount, left, filling.cause)
    prepaid = find_and_lock_credit_account(owner.user_id)
    if prepaid is not None and prepaid["held"] and end_expired_holds(owner.user_id, at):
        prepaid = get_credit_account(owner.user_id)
    return _credits(daily, prepaid)


def too_few(found: Credits, available: int, requested: int) -> PaymentRequired:
    """Return the refusal of a request for more credits than are available for it."""
    return PaymentRequired(
        "INSUFFICIENT_CREDITS",
        "There are not enough credits.",
        facts={
            "available": available,
            "requested": requested,
            "resets_at": found.daily.resets_at,
        },
    )


def _require_wallet(user_id: UUID) -> Row:
    wallet = get_wallet(user_id)
    if wallet is None or wallet["is_deleted"]:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    return wallet


def _foresee_credits(owner: Owner, at: datetime) -> Credits:
    """Return what ``settle`` would, without writing."""
    wallet = _require_wallet(owner.user_id)
    filling = find_filling(owner, wallet, at)
    daily = wallet if filling is None else wallet | filling.columns
    if not wallet["held"]:
        return _credits(daily, wallet)
    freed = sum(hold["amount"] for hold in list_expired_holds(owner.user_id, at=at))
    paid = min(freed, wallet["debt"])
    prepaid = {
        "credits_balance": wallet["credits_balance"] - paid,
        "held": wallet["held"] - freed,
        "debt": wallet["debt"] - paid,
    }
    return _credits(daily, prepaid)


def with_daily(found: Credits, daily: Row) -> Credits:
    """Return what there is when an allowance has become what its row says."""
    return replace(found, daily=_daily(daily))


def with_prepaid(found: Credits, prepaid: Row) -> Credits:
    """Return what there is when prepaid credits have become what their row says."""
    return replace(found, prepaid=_prepaid(prepaid))


def _credits(daily: Row, prepaid: Row | None) -> Credits:
    """Read two rows, of which the second one may not be there yet."""
    return Credits(_daily(daily), _prepaid(prepaid or {}))


def _daily(row: Row) -> Daily:
    # The day is that of the allowance: a machine whose clock is ahead may have begun the next one.
    resets_at = end_of_day(row["last_reset_timestamp"])
    return Daily(row["available_credits"], row["max_credits"], resets_at, row["is_guest"])


def _prepaid(row: Row) -> Prepaid:
    columns = (row.get(name) or 0 for name in ("credits_balance", "held", "debt"))
    return Prepaid(*columns)
