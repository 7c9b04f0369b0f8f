"""Credits that are set aside for something that is not done yet: how a hold begins, and ends once.

What is held counts in ``credit_accounts``, whose row is locked before that of a hold: so capture,
release and the end of its time decide one after the other, and the first of them decides.
What the API tells of them, with the credits that are left, is in ``reservations``.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
import uuid_utils.compat

from app.errors import AppError, Conflict, FieldError, Invalid, NotFound, PaymentRequired
from app.models import (
    Row,
    create_hold,
    end_hold,
    get_credit_account,
    get_hold,
    hold_prepaid_credits,
    list_expired_holds,
    list_holds,
    list_owners_of_expired_holds,
    update_credit_account,
)
from app.usecases import ledger
from app.usecases.ledger import Cause
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket, HoldState, TransactionType

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=7)
USUAL: Final = timedelta(minutes=15)
"""How long a hold lasts, if nobody ends it."""

_ENDED: Final = {
    HoldState.CAPTURED: ("HOLD_CAPTURED", "The hold was captured."),
    HoldState.RELEASED: ("HOLD_RELEASED", "The hold was released."),
    HoldState.EXPIRED: ("HOLD_EXPIRED", "The time of the hold is over. Place another one."),
}

log = structlog.get_logger(__name__)

__all__ = [
    "capture_hold",
    "end_due_holds",
    "end_expired_holds",
    "end_open_holds",
    "list_holds",
    "place_hold",
    "release_hold",
    "require_hold",
    "state_of",
]


@unit_of_work
def place_hold(
    user_id: UUID, amount: int, *, reason: str | None, lifetime: timedelta, at: datetime
) -> Row:
    """Set prepaid credits aside, and return the hold.

    Raises:
        PaymentRequired: ``INSUFFICIENT_CREDITS``: fewer are available.
    """
    is_held = hold_prepaid_credits(user_id, amount) or (
        end_expired_holds(user_id, at) > 0 and hold_prepaid_credits(user_id, amount)
    )
    if not is_held:
        raise _too_few(user_id, amount)
    hold_id = uuid_utils.compat.uuid7()
    create_hold(
        user_id,
        hold_id=hold_id,
        amount=amount,
        reason=reason,
        created_at=at,
        expires_at=at + lifetime,
    )
    return require_hold(user_id, hold_id)


def require_hold(user_id: UUID, hold_id: UUID) -> Row:
    """Return a hold of this account.

    Raises:
        NotFound: ``HOLD_NOT_FOUND``: there is none, or it is somebody else's.
    """
    hold = get_hold(user_id, hold_id)
    if hold is None:
        raise NotFound("HOLD_NOT_FOUND", "There is no such hold.")
    return hold


def state_of(hold: Row, at: datetime) -> HoldState:
    """Say what a hold is at a time: one that nobody has ended yet may be over."""
    is_over = hold["state"] == HoldState.OPEN and hold["expires_at"] <= at
    return HoldState.EXPIRED if is_over else HoldState(hold["state"])


@unit_of_work
def capture_hold(user_id: UUID, hold_id: UUID, amount: int | None, at: datetime) -> list[UUID]:
    """Take what a hold has set aside, all or a part; the rest becomes available.

    Args:
        user_id: Whose hold.
        hold_id: Which one.
        amount: How many credits, at most those of the hold; all if None.
        at: When.

    Returns:
        The rows of the ledger.

    Raises:
        NotFound: ``HOLD_NOT_FOUND``.
        Conflict: ``HOLD_CAPTURED``, ``HOLD_RELEASED`` or ``HOLD_EXPIRED``: it has ended.
        Invalid: The hold has fewer credits.
    """
    hold, account = _lock_open_hold(user_id, hold_id, at)
    captured = hold["amount"] if amount is None else amount
    if captured > hold["amount"]:
        message = f"The hold has {hold['amount']} credits."
        raise Invalid.fields([FieldError("amount", "TOO_LARGE", message)])
    end_hold(user_id, hold_id, state=HoldState.CAPTURED, captured=captured, ended_at=at)
    balance = account["credits_balance"] - captured
    update_credit_account(user_id, credits_balance=balance, held=account["held"] - captured)
    cause = Cause(TransactionType.CAPTURE, str(hold_id), at, hold["reason"])
    taken = ledger.append(user_id, Bucket.PREPAID, -captured, balance, cause)
    rest = hold["amount"] - captured
    return [taken, *(ledger.release_held(user_id, rest, cause) if rest else [])]


@unit_of_work
def release_hold(user_id: UUID, hold_id: UUID, at: datetime) -> list[UUID]:
    """Make available again what a hold has set aside; return the rows of the ledger.

    There are some only if a debt was paid.

    Raises:
        NotFound: ``HOLD_NOT_FOUND``.
        Conflict: ``HOLD_CAPTURED``, ``HOLD_RELEASED`` or ``HOLD_EXPIRED``: it has ended.
    """
    hold, _ = _lock_open_hold(user_id, hold_id, at)
    return _release(hold, HoldState.RELEASED, at)


@unit_of_work
def end_expired_holds(user_id: UUID, at: datetime) -> int:
    """End the holds of an account whose time is over, and tell how many they were."""
    if not list_expired_holds(user_id, at=at):
        return 0  # Nearly always, and without a lock.
    ledger.lock_account(user_id, at)
    expired = list_expired_holds(user_id, at=at)
    for hold in expired:
        _release(hold, HoldState.EXPIRED, at)
    return len(expired)


@unit_of_work
def end_open_holds(user_id: UUID, at: datetime, limit: int) -> int:
    """Release some open holds of an account that is closed, and tell how many they were."""
    latest = at + LONGEST  # None is open for longer.
    if not list_expired_holds(user_id, at=latest, limit=1):
        return 0
    ledger.lock_account(user_id, at)
    found = list_expired_holds(user_id, at=latest, limit=limit)
    for hold in found:
        is_over = state_of(hold, at) is HoldState.EXPIRED
        _release(hold, HoldState.EXPIRED if is_over else HoldState.RELEASED, at)
    return len(found)


def end_due_holds(at: datetime, limit: int) -> int:
    """End holds of all accounts whose time is over, each account's in a unit of its own.

    An account whose books are wrong keeps no other from its credits.

    Args:
        at: Now.
        limit: How many holds to look at.

    Returns:
        How many have ended; others may end the same ones meanwhile.
    """
    ended = 0
    for owner in list_owners_of_expired_holds(at=at, limit=limit):
        try:
            ended += end_expired_holds(owner, at)
        except AppError as error:
            log.error("holds_not_ended", user_id=str(owner), code=error.code)  # noqa: TRY400 - a refusal, no fault
    return ended


def _lock_open_hold(user_id: UUID, hold_id: UUID, at: datetime) -> tuple[Row, Row]:
    """Return a hold that can be ended, and the account, which keeps it so until the unit ends."""
    require_hold(user_id, hold_id)  # Whoever makes an id up locks nothing.
    account = ledger.lock_account(user_id, at)
    hold = require_hold(user_id, hold_id)
    state = state_of(hold, at)
    if state in _ENDED:
        raise Conflict(*_ENDED[state])
    return hold, account


def _release(hold: Row, state: HoldState, at: datetime) -> list[UUID]:
    user_id, hold_id = hold["user_id"], hold["id"]
    end_hold(user_id, hold_id, state=state, ended_at=at)
    cause = Cause(TransactionType.DEBT_PAYMENT, str(hold_id), at)
    return ledger.release_held(user_id, hold["amount"], cause)


def _too_few(user_id: UUID, amount: int) -> PaymentRequired:
    account = get_credit_account(user_id)
    available = account["credits_balance"] - account["held"] if account else 0
    return PaymentRequired(
        "INSUFFICIENT_CREDITS",
        "There are not enough prepaid credits to set aside.",
        facts={"available": available, "requested": amount},
    )
