"""Signing up, in and out. Holds no rule about passwords or tokens."""

import ipaddress
from typing import Annotated, Any

from flask import request
from flask_openapi3.models.tag import Tag
from pydantic import Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body
from app.api.schemas.accounts import Credentials, Registration, Tokens, tokens_json
from app.api.signing import current_signing_keys
from app.usecases import accounts
from app.usecases.accounts import Client

blueprint = Blueprint(
    "auth", __name__, url_prefix="/api/v1/auth", abp_tags=[Tag(name="auth", description="Sign in")]
)


class Renewal(Body):
    """What the next pair of tokens is exchanged for."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


@blueprint.post("/register", summary="Make an account and sign in", responses={201: Tokens})
@allow("public")
def register(body: Registration) -> tuple[dict[str, Any], int]:
    """Make an account; 409 EMAIL_TAKEN if its e-mail belongs to one, be it a deleted one."""
    signed_in = accounts.register(**body.model_dump(), client=_client())
    return tokens_json(signed_in), 201


@blueprint.post("/login", summary="Sign in", responses={200: Tokens})
@allow("public")
def login(body: Credentials) -> dict[str, Any]:
    """Exchange e-mail and password for a pair of tokens; 429 after too many attempts."""
    return tokens_json(accounts.login(**body.model_dump(), client=_client()))


@blueprint.post("/refresh", summary="Exchange a refresh token", responses={200: Tokens})
@allow("public")
def refresh(body: Renewal) -> dict[str, Any]:
    """Replace a pair of tokens. A refresh token works once; its reuse ends the sign-in."""
    signed_in = accounts.refresh(body.refresh_token, _client(), keys=current_signing_keys())
    return tokens_json(signed_in)


@blueprint.post("/logout", summary="Sign out", security=[{"bearer": []}], responses={204: None})
@allow("user")
def logout() -> tuple[str, int]:
    """End this sign-in at once, with every token that came of it."""
    accounts.logout(current_principal())
    return "", 204


def _client() -> Client:
    agent = request.headers.get("User-Agent")
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:  # A Unix socket, or a proxy that writes something else.
        return Client(None, agent)
    return Client(str(address), agent)
