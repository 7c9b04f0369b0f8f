"""Events that Stripe sends: each is kept, and worked off exactly once, however often it comes.

An event that cannot be worked off is kept as unmatched, with a reason, and told to whoever watches
the log and the metrics. It is tried again when Stripe sends it again, or an operator asks for it.
Whether a signature is right was found out before.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import structlog

from app import clock
from app.errors import NotFound
from app.metrics import record_stripe_event
from app.models import (
    Row,
    keep_stripe_event,
    list_stripe_events,
    lock_stripe_event,
    update_stripe_event,
)
from app.usecases.purchases import record_purchase, record_withdrawal
from app.usecases.stripe_payloads import (
    KINDS,
    Unmatched,
    read_checkout,
    read_withdrawal,
    reduce_object,
)
from app.usecases.work import decided_unit_of_work
from app.vocabulary import EventState, StripeKind, UnmatchedReason

__all__ = ["Event", "Outcome", "list_stripe_events", "replay_event", "take_event"]

_FAILED: Final = "checkout.session.async_payment_failed"
_COMPLETED: Final = "checkout.session.completed"
_UNPAID: Final = "unpaid"

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a delivery."""

    PROCESSED = "processed"
    ALREADY_PROCESSED = "already_processed"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Event:
    """What Stripe sent, and signed.

    Attributes:
        id: Of the event.
        type: What happened.
        is_live: Whether it is about real money.
        created_at: When it happened.
        object: What it happened to.
    """

    id: str
    type: str
    is_live: bool
    created_at: datetime
    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an event, and why, if nothing did."""

    outcome: Outcome
    event_type: str
    reason: UnmatchedReason | None = None


def take_event(event: Event, *, is_live: bool) -> Result:
    """Keep an event and work it off, unless that was done.

    Args:
        event: What was sent.
        is_live: Whether this service's key is for real money.
    """
    return _told(event.id, _take(event, is_live=is_live, at=clock.now()))


def replay_event(event_id: str, *, is_live: bool) -> Result:
    """Work an event off that is kept, unless that was done.

    Args:
        event_id: Which one.
        is_live: Whether this service's key is for real money.

    Raises:
        NotFound: ``EVENT_NOT_FOUND``: no such event ever came.
    """
    return _told(event_id, _replay(event_id, is_live=is_live, at=clock.now()))


@decided_unit_of_work
def _take(event: Event, *, is_live: bool, at: datetime) -> Result:
    row = keep_stripe_event(
        {
            "event_id": event.id,
            "type": event.type,
            "livemode": event.is_live,
            "payload": reduce_object(event.type, event.object),
            "created_at": event.created_at,
            "received_at": at,
        }
    )
    told = {"customer": event.object.get("customer")} | row["payload"]
    return _work_off(row | {"payload": told}, is_live=is_live, at=at)


@decided_unit_of_work
def _replay(event_id: str, *, is_live: bool, at: datetime) -> Result:
    row = lock_stripe_event(event_id)
    if row is None:
        raise NotFound("EVENT_NOT_FOUND", "No event with this id has come.")
    return _work_off(row, is_live=is_live, at=at)


def _work_off(row: Row, *, is_live: bool, at: datetime) -> Result:
    """Do what a kept event, which is locked, asks for, and note what became of it."""
    if row["state"] == EventState.PROCESSED:
        return Result(Outcome.ALREADY_PROCESSED, row["type"])
    attempts = row["attempts"] + 1
    try:
        _apply(row, is_live=is_live, at=at)
    except Unmatched as unmatched:
        update_stripe_event(
            row["event_id"],
            reason=str(unmatched.reason),
            parent_id=unmatched.parent_id,
            attempts=attempts,
        )
        return Result(Outcome.UNMATCHED, row["type"], unmatched.reason)
    update_stripe_event(
        row["event_id"],
        state=str(EventState.PROCESSED),
        reason=None,
        attempts=attempts,
        processed_at=at,
    )
    return Result(Outcome.PROCESSED, row["type"])


def _apply(row: Row, *, is_live: bool, at: datetime) -> None:
    kind, payload = KINDS.get(row["type"]), row["payload"]
    if row["livemode"] != is_live:
        raise Unmatched(UnmatchedReason.OTHER_LIVEMODE)
    if kind is None or _is_unpaid(row["type"], payload):
        return
    if kind is StripeKind.CHECKOUT_SESSION:
        record_purchase(read_checkout(payload), row["event_id"], at)
    else:
        record_withdrawal(read_withdrawal(kind, payload), row["event_id"], at)


def _is_unpaid(event_type: str, payload: dict[str, Any]) -> bool:
    """Tell whether nothing was paid: ever, or yet, which another event will tell."""
    is_waiting = event_type == _COMPLETED and payload.get("payment_status") == _UNPAID
    return is_waiting or event_type == _FAILED


def _told(event_id: str, result: Result) -> Result:
    """Count what became of an event, and raise the alarm if somebody should look at it."""
    record_stripe_event(result.outcome)
    if result.outcome is Outcome.UNMATCHED:
        log.error(
            "stripe_event_unmatched",
            event_id=event_id,
            event_type=result.event_type,
            reason=str(result.reason),
        )
    return result
