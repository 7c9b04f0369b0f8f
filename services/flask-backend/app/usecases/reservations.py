"""Holds as their owners ask for them: as of now, and with the credits that are left after one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app import clock
from app.errors import PaymentRequired
from app.keyset import Position
from app.metrics import record_refused_spend, record_spend
from app.models import Row
from app.usecases import holds
from app.usecases.allowances import Owner
from app.usecases.wallet import Change, read_credits, settle
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket


@dataclass(frozen=True, slots=True)
class EndedHold(Change):
    """A hold that has ended, and what it has done with credits.

    Attributes:
        hold: Its row.
    """

    hold: Row


def reserve(user_id: UUID, amount: int, *, reason: str | None, lifetime: timedelta) -> Row:
    """Set prepaid credits aside, and return the hold: see ``holds.place_hold``."""
    try:
        return holds.place_hold(user_id, amount, reason=reason, lifetime=lifetime, at=clock.now())
    except PaymentRequired:
        record_refused_spend()
        raise


def list_holds(user_id: UUID, *, after: Position | None, limit: int) -> list[Row]:
    """Return the holds of an account, newest first, as they are now."""
    at = clock.now()
    return [_as_of(at, hold) for hold in holds.list_holds(user_id, after=after, limit=limit)]


def require_hold(user_id: UUID, hold_id: UUID) -> Row:
    """Return a hold of an account as it is now: see ``holds.require_hold``."""
    return _as_of(clock.now(), holds.require_hold(user_id, hold_id))


def capture(owner: Owner, hold_id: UUID, amount: int | None = None) -> EndedHold:
    """Take what a hold has set aside, all or a part: see ``holds.capture_hold``."""
    ended = _end(owner, hold_id, lambda at: holds.capture_hold(owner.user_id, hold_id, amount, at))
    record_spend(Bucket.PREPAID, ended.hold["captured"])
    return ended


def release(owner: Owner, hold_id: UUID) -> EndedHold:
    """Make available again what a hold has set aside: see ``holds.release_hold``."""
    return _end(owner, hold_id, lambda at: holds.release_hold(owner.user_id, hold_id, at))


@unit_of_work
def _end(owner: Owner, hold_id: UUID, end: Callable[[datetime], list[UUID]]) -> EndedHold:
    at = clock.now()
    holds.require_hold(owner.user_id, hold_id)  # Whoever makes an id up changes nothing.
    settle(owner, at)
    ids = end(at)
    return EndedHold(read_credits(owner), ids, holds.require_hold(owner.user_id, hold_id))


def _as_of(at: datetime, hold: Row) -> Row:
    return hold | {"state": holds.state_of(hold, at)}
