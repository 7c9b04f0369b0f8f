"""Buying credits, and what was bought. Holds no rule about prices."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body
from app.api.idempotency import read_key
from app.api.pagination import ListQuery, page_of, read_cursor
from app.api.schemas.rows import shown
from app.api.shop import require_till
from app.usecases import billing
from app.usecases.billing import Order

blueprint = Blueprint(
    "billing",
    __name__,
    url_prefix="/api/v1/billing",
    keeps_answers=False,  # No transaction may be open while Stripe is asked; it keeps its own.
    abp_tags=[Tag(name="billing", description="Buy credits")],
    abp_security=[{"bearer": []}],
)

Address = Annotated[str, Field(max_length=2000, pattern=r"^https?://[!-~]+$")]


class PackageForSale(BaseModel):
    """Credits that can be bought together."""

    credits: int
    price_cents: int
    currency: str


class Packages(BaseModel):
    """What is for sale."""

    items: list[PackageForSale]


class Purchase(BaseModel):
    """Credits that were bought, and what was taken back of them."""

    id: UUID
    stripe_session_id: str
    amount_paid_cents: int
    currency: str
    credits_added: int
    refunded_cents: int
    disputed_cents: int
    credits_reversed: int
    created_at: datetime


class PurchasePage(BaseModel):
    """A page of purchases, newest first."""

    items: list[Purchase]
    next_cursor: str | None


class NewCheckout(Body):
    """What to buy, and where to go afterwards: pages of the service's own site."""

    credits: Annotated[int, Field(ge=1, le=999_999_999)]
    success_url: Address | None = None
    cancel_url: Address | None = None


class Checkout(BaseModel):
    """The page on which to pay."""

    id: str
    url: str


@blueprint.get("/packages", summary="List what is for sale", responses={200: Packages})
@allow("user")
def list_packages() -> dict[str, Any]:
    """List the numbers of credits that can be bought, with their prices."""
    shop = require_till().shop
    return {"items": [asdict(each) | {"currency": shop.currency} for each in shop.packages]}


@blueprint.post("/checkout", summary="Buy credits", responses={201: Checkout})
@allow("user", terms=True)
def open_checkout(body: NewCheckout) -> tuple[dict[str, Any], int]:
    """Return the page on which to pay. Stripe remembers the Idempotency-Key of an order."""
    order = Order(current_principal().user_id, **body.model_dump(), key=read_key())
    session = billing.open_checkout(require_till().shop, order)
    return asdict(session), 201


@blueprint.get("/transactions", summary="List purchases", responses={200: PurchasePage})
@allow("user")
def list_transactions(query: ListQuery) -> dict[str, Any]:
    """List what the user has bought, newest first."""
    rows = billing.list_purchases(
        current_principal().user_id, after=read_cursor(query), limit=query.limit + 1
    )
    return page_of([row | {"id": row["transaction_id"]} for row in rows], query, _purchase_json)


def _purchase_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(Purchase, row)
