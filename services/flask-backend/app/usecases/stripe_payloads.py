"""What of an event of Stripe's matters here, and is kept: ids, amounts and states.

No names, e-mails and addresses. Everything else in an event is dropped before anybody sees it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.vocabulary import StripeKind, UnmatchedReason

KINDS: Final = {
    "checkout.session.completed": StripeKind.CHECKOUT_SESSION,
    "checkout.session.async_payment_succeeded": StripeKind.CHECKOUT_SESSION,
    "checkout.session.async_payment_failed": StripeKind.CHECKOUT_SESSION,
    "charge.refunded": StripeKind.CHARGE,
    "charge.refund.updated": StripeKind.REFUND,
    "refund.created": StripeKind.REFUND,
    "refund.updated": StripeKind.REFUND,
    "refund.failed": StripeKind.REFUND,
    "charge.dispute.created": StripeKind.DISPUTE,
    "charge.dispute.updated": StripeKind.DISPUTE,
    "charge.dispute.closed": StripeKind.DISPUTE,
    "charge.dispute.funds_withdrawn": StripeKind.DISPUTE,
    "charge.dispute.funds_reinstated": StripeKind.DISPUTE,
}
"""The events that change credits, and what each is about."""

_FIELDS: Final = {
    StripeKind.CHECKOUT_SESSION: (
        *("id", "payment_status", "amount_total", "currency", "payment_intent"),
    ),
    StripeKind.CHARGE: ("id", "payment_intent", "amount_refunded"),
    StripeKind.REFUND: ("id", "payment_intent", "amount", "status"),
    StripeKind.DISPUTE: ("id", "payment_intent", "amount", "status"),
}
_OTHER_FIELDS: Final = ("id", "object")
_ID: Final = re.compile(r"[!-~]{1,255}")
_STATUS: Final = re.compile(r"[a-z_]{1,40}")
_CURRENCY: Final = re.compile(r"[a-z]{3}")
_CREDITS: Final = re.compile(r"[1-9][0-9]{0,8}")
_USER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MAX_CREDITS_CHARACTERS: Final = 20
_PAID: Final = "paid"
_FREE: Final = "no_payment_required"
_MAX_AMOUNT: Final = 10**12
"""More than Stripe takes in any currency; however many there are, a column holds their sum."""


class Unmatched(Exception):
    """An event cannot be worked off now, and perhaps never.

    Args:
        reason: Why.
        parent_id: The object that it waits for, if it waits for one.
    """

    def __init__(self, reason: UnmatchedReason, parent_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.parent_id = parent_id


@dataclass(frozen=True, slots=True)
class Checkout:
    """A Checkout Session that is paid."""

    session_id: str
    user_id: UUID
    credits: int
    amount_cents: int
    currency: str
    payment_intent_id: str | None
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Something by which a payment goes back: a refund, a dispute, or a charge with refunds.

    Attributes:
        kind: Which of them.
        object_id: Its id.
        payment_intent_id: The payment.
        amount_cents: How much it is about; of a charge, all that was refunded of it so far.
        status: Its state; None for a charge.
    """

    kind: StripeKind
    object_id: str
    payment_intent_id: str
    amount_cents: int
    status: str | None


def reduce_object(event_type: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of the object of an event.

    Not the customer, by whom Stripe knows the person: events outlive an erasure.
    """
    kind = KINDS.get(event_type)
    kept = {name: given.get(name) for name in (_FIELDS[kind] if kind else _OTHER_FIELDS)}
    if kind is StripeKind.CHECKOUT_SESSION:
        metadata = given.get("metadata")
        kept["credits"] = metadata.get("credits") if isinstance(metadata, dict) else None
        kept["client_reference_id"] = _matching(given.get("client_reference_id"), _USER)
    return {name: value for name, value in kept.items() if _is_harmless(name, value)}


def read_checkout(payload: Mapping[str, Any]) -> Checkout:
    """Return the session of a payload.

    Raises:
        Unmatched: It does not say who bought what, or was not paid in a way that can be undone.
    """
    credits_text = _matching(payload.get("credits"), _CREDITS)
    user_text = payload.get("client_reference_id")
    currency = _matching(payload.get("currency"), _CURRENCY)
    if user_text is None:
        raise Unmatched(UnmatchedReason.NO_USER)
    if credits_text is None:
        raise Unmatched(UnmatchedReason.BAD_CREDITS)
    amount_cents = _amount(payload.get("amount_total"))
    payment_intent_id = _optional_id(payload.get("payment_intent"))
    status = payload.get("payment_status")
    # Money that went another way (a subscription's) could never be followed when it goes back.
    is_paid = status == _PAID and payment_intent_id is not None
    is_free = status in (_PAID, _FREE) and amount_cents == 0
    if currency is None or not (is_paid or is_free):
        raise Unmatched(UnmatchedReason.MALFORMED)
    return Checkout(
        session_id=_required_id(payload.get("id")),
        user_id=UUID(user_text),
        credits=int(credits_text),
        amount_cents=amount_cents,
        currency=currency,
        payment_intent_id=payment_intent_id,
        customer_id=_optional_id(payload.get("customer")),
    )


def read_withdrawal(kind: StripeKind, payload: Mapping[str, Any]) -> Withdrawal:
    """Return what goes back by a payload.

    Raises:
        Unmatched: It does not say of which payment and how much.
    """
    is_charge = kind is StripeKind.CHARGE
    status = None if is_charge else _matching(payload.get("status"), _STATUS)
    if not is_charge and status is None:
        raise Unmatched(UnmatchedReason.MALFORMED)
    return Withdrawal(
        kind=kind,
        object_id=_required_id(payload.get("id")),
        payment_intent_id=_required_id(payload.get("payment_intent")),
        amount_cents=_amount(payload.get("amount_refunded" if is_charge else "amount")),
        status=status,
    )


def _is_harmless(name: str, value: object) -> bool:
    """Tell whether a value is of a kind that identifies nobody, and small."""
    if name == "credits":
        return isinstance(value, str) and len(value) <= _MAX_CREDITS_CHARACTERS
    return type(value) is int or _matching(value, _ID) is not None


def _matching(value: object, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _required_id(value: object) -> str:
    found = _optional_id(value)
    if found is None:
        raise Unmatched(UnmatchedReason.MALFORMED)
    return found


def _optional_id(value: object) -> str | None:
    return _matching(value, _ID)


def _amount(value: object) -> int:
    # A truth value is an integer to Python, and none here.
    if type(value) is int and 0 <= value <= _MAX_AMOUNT:
        return value
    raise Unmatched(UnmatchedReason.MALFORMED)
