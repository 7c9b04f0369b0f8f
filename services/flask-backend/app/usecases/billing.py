"""Buying credits: what is for sale, and the page on which Stripe takes the money.

What becomes of the money is told by events; see ``app.usecases.stripe_events``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from app.errors import FieldError, Invalid
from app.models import list_purchases, release
from app.wallet_settings import Package

if TYPE_CHECKING:  # Stripe's library is for those who sell; see app.api.shop.
    from app.clients.stripe import Session, StripeClient

__all__ = ["Order", "Shop", "list_purchases", "open_checkout"]

_SUCCESS: Final = "/billing/success?session_id={CHECKOUT_SESSION_ID}"
"""Stripe puts the session's id there."""
_CANCEL: Final = "/billing/cancel"


@dataclass(frozen=True, slots=True)
class Shop:
    """What is for sale, and how it is paid.

    Attributes:
        client: Asks Stripe.
        packages: What is for sale.
        currency: Of all prices.
        site: The address that people use.
        origins: Where pages are to which people may be sent back, besides the site.
    """

    client: StripeClient
    packages: tuple[Package, ...]
    currency: str
    site: str
    origins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to buy.

    Attributes:
        user_id: Who.
        credits: How many.
        success_url: Where people go who have paid; a page of the site if None.
        cancel_url: Where people go who have not.
        key: What the client calls the order, if it may come again.
    """

    user_id: UUID
    credits: int
    success_url: str | None = None
    cancel_url: str | None = None
    key: str | None = None


def open_checkout(shop: Shop, order: Order) -> Session:
    """Return the page on which somebody pays. Nothing is written, and no transaction is open.

    Raises:
        Invalid: ``UNKNOWN_PACKAGE``: that many are not for sale; or an address is not ours.
        Unavailable: ``STRIPE_UNAVAILABLE``: Stripe does not answer.
    """
    package = _require_package(shop, order.credits)
    errors = list(_foreign_addresses(shop, order))
    if errors:
        raise Invalid.fields(errors)
    release()  # Others may have the connection while Stripe is asked.
    parameters = _session_parameters(shop, order, package)
    return shop.client.open_session(parameters, idempotency_key=_key_of(order))


def _require_package(shop: Shop, credits_wanted: int) -> Package:
    for package in shop.packages:
        if package.credits == credits_wanted:
            return package
    raise Invalid(
        "UNKNOWN_PACKAGE",
        "This number of credits is not for sale.",
        facts={"packages": [package.credits for package in shop.packages]},
    )


def _foreign_addresses(shop: Shop, order: Order) -> Iterator[FieldError]:
    """Yield each address to which nobody may be sent: others would abuse the name of the site."""
    site = urlsplit(shop.site)
    origins = shop.origins | {f"{site.scheme}://{site.netloc}"}
    starts = tuple(f"{origin}{end}" for origin in origins for end in "/?#")
    for field in ("success_url", "cancel_url"):
        url = getattr(order, field)
        if url is not None and url not in origins and not url.startswith(starts):
            yield FieldError(field, "NOT_ALLOWED", "Name a page of this service's own site.")


def _session_parameters(shop: Shop, order: Order, package: Package) -> dict[str, Any]:
    site = shop.site.rstrip("/")
    price = {
        "currency": shop.currency,
        "unit_amount": package.price_cents,
        "product_data": {"name": f"{package.credits} credits"},
    }
    return {
        "mode": "payment",
        "client_reference_id": str(order.user_id),
        "metadata": {"credits": str(package.credits)},
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": order.success_url or site + _SUCCESS,
        "cancel_url": order.cancel_url or site + _CANCEL,
    }


def _key_of(order: Order) -> str:
    """Return the name of an order at Stripe, where all accounts share one room for names."""
    if order.key is None:
        return str(uuid4())
    return hashlib.sha256(f"{order.user_id}\n{order.key}".encode()).hexdigest()
