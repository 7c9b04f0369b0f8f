"""What a purchase is worth: credits when it is paid, and fewer when the payment goes back.

How much was taken back is a function of what is stored, so the order in which Stripe tells of
refunds and disputes, and how often, makes no difference. Who comes first, the purchase or its
refund, neither: both lock the row of the payment. Opens no transaction.

Locks events before objects, objects before accounts.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import uuid_utils.compat

from app.models import (
    Row,
    claim_stripe_object,
    create_purchase,
    get_deleted_user,
    get_user,
    lock_purchase,
    lock_stripe_objects,
    lock_waiting_stripe_events,
    update_credit_account,
    update_purchase,
    update_stripe_event,
    update_stripe_object,
)
from app.usecases.ledger import Cause, credit_prepaid, holder_of, seize_prepaid
from app.usecases.stripe_payloads import Checkout, Unmatched, Withdrawal
from app.vocabulary import EventState, StripeKind, TransactionType, UnmatchedReason

_REFUND_RANKS: Final = {"succeeded": 1, "failed": 2, "canceled": 2}
_DISPUTE_RANKS: Final = {
    "warning_needs_response": 0,
    "warning_under_review": 1,
    "warning_closed": 2,
    "needs_response": 3,
    "under_review": 4,
    "prevented": 5,
    "lost": 6,
    "won": 7,
}
"""How far on the way each state is: of two that were told, the later one holds."""
_HARMLESS: Final = frozenset({"won", "prevented"})
_INQUIRY: Final = "warning_"
"""How the states begin in which a bank asks, and has taken nothing."""


def record_purchase(checkout: Checkout, event_id: str, at: datetime) -> None:
    """Credit what was bought, once for its session, less what has gone back already.

    Raises:
        Unmatched: There is nobody to credit, or the payment was credited for another session.
    """
    if get_user(checkout.user_id) is None and get_deleted_user(checkout.user_id) is None:
        raise Unmatched(UnmatchedReason.UNKNOWN_USER)
    claim = claim_stripe_object(
        checkout.session_id,
        StripeKind.CHECKOUT_SESSION,
        created_at=at,
        parent_id=checkout.payment_intent_id,
    )
    if claim["transaction_id"] is not None:
        return
    if checkout.payment_intent_id is not None:
        payment = _claim_payment(checkout.payment_intent_id, at)
        if payment["transaction_id"] is not None:
            raise Unmatched(UnmatchedReason.PAYMENT_CREDITED)
    user_id = holder_of(checkout.user_id, at)
    if get_user(user_id) is None:
        raise Unmatched(UnmatchedReason.DELETED_USER)
    purchase = _store(checkout, user_id, at)
    cause = Cause(TransactionType.PURCHASE, checkout.session_id, at)
    credit_prepaid(user_id, checkout.credits, cause)
    if checkout.customer_id is not None:
        update_credit_account(user_id, stripe_customer_id=checkout.customer_id)
    if checkout.payment_intent_id is not None:
        _settle(purchase, event_id, at)
        for event in lock_waiting_stripe_events(checkout.payment_intent_id):
            update_stripe_event(
                event["event_id"], state=str(EventState.PROCESSED), reason=None, processed_at=at
            )


def record_withdrawal(withdrawal: Withdrawal, event_id: str, at: datetime) -> None:
    """Note what goes back of a payment, and take back what was credited for it.

    Raises:
        Unmatched: Nothing was bought with the payment, or not yet: then the purchase will look.
    """
    payment_id = withdrawal.payment_intent_id
    payment = _claim_payment(payment_id, at)
    _note(withdrawal, at)
    if payment["transaction_id"] is None:
        raise Unmatched(UnmatchedReason.NO_PURCHASE, payment_id)
    _settle(lock_purchase(payment["user_id"], payment["transaction_id"]), event_id, at)


def _claim_payment(payment_id: str, at: datetime) -> Row:
    return claim_stripe_object(payment_id, StripeKind.PAYMENT_INTENT, created_at=at)


def _store(checkout: Checkout, user_id: UUID, at: datetime) -> Row:
    purchase = create_purchase(
        user_id,
        uuid_utils.compat.uuid7(),
        stripe_session_id=checkout.session_id,
        payment_intent_id=checkout.payment_intent_id,
        amount_paid_cents=checkout.amount_cents,
        currency=checkout.currency,
        credits_added=checkout.credits,
        created_at=at,
    )
    known = {"user_id": user_id, "transaction_id": purchase["transaction_id"]}
    update_stripe_object(
        checkout.session_id,
        StripeKind.CHECKOUT_SESSION,
        amount_cents=checkout.amount_cents,
        **known,
    )
    if checkout.payment_intent_id is not None:
        update_stripe_object(checkout.payment_intent_id, StripeKind.PAYMENT_INTENT, **known)
    return purchase


def _note(withdrawal: Withdrawal, at: datetime) -> None:
    """Keep what is latest of an object: the largest sum of a charge, the last state of others."""
    key = (withdrawal.object_id, withdrawal.kind)
    row = claim_stripe_object(*key, created_at=at, parent_id=withdrawal.payment_intent_id)
    is_new = row["amount_cents"] is None
    if withdrawal.kind is StripeKind.CHARGE:
        if is_new or withdrawal.amount_cents > row["amount_cents"]:
            update_stripe_object(*key, amount_cents=withdrawal.amount_cents)
        return
    ranks = _REFUND_RANKS if withdrawal.kind is StripeKind.REFUND else _DISPUTE_RANKS
    given, kept = withdrawal.status or "", row["status"] or ""
    # Names and sums only decide between equals, so that the order of delivery never does.
    place = (ranks.get(given, 0), given, withdrawal.amount_cents)
    if is_new or place > (ranks.get(kept, 0), kept, row["amount_cents"]):
        update_stripe_object(*key, amount_cents=withdrawal.amount_cents, status=given)


def _settle(purchase: Row, event_id: str, at: datetime) -> None:
    """Make what was taken back of a purchase what it should be by now."""
    objects = lock_stripe_objects(purchase["payment_intent_id"])
    refunded, disputed = _refunded_cents(objects), _disputed_cents(objects)
    due = _credits_due(purchase, refunded + disputed)
    change = due - purchase["credits_reversed"]
    user_id = holder_of(purchase["user_id"], at)
    if change > 0:
        seize_prepaid(user_id, change, Cause(TransactionType.REVERSAL, event_id, at))
    elif change < 0:
        credit_prepaid(user_id, -change, Cause(TransactionType.REINSTATEMENT, event_id, at))
    update_purchase(
        purchase["user_id"],
        purchase["transaction_id"],
        refunded_cents=refunded,
        disputed_cents=disputed,
        credits_reversed=due,
    )


def _credits_due(purchase: Row, withdrawn_cents: int) -> int:
    """Return how many credits a purchase is to give back: its part, rounded in favour of people."""
    paid: int = purchase["amount_paid_cents"]
    if paid == 0:
        return 0
    bought: int = purchase["credits_added"]
    return bought * min(paid, withdrawn_cents) // paid


def _refunded_cents(objects: Iterable[Row]) -> int:
    """Return what went back: as charges tell it, less what failed, or as refunds do, if more."""
    charged = succeeded = failed = 0
    for row in objects:
        if row["kind"] == StripeKind.CHARGE:
            charged += row["amount_cents"]
        elif row["kind"] == StripeKind.REFUND and row["status"] == "succeeded":
            succeeded += row["amount_cents"]
        elif row["kind"] == StripeKind.REFUND and row["status"] in ("failed", "canceled"):
            failed += row["amount_cents"]
    return max(charged - failed, succeeded)


def _disputed_cents(objects: Iterable[Row]) -> int:
    return sum(
        row["amount_cents"]
        for row in objects
        if row["kind"] == StripeKind.DISPUTE
        and row["status"] not in _HARMLESS
        and not row["status"].startswith(_INQUIRY)
    )
