"""Guests who have an account already, and claim what they had as a guest."""

from typing import Annotated, Any

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.access import allow
from app.api.allowances import current_owner
from app.api.blueprint import Blueprint
from app.api.fields import Body
from app.api.schemas.credits import Credits, credits_json
from app.usecases import claims

blueprint = Blueprint(
    "claims",
    __name__,
    url_prefix="/api/v1/credits",
    abp_tags=[Tag(name="claims", description="Guests who have an account")],
    abp_security=[{"bearer": []}],
)


class NewClaim(Body):
    """The guest, proved by its access token."""

    guest_token: Annotated[str, Field(max_length=200)]


class Moved(BaseModel):
    """What has come from the guest."""

    prepaid: int
    debt: int
    consents: int


class Claim(BaseModel):
    """The credits after a claim, and what came from the guest just now."""

    credits: Credits
    moved: Moved


@blueprint.post("/claim", summary="Claim a guest", responses={200: Claim})
@allow("user")  # The guest may have accepted the terms already, and that comes along.
def claim_guest(body: NewClaim) -> dict[str, Any]:
    """Move a guest's prepaid credits, debt and consents here, once, and end the guest."""
    claim = claims.claim_guest(current_owner(), body.guest_token)
    moved = {name: getattr(claim.moved, name) for name in Moved.model_fields}
    return {"credits": credits_json(claim.credits), "moved": moved}
