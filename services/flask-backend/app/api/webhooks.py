"""What others send by themselves: Stripe's events. What they mean is decided by a use case."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from flask import request
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, ValidationError

from app import clock
from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.body import check_json_object
from app.api.limits import read_body
from app.api.shop import require_till
from app.errors import BadRequest, Invalid
from app.usecases import stripe_events
from app.usecases.stripe_events import Event, Outcome

blueprint = Blueprint(
    "webhooks",
    __name__,
    url_prefix="/api/v1/webhooks",
    reads_raw_bodies=True,
    abp_tags=[Tag(name="webhooks", description="What others send by themselves")],
)


class EventData(BaseModel):
    """What an event is about."""

    object: dict[str, Any]


class StripeEvent(BaseModel, strict=True):
    """An event of Stripe's, as far as each has it."""

    id: Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]
    object: Literal["event"]
    type: Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]
    livemode: bool
    created: Annotated[int, Field(ge=0, lt=253_402_300_800)]  # To the end of the year 9999.
    data: EventData


class Receipt(BaseModel):
    """What became of an event."""

    status: Outcome


@blueprint.post("/stripe", summary="Take an event of Stripe's", responses={200: Receipt})
@allow("public")
def take_stripe_event() -> dict[str, Any]:
    """Take an event that Stripe has signed, any number of times.

    Unmatched events are kept, and tried again when they come again. Whatever is odd about a
    request, its signature or its body is 400, and nothing is kept.
    """
    till = require_till()
    from app.clients.stripe import require_signature  # noqa: PLC0415 - make_till() has loaded it

    body = _read_any_body()
    signature = request.headers.get("Stripe-Signature")
    require_signature(body, signature, secrets=till.webhook_secrets, at=clock.now())
    result = stripe_events.take_event(_read_event(body), is_live=till.is_live)
    return {"status": result.outcome}


def _read_any_body() -> bytes:
    """Return the body, to the byte. Stripe is told of what is wrong by one status."""
    try:
        return read_body()
    except BadRequest as refusal:
        raise BadRequest(refusal.code, refusal.message) from None


def _read_event(body: bytes) -> Event:
    try:
        event = StripeEvent.model_validate_json(check_json_object(body))
    except (Invalid, ValidationError):
        raise BadRequest("NOT_AN_EVENT", "The body is no event of Stripe's.") from None
    return Event(
        id=event.id,
        type=event.type,
        is_live=event.livemode,
        created_at=datetime.fromtimestamp(event.created, UTC),
        object=event.data.object,
    )
