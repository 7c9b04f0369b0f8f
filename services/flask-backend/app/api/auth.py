"""Signing up, in and out. Holds no rule about passwords or tokens."""

from typing import Annotated, Any

from flask_openapi3.models.tag import Tag
from pydantic import Field

from app.api.access import allow, current_principal, optional_principal
from app.api.blueprint import Blueprint
from app.api.client import current_client
from app.api.fields import Body
from app.api.schemas.accounts import Credentials, Registration, Tokens, tokens_json
from app.api.signing import current_signing_keys
from app.usecases import registration, signing_in

blueprint = Blueprint(
    "auth",
    __name__,
    url_prefix="/api/v1/auth",
    takes_keys=False,  # Tokens are given once, and stored nowhere.
    abp_tags=[Tag(name="auth", description="Sign in")],
)


class Renewal(Body):
    """What the next pair of tokens is exchanged for."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


@blueprint.post(
    "/register",
    summary="Make an account and sign in",
    security=[{}, {"bearer": []}],
    responses={201: Tokens},
)
@allow("public")
def register(body: Registration) -> tuple[dict[str, Any], int]:
    """Make an account, of a guest if its token is sent; 409 EMAIL_TAKEN, perhaps by a deleted one.

    A mail asks the owner of the address to verify it.
    """
    key, *_ = current_signing_keys()
    signed_in = registration.register(
        **body.model_dump(), guest=optional_principal(), client=current_client(), key=key
    )
    return tokens_json(signed_in), 201


@blueprint.post("/guest", summary="Begin without an account", responses={201: Tokens})
@allow("public")
def make_guest() -> tuple[dict[str, Any], int]:
    """Make a guest: an account without e-mail. Registering with its token keeps all it has."""
    return tokens_json(registration.make_guest(current_client())), 201


@blueprint.post("/login", summary="Sign in", responses={200: Tokens})
@allow("public")
def login(body: Credentials) -> dict[str, Any]:
    """Exchange e-mail and password for a pair of tokens; 429 after too many attempts."""
    return tokens_json(signing_in.login(**body.model_dump(), client=current_client()))


@blueprint.post("/refresh", summary="Exchange a refresh token", responses={200: Tokens})
@allow("public")
def refresh(body: Renewal) -> dict[str, Any]:
    """Replace a pair of tokens. A refresh token works once; its reuse ends the sign-in."""
    signed_in = signing_in.refresh(
        body.refresh_token, current_client(), keys=current_signing_keys()
    )
    return tokens_json(signed_in)


@blueprint.post("/logout", summary="Sign out", security=[{"bearer": []}], responses={204: None})
@allow("user")
def logout() -> tuple[str, int]:
    """End this sign-in at once, with every token that came of it."""
    signing_in.logout(current_principal())
    return "", 204
