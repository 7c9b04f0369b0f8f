"""Where an account is signed in, for its owner to look at and to end."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Identifier, Parameters
from app.usecases import sign_ins

blueprint = Blueprint(
    "sign_ins",
    __name__,
    url_prefix="/api/v1/auth/sessions",
    takes_keys=False,
    abp_tags=[Tag(name="auth", description="Sign in")],
    abp_security=[{"bearer": []}],
)


class SignIn(BaseModel):
    """A device that is signed in."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str | None
    address: str | None
    is_current: bool


class SignInPage(BaseModel):
    """All sign-ins of an account: there are few enough for one page."""

    items: list[SignIn]
    next_cursor: None


class OneSignIn(Parameters):
    """The sign-in in the path."""

    id: Identifier


@blueprint.get("", summary="List one's own sign-ins", responses={200: SignInPage})
@allow("user")
def list_sign_ins() -> dict[str, Any]:
    """List where the account is signed in, the most recently used first."""
    found = sign_ins.list_sign_ins(current_principal())
    return {"items": [asdict(sign_in) for sign_in in found], "next_cursor": None}


@blueprint.delete("/<id>", summary="End a sign-in", responses={204: None})
@allow("user")
def end_sign_in(path: OneSignIn) -> tuple[str, int]:
    """End one sign-in at once; it may be the one that asks."""
    sign_ins.end_sign_in(current_principal(), path.id)
    return "", 204


@blueprint.delete("", summary="End all other sign-ins", responses={204: None})
@allow("user")
def end_other_sign_ins() -> tuple[str, int]:
    """End all sign-ins at once but the one that asks."""
    sign_ins.end_other_sign_ins(current_principal())
    return "", 204
