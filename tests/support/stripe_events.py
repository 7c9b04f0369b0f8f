"""What Stripe would send to the webhook: events as it writes them, and its signature."""

import hashlib
import hmac
import json
from datetime import datetime
from itertools import count
from typing import Any, Final

WEBHOOK_SECRET: Final = "whsec_only_tests_know_this_one"
SECRET_KEY: Final = "sk_test_only_tests_know_this_one"
_numbers = count(1)
Event = dict[str, Any]


def checkout(
    intent: str, *, user_id: object, bought: tuple[int, int], status: str = "paid", kind: str
) -> Event:
    """Tell of a Checkout Session: ``kind`` is ``completed`` or ``async_payment_succeeded``.

    ``bought`` is how many credits, and for how many cents.
    """
    session = {
        "id": f"cs_test_{intent}",
        "object": "checkout.session",
        "amount_total": bought[1],
        "client_reference_id": str(user_id),
        "currency": "usd",
        "customer": "cus_1",
        "customer_details": {"email": "payer@example.com", "name": "Some Payer"},
        "livemode": False,
        "metadata": {"credits": str(bought[0])},
        "mode": "payment",
        "payment_intent": intent,
        "payment_status": status,
    }
    return _event(f"checkout.session.{kind}", session)


def charge_refunded(intent: str, *, cents: int, refunded: int) -> Event:
    """Tell how much of a charge has gone back so far."""
    charge = {
        "id": f"ch_{intent}",
        "object": "charge",
        "amount": cents,
        "amount_captured": cents,
        "amount_refunded": refunded,
        "currency": "usd",
        "livemode": False,
        "payment_intent": intent,
        "refunded": refunded >= cents,
    }
    return _event("charge.refunded", charge)


def dispute(intent: str, *, dispute_id: str, cents: int, status: str, kind: str) -> Event:
    """Tell of a dispute: ``kind`` is ``created``, ``updated`` or ``closed``."""
    disputed = {
        "id": dispute_id,
        "object": "dispute",
        "amount": cents,
        "charge": f"ch_{intent}",
        "currency": "usd",
        "livemode": False,
        "payment_intent": intent,
        "status": status,
    }
    return _event(f"charge.dispute.{kind}", disputed)


def refund(intent: str, *, refund_id: str, cents: int, status: str, kind: str) -> Event:
    """Tell of a single refund: ``kind`` is ``created``, ``updated`` or ``failed``."""
    refunded = {
        "id": refund_id,
        "object": "refund",
        "amount": cents,
        "charge": f"ch_{intent}",
        "currency": "usd",
        "payment_intent": intent,
        "status": status,
    }
    return _event(f"refund.{kind}", refunded)


def signed(event: Event, at: datetime, secret: str = WEBHOOK_SECRET) -> tuple[bytes, str]:
    """Return the body of a delivery and its header ``Stripe-Signature``."""
    body = json.dumps(event).encode()
    moment = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return body, f"t={moment},v1={digest}"


def _event(kind: str, subject: dict[str, Any]) -> Event:
    number = next(_numbers)
    return {
        "id": f"evt_{number}_{subject['id']}",
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": 1_790_000_000 + number,
        "data": {"object": subject},
        "livemode": False,
        "type": kind,
    }
