"""The allowance of a day: how much it is, and when and by how much it is filled. Reads no row.

A day is one of UTC. A new day fills the allowance to what it is now; on the day on which a guest
becomes a user it is raised by the difference.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from app.models import Row
from app.usecases.ledger import Cause
from app.vocabulary import TransactionType, UserType


@dataclass(frozen=True, slots=True)
class Allowances:
    """How many credits a day brings.

    Attributes:
        user: To an account.
        guest: To a guest.
    """

    user: int
    guest: int

    def owner(self, user_id: UUID, user_type: str) -> "Owner":
        """Return an account as one that has credits."""
        is_guest = user_type == UserType.GUEST
        return Owner(user_id, is_guest, self.guest if is_guest else self.user)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has credits.

    Attributes:
        user_id: Which account.
        is_guest: Whether it is a guest's.
        allowance: How many credits a day brings it.
    """

    user_id: UUID
    is_guest: bool
    allowance: int


@dataclass(frozen=True, slots=True)
class Filling:
    """What an allowance is to become.

    Attributes:
        columns: The new values of its row.
        amount: How many credits it has more than before; perhaps none, or fewer.
        cause: Why.
    """

    columns: dict[str, Any]
    amount: int
    cause: Cause


def find_filling(owner: Owner, row: Row, at: datetime) -> Filling | None:
    """Return what is due, or None. The columns of a row that is not there yet are None."""
    last, day = row["last_reset_timestamp"], at.date().isoformat()
    if last is None or last < day_of(at):
        cause = Cause(TransactionType.DAILY_RESET, day, at)
        columns = {
            "is_guest": owner.is_guest,
            "available_credits": owner.allowance,
            "max_credits": owner.allowance,
            "last_reset_timestamp": at,
        }
        return Filling(columns, owner.allowance - (row["available_credits"] or 0), cause)
    if row["is_guest"] and not owner.is_guest:
        more = max(0, owner.allowance - row["max_credits"])
        columns = {
            "is_guest": False,
            "available_credits": row["available_credits"] + more,
            "max_credits": row["max_credits"] + more,
        }
        # A request that began as a guest's may have filled a guest's allowance again meanwhile.
        return Filling(columns, more, Cause(TransactionType.REGISTRATION, day, at))
    return None


def day_of(at: datetime) -> datetime:
    """Return when the day of a moment began."""
    return datetime.combine(at.date(), time(), UTC)


def end_of_day(at: datetime) -> datetime:
    """Return when the next day begins."""
    return day_of(at) + timedelta(days=1)
