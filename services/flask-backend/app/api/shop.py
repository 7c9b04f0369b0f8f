"""What a request finds of the shop: the settings of Stripe, kept by ``create_app``."""

from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from flask import current_app

from app.breaker import CircuitBreaker
from app.config import Settings
from app.errors import Unavailable
from app.metrics import record_breaker
from app.usecases.billing import Shop

TILL: Final = "TILL"
"""Where ``create_app`` keeps it in Flask's configuration; None: nothing is for sale."""
DEPENDENCY: Final = "stripe"
_RETRY_AFTER: Final = 3600


@dataclass(frozen=True, slots=True)
class Till:
    """What is for sale, and how to tell that money has come.

    Attributes:
        shop: What is for sale.
        webhook_secrets: By which Stripe signs what it sends.
        is_live: Whether the money is real.
    """

    shop: Shop
    webhook_secrets: tuple[str, ...]
    is_live: bool


def make_till(settings: Settings) -> Till | None:
    """Return how credits are sold, None without ``STRIPE_SECRET_KEY``. Opens nothing."""
    if not settings.has_stripe:
        return None
    from app.clients.stripe import StripeClient  # noqa: PLC0415 - a tenth of the start, and only here are things sold

    client = StripeClient(
        settings.stripe_key,
        CircuitBreaker(partial(record_breaker, DEPENDENCY)),
        api_base=settings.stripe_api_base,
    )
    shop = Shop(
        client=client,
        packages=settings.packages,
        currency=settings.credit_currency,
        site=settings.public_url,
        origins=frozenset(settings.allowed_origins),
    )
    return Till(shop, settings.webhook_secrets, settings.is_stripe_live)


def require_till() -> Till:
    """Return how credits are sold by the application that answers.

    Raises:
        Unavailable: ``BILLING_NOT_CONFIGURED``: they are not.
    """
    till = cast("Till | None", current_app.config[TILL])
    if till is None:
        code, message = "BILLING_NOT_CONFIGURED", "Nothing is for sale here."
        raise Unavailable(code, message, retry_after=_RETRY_AFTER)
    return till
