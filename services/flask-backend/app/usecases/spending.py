"""Credits that are spent: those of the day first, then prepaid ones.

Nobody waits to find out what there is: a plan is read without a lock, and each bucket is changed by
one statement that says what it must have. Only who was too slow for the plan, or has too little,
locks both buckets, those of the day first, and finds out for good.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import uuid_utils.compat

from app import clock
from app.errors import PaymentRequired
from app.metrics import record_refused_spend, record_spend
from app.models import spend_daily_credits, take_prepaid_credits
from app.usecases import ledger
from app.usecases.allowances import Owner, day_of
from app.usecases.ledger import Cause, Entry
from app.usecases.wallet import (
    Change,
    Credits,
    find_credits,
    settle,
    too_few,
    with_daily,
    with_prepaid,
)
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket, TransactionType
from bilayer.runtime.errors import SerializationFailure


@dataclass(frozen=True, slots=True)
class Spending(Change):
    """A spend that was made.

    Attributes:
        spend_id: What it is called; for a refund.
        parts: How many credits came from each bucket.
    """

    spend_id: UUID
    parts: "Parts"


@dataclass(frozen=True, slots=True)
class Parts:
    """How many credits of each bucket."""

    daily: int = 0
    prepaid: int = 0

    @property
    def total(self) -> int:
        """How many together."""
        return self.daily + self.prepaid

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(self.daily + other.daily, self.prepaid + other.prepaid)


_NOTHING: Final = Parts()


def spend(owner: Owner, amount: int, *, description: str | None = None) -> Spending:
    """Spend credits, all or none.

    Raises:
        PaymentRequired: ``INSUFFICIENT_CREDITS``: there are fewer.
    """
    try:
        spending = _spend(owner, amount, description)
    except PaymentRequired:
        record_refused_spend()
        raise
    record_spend(Bucket.DAILY, spending.parts.daily)
    record_spend(Bucket.PREPAID, spending.parts.prepaid)
    return spending


@unit_of_work
def _spend(owner: Owner, amount: int, description: str | None) -> Spending:
    at = clock.now()
    found = find_credits(owner, at)
    parts, left = (_NOTHING, None) if found is None else _take(owner, amount, found, at)
    if left is None or parts.total < amount:
        found = settle(owner, at)
        # Nobody is quicker now: both buckets are locked.
        more, left = _take(owner, amount - parts.total, found, at)
        parts += more
        if parts.total < amount:
            raise too_few(found, parts.total + found.total, amount)
    spend_id = uuid_utils.compat.uuid7()
    cause = Cause(TransactionType.SPEND, str(spend_id), at, description)
    ids = ledger.append_all(owner.user_id, list(_entries(parts, left, cause)))
    return Spending(left, ids, spend_id, parts)


def _take(owner: Owner, amount: int, found: Credits, at: datetime) -> tuple[Parts, Credits]:
    """Take credits as far as they are still there; those of the day perhaps alone.

    Returns:
        What was taken, and what there is then.

    Raises:
        SerializationFailure: Others were quicker, and the spend is to be tried anew.
    """
    from_daily = min(amount, found.daily.available)
    parts = Parts(from_daily, amount - from_daily)
    if parts.prepaid > found.prepaid.available:
        return _NOTHING, found
    left = found
    if parts.daily:
        daily = spend_daily_credits(
            owner.user_id, parts.daily, is_guest=found.daily.is_guest, since=day_of(at)
        )
        if daily is None:
            return _NOTHING, found
        left = with_daily(left, daily)
    if parts.prepaid:
        prepaid = take_prepaid_credits(owner.user_id, parts.prepaid)
        if prepaid is None and not parts.daily:
            # The update that was too slow has locked the second bucket, and not the first one.
            raise SerializationFailure("others have taken these credits in the meantime")
        if prepaid is None:
            return Parts(parts.daily), left
        left = with_prepaid(left, prepaid)
    return parts, left


def _entries(parts: Parts, left: Credits, cause: Cause) -> Iterable[Entry]:
    if parts.daily:
        yield Entry(Bucket.DAILY, -parts.daily, left.daily.available, cause)
    if parts.prepaid:
        yield Entry(Bucket.PREPAID, -parts.prepaid, left.prepaid.balance, cause)
