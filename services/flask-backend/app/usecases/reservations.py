"""How holds end by request: with what is left of the credits, told in the same unit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app import clock
from app.metrics import record_spend
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
    return EndedHold(read_credits(owner, at), ids, holds.require_hold(owner.user_id, hold_id))
