"""Stripe, asked by the official library: Checkout Sessions, and signatures of what it sends.

Each request ends well before that of whoever waits for it, is tried a second time under the same
idempotency key, and is not made at all while Stripe does not answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

import stripe
import structlog

from app import deadline
from app.breaker import CircuitBreaker
from app.errors import BadRequest, Invalid, StillRunning, Unavailable

TOLERANCE: Final = timedelta(seconds=300)
"""How old what is signed may be, and how far ahead of this machine's clock."""
TIMEOUT: Final = (1.5, 2.5)
"""Seconds to connect, and to wait for an answer."""

_BOTH_TRIES: Final = 2 * sum(TIMEOUT) + 1.0
"""How long two tries take at most, with the library's pause between them."""
_MAX_TIME_DIGITS: Final = 12
_CONFLICT: Final = 409

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout Session: where somebody pays.

    Attributes:
        id: What Stripe calls it.
        url: The page on which to pay.
    """

    id: str
    url: str


class StripeClient:
    """Asks Stripe.

    Args:
        secret_key: Whose account it is.
        breaker: Keeps everybody away while nobody answers there.
        api_base: Where Stripe is, if not where it always is.
        timeout: As ``TIMEOUT``.
    """

    def __init__(
        self,
        secret_key: str,
        breaker: CircuitBreaker,
        *,
        api_base: str | None = None,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        stripe.enable_telemetry = False  # What this machine is and does is nobody's business.
        self._breaker = breaker
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=stripe.RequestsClient(timeout=timeout),
        )

    def open_session(self, order: Mapping[str, Any], *, idempotency_key: str) -> Session:
        """Let somebody pay.

        Args:
            order: The parameters of the Checkout Session.
            idempotency_key: Names the order: the same one again is the same session.

        Raises:
            Unavailable: ``STRIPE_UNAVAILABLE``: no session was to be had.
            Invalid: ``IDEMPOTENCY_KEY_REUSED``: the key names another order.
            StillRunning: ``IDEMPOTENCY_KEY_IN_USE``: the same order is being placed.
        """
        left = deadline.remaining()
        options: Any = {  # The library's type of it has one key for each option there is.
            "idempotency_key": idempotency_key,
            "max_network_retries": int(left is None or left > _BOTH_TRIES),
        }
        self._enter()
        try:
            session = _read_session(
                self._client.v1.checkout.sessions.create(dict(order), options)  # type: ignore[arg-type]  # a dict of some 200 keys
            )
        except stripe.StripeError as error:
            raise self._refusal(error) from None
        except (AttributeError, KeyError, TypeError) as error:
            # The library relies on the shape of answers, and not every proxy answers like Stripe.
            self._breaker.fail()
            log.error("stripe_failed", kind=type(error).__name__, status=None, error_code=None)  # noqa: TRY400 - the answer is wrong, not this code
            raise _unavailable(2) from None
        except BaseException:
            self._breaker.abandon()
            raise
        self._breaker.succeed()
        return session

    def _enter(self) -> None:
        seconds = self._breaker.enter()
        if seconds is not None:
            raise _unavailable(ceil(seconds))

    def _refusal(self, error: stripe.StripeError) -> Exception:
        """Say what a failure means to whoever asked, and to the breaker."""
        status = error.http_status
        is_down = status is None or status >= 500 or isinstance(error, stripe.RateLimitError)  # noqa: PLR2004 - a class of statuses
        if is_down:
            self._breaker.fail()
        else:
            self._breaker.succeed()
        if isinstance(error, stripe.IdempotencyError):
            return Invalid("IDEMPOTENCY_KEY_REUSED", "This key belongs to another request.")
        if status == _CONFLICT:
            code, message = "IDEMPOTENCY_KEY_IN_USE", "The request with this key is still running."
            return StillRunning(code, message)
        # What is refused is our mistake or the account's; somebody has to look.
        tell = log.warning if is_down else log.error
        tell("stripe_failed", kind=type(error).__name__, status=status, error_code=error.code)
        return _unavailable(2)


def require_signature(
    body: bytes, header: str | None, *, secrets: Sequence[str], at: datetime
) -> None:
    """Refuse what Stripe has not signed, or not just now.

    Args:
        body: As it was sent, to the byte.
        header: ``Stripe-Signature``.
        secrets: Those of the endpoint; any of them will do.
        at: What time it is.

    Raises:
        BadRequest: ``SIGNATURE_REQUIRED``, ``SIGNATURE_INVALID`` or ``SIGNATURE_EXPIRED``.
    """
    if not header:
        raise BadRequest("SIGNATURE_REQUIRED", "Send the header Stripe-Signature.")
    moment = _time_of(header)
    if moment is None or not any(_is_signed(body, header, secret) for secret in secrets):
        raise BadRequest("SIGNATURE_INVALID", "The signature does not belong to this body.")
    if abs(at.timestamp() - moment) > TOLERANCE.total_seconds():
        raise BadRequest("SIGNATURE_EXPIRED", "The signature is too old, or of the future.")


def _read_session(answer: Any) -> Session:
    texts: list[Any] = [answer.id, answer.url]
    if not all(isinstance(text, str) and text for text in texts):
        raise TypeError("a Checkout Session has an id and a page")
    return Session(*texts)


def _time_of(header: str) -> int | None:
    """Return the time that is signed: the first one, as for the library."""
    text = next((part[2:] for part in header.split(",") if part.startswith("t=")), "")
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_TIME_DIGITS
    # The library compares texts of ASCII, and raises for others.
    return int(text) if is_number and header.isascii() else None


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        # The library knows only the time of the system, so the time is looked at here.
        stripe.WebhookSignature.verify_header(body, header, secret)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _unavailable(retry_after: int) -> Unavailable:
    message = "Payments cannot be taken now. Try again."
    return Unavailable("STRIPE_UNAVAILABLE", message, retry_after=retry_after)
