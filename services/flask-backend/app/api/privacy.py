"""What people are owed about their data: a copy of all of it, and that it is forgotten."""

import threading
from collections.abc import Generator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from flask import Response, g
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app import clock, deadline
from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.client import current_client
from app.api.fields import Body, Identifier, Parameters
from app.api.schemas.accounts import GivenPassword
from app.api.schemas.rows import shown
from app.errors import Unavailable
from app.log import end_request, start_request
from app.usecases import erasure, export

EXPORT_SECONDS: Final = 25.0
"""How long an export may be written; longer than other answers, because nobody waits for a row."""

EXPORTS_AT_ONCE: Final = 2
"""In one process: each keeps a thread and a connection for as long as its client takes to read."""

blueprint = Blueprint(
    "privacy",
    __name__,
    url_prefix="/api/v1/users",
    takes_keys=False,  # Forgetting twice is forgetting once.
    abp_tags=[Tag(name="privacy", description="One's data, and its end")],
    abp_security=[{"bearer": []}],
)

_exports: Final = threading.BoundedSemaphore(EXPORTS_AT_ONCE)


class Export(BaseModel):
    """Everything about an account. Beside these, a member for each kind of data."""

    format: str
    version: int
    generated_at: datetime
    user_id: UUID
    withheld: Annotated[
        dict[str, dict[str, str]], Field(description="What is left out of each member, and why.")
    ]
    is_complete: Annotated[
        bool, Field(description="true, and last: without it the export was cut.")
    ]


class OneUser(Parameters):
    """The account in the path."""

    id: Identifier


class OwnErasure(Body):
    """Proof that it is meant: the password, of whoever has one."""

    password: GivenPassword | None = None


class Erased(BaseModel):
    """An account whose person was forgotten."""

    user_id: UUID
    erased_at: datetime


@blueprint.get("/me/export", summary="Take one's data along", responses={200: Export})
@allow("user")
def export_me() -> Response:
    """Return everything about the account this token belongs to, as a file."""
    user_id, at = current_principal().user_id, clock.now()
    pieces = write_bounded(user_id, at, g.request_id)
    next(pieces)  # Refused now or not at all: later the answer has begun.
    response = Response(pieces, content_type="application/json", direct_passthrough=True)
    response.call_on_close(pieces.close)  # For HEAD, which reads none of them.
    name = f"export-{at:%Y-%m-%d}.json"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@blueprint.post("/me/erasure", summary="Be forgotten", responses={200: Erased})
@allow("user")
def erase_me(body: OwnErasure) -> dict[str, Any]:
    """Erase the account this token belongs to; at once, and for good."""
    user_id = current_principal().user_id
    return _erased_json(erasure.erase_own_account(user_id, body.password, current_client()))


@blueprint.post("/<id>/erasure", summary="Erase an account", responses={200: Erased})
@allow("admin")
def erase_user(path: OneUser) -> dict[str, Any]:
    """Erase an account, deleted or not, at once and for good. May be called again."""
    return _erased_json(erasure.erase_account(path.id))


def write_bounded(user_id: UUID, at: datetime, request_id: str) -> Generator[bytes]:
    """Yield nothing, and then an export, which is written when the request has ended for Flask.

    Raises:
        Unavailable: ``BUSY``: too many are under way.
    """
    if not _exports.acquire(blocking=False):
        raise Unavailable("BUSY", "Others are taking their data along. Try again.", retry_after=5)
    try:
        yield b""
        start_request(request_id)
        deadline.begin(EXPORT_SECONDS)
        yield from export.export_account(user_id, at)
    finally:
        deadline.end()
        end_request()
        _exports.release()


def _erased_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(Erased, row)
