"""What is not ours and cannot be had in a test: Stripe, as a server on loopback and by its events.

The server is real HTTP and keeps its promises: the same idempotency key gives the same answer. An
event has what Stripe sends, personal data too, so that tests can see that it is not kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import SecretStr
from stripe import WebhookSignature

from app import clock

SECRET_KEY: Final = "sk_test_51bilayerbilayerbilayer"
WEBHOOK_SECRET: Final = "whsec_bilayerbilayerbilayerbila"
PERSON: Final = "Ada Lovelace"
SESSIONS: Final = "/v1/checkout/sessions"

_numbers = count(1)


def stripe_settings(api_base: str) -> dict[str, Any]:
    """Return the settings of a service that asks this server instead of Stripe."""
    return {
        "stripe_secret_key": SecretStr(SECRET_KEY),
        "stripe_webhook_secret": SecretStr(WEBHOOK_SECRET),
        "stripe_api_base": api_base,
    }


def sign(body: str, *, secret: str = WEBHOOK_SECRET, at: datetime | None = None) -> str:
    """Return the header that Stripe sends with a body."""
    moment = int((at or clock.now()).timestamp())
    signature: str = WebhookSignature.generate_signature_header(body, secret, moment)
    return signature


def delivery(event: dict[str, Any]) -> dict[str, Any]:
    """Return how an event is posted, for a client of Werkzeug's."""
    body = json.dumps(event)
    return {
        "data": body,
        "content_type": "application/json; charset=utf-8",
        "headers": {"Stripe-Signature": sign(body)},
    }


def make_event(event_type: str, given: dict[str, Any], *, livemode: bool = False) -> dict[str, Any]:
    """Return an event with an id of its own."""
    return {
        "id": f"evt_{next(_numbers):024}",
        "object": "event",
        "api_version": "2026-06-30",
        "created": int(clock.now().timestamp()),
        "livemode": livemode,
        "type": event_type,
        "data": {"object": given},
        "request": {"id": None, "idempotency_key": None},
    }


@dataclass
class Payment:
    """A payment as Stripe sees it, and the events it tells of it.

    Attributes:
        user_id: What stands in ``client_reference_id``.
        credits: What stands in ``metadata.credits``.
        cents: What is paid.
        currency: Of what.
    """

    user_id: UUID | str | None
    credits: Any = "100"
    cents: int = 1000
    currency: str = "usd"
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def session_id(self) -> str:
        """The Checkout Session's id."""
        return f"cs_test_{self.number:024}"

    @property
    def intent_id(self) -> str:
        """The payment intent's id."""
        return f"pi_{self.number:024}"

    def session(self, status: str = "paid", **changes: Any) -> dict[str, Any]:
        """Return the Checkout Session."""
        session = {
            "id": self.session_id,
            "object": "checkout.session",
            "amount_total": self.cents,
            "client_reference_id": None if self.user_id is None else str(self.user_id),
            "currency": self.currency,
            "customer": f"cus_{self.number:024}",
            "customer_details": {"email": "ada@example.com", "name": PERSON},
            "livemode": False,
            "metadata": {"credits": self.credits},
            "mode": "payment",
            "payment_intent": self.intent_id,
            "payment_status": status,
            "status": "complete",
        }
        return session | changes

    def paid(self, **changes: Any) -> dict[str, Any]:
        """Return the event of a session that is paid at once."""
        return make_event("checkout.session.completed", self.session(**changes))

    def unpaid(self) -> dict[str, Any]:
        """Return the event of a session whose money is on its way."""
        return make_event("checkout.session.completed", self.session("unpaid"))

    def arrived(self) -> dict[str, Any]:
        """Return the event of money that was on its way."""
        return make_event("checkout.session.async_payment_succeeded", self.session())

    def failed(self) -> dict[str, Any]:
        """Return the event of money that never comes."""
        return make_event("checkout.session.async_payment_failed", self.session("unpaid"))

    def refunded(self, cents: int) -> dict[str, Any]:
        """Return the event of a charge of which so much was given back, all together."""
        charge = {
            "id": f"ch_{self.number:024}",
            "object": "charge",
            "amount": self.cents,
            "amount_refunded": cents,
            "billing_details": {"name": PERSON},
            "currency": self.currency,
            "payment_intent": self.intent_id,
            "refunded": cents == self.cents,
        }
        return make_event("charge.refunded", charge)

    def refund(
        self, cents: int, status: str = "succeeded", *, name: str = "a", event: str = "updated"
    ) -> dict[str, Any]:
        """Return an event of one refund, which has a name among those of this payment."""
        refund = {
            "id": f"re_{self.number:024}{name}",
            "object": "refund",
            "amount": cents,
            "charge": f"ch_{self.number:024}",
            "currency": self.currency,
            "payment_intent": self.intent_id,
            "status": status,
        }
        return make_event(event if "." in event else f"refund.{event}", refund)

    def dispute(
        self, status: str, *, cents: int | None = None, name: str = "a", event: str = "updated"
    ) -> dict[str, Any]:
        """Return an event of one dispute, about the whole payment if not told otherwise."""
        dispute = {
            "id": f"dp_{self.number:024}{name}",
            "object": "dispute",
            "amount": self.cents if cents is None else cents,
            "charge": f"ch_{self.number:024}",
            "currency": self.currency,
            "evidence": {"customer_name": PERSON},
            "payment_intent": self.intent_id,
            "status": status,
        }
        return make_event(f"charge.dispute.{event}", dispute)


@dataclass
class StripeServer:
    """A server that makes Checkout Sessions.

    Attributes:
        url: Where it is.
        requests: What it was asked: the form, and the headers.
        failures: What it answers next instead of a session, one status after the other.
        oddities: The same with documents that Stripe never sends.
        delay: How many seconds it waits before each answer, unless it is told to stop.
        watch: Called while whoever asks is waiting.
    """

    url: str = ""
    requests: list[tuple[dict[str, str], dict[str, str]]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    oddities: list[tuple[int, Any]] = field(default_factory=list)
    delay: float = 0.0
    watch: Callable[[], None] = lambda: None
    _sessions: dict[str, tuple[dict[str, str], dict[str, Any]]] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def reset(self) -> None:
        """Forget what was asked, and answer at once again. Whoever still waits is turned away."""
        self.stop()
        self._over = threading.Event()
        self.requests.clear()
        self.failures.clear()
        self.oddities.clear()
        self.delay, self.watch = 0.0, lambda: None

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._over.set()

    def answer(self, form: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and body for a request."""
        over = self._over
        self.requests.append((form, headers))
        self.watch()
        if over.wait(self.delay):  # What is to be answered next is for those of another test.
            return 503, _error("api_error")
        if self.oddities:
            return self.oddities.pop(0)
        if self.failures:
            status = self.failures.pop(0)
            return status, _error("api_error" if status >= 500 else "invalid_request_error")
        key = headers["Idempotency-Key"]
        known, session = self._sessions.setdefault(key, (form, self._make_session(form)))
        if known != form:
            return 400, _error("idempotency_error")
        return 200, session

    def _make_session(self, form: dict[str, str]) -> dict[str, Any]:
        number = next(_numbers)
        name = f"cs_test_{number:024}"
        return {
            "id": name,
            "object": "checkout.session",
            "client_reference_id": form["client_reference_id"],
            "url": f"https://checkout.stripe.example/c/pay/{name}",
        }


@contextmanager
def serving_stripe() -> Iterator[StripeServer]:
    """Run the server until the block ends."""
    stripe = StripeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_known = self.path == SESSIONS
            status, answer = (
                stripe.answer(dict(parse_qsl(body)), dict(self.headers))
                if is_known and self.headers["Authorization"] == f"Bearer {SECRET_KEY}"
                else (401 if is_known else 404, _error("invalid_request_error"))
            )
            data = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Request-Id", "req_1")
                self.end_headers()
                self.wfile.write(data)
            except ConnectionError:
                self.close_connection = True  # Whoever asked has given up.

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stripe.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stripe
    finally:
        stripe.stop()
        server.shutdown()
        thread.join()
        server.server_close()


def _error(kind: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "The stub refuses."}}
