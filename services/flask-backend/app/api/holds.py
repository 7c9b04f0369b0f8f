"""Prepaid credits that are set aside: one's own holds, and how they end."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.access import allow, current_principal
from app.api.allowances import current_owner
from app.api.blueprint import Blueprint
from app.api.errors import PROBLEM
from app.api.fields import Body, Identifier, Parameters
from app.api.pagination import ListQuery, page_of, read_cursor
from app.api.schemas.credits import Amount, CreditChange, Reason, change_json
from app.api.schemas.rows import shown
from app.usecases import holds, reservations
from app.vocabulary import HoldState

blueprint = Blueprint(
    "holds",
    __name__,
    url_prefix="/api/v1/credits/holds",
    abp_tags=[Tag(name="holds", description="Credits that are set aside")],
    abp_security=[{"bearer": []}],
)


class Hold(BaseModel):
    """Prepaid credits that are set aside, or were."""

    id: Identifier
    amount: int
    captured: int
    state: HoldState
    reason: str | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class HoldPage(BaseModel):
    """A page of holds, newest first."""

    items: list[Hold]
    next_cursor: str | None


class EndedHold(CreditChange):
    """A hold that has just ended, and the credits after it."""

    hold: Hold


class NewHold(Body):
    """What to set aside, what for, and for how many seconds."""

    amount: Amount
    description: Reason | None = None
    expires_in: Annotated[
        int,
        Field(ge=holds.SHORTEST // timedelta(seconds=1), le=holds.LONGEST // timedelta(seconds=1)),
    ] = holds.USUAL // timedelta(seconds=1)


class Capture(Body):
    """How much to take; all of the hold if nothing is said."""

    amount: Amount | None = None


class OneHold(Parameters):
    """The hold in the path."""

    id: Identifier


@blueprint.post("", summary="Set credits aside", responses={201: Hold, 402: PROBLEM})
@allow("user", terms=True)
def place_hold(body: NewHold) -> tuple[dict[str, Any], int]:
    """Set prepaid credits aside, all or none: nothing else can take them until the hold ends."""
    hold = reservations.reserve(
        current_principal().user_id,
        body.amount,
        reason=body.description,
        lifetime=timedelta(seconds=body.expires_in),
    )
    return _hold_json(hold), 201


@blueprint.get("", summary="List holds", responses={200: HoldPage})
@allow("user")
def list_holds(query: ListQuery) -> dict[str, Any]:
    """List holds, newest first, open and ended."""
    rows = reservations.list_holds(
        current_principal().user_id, after=read_cursor(query), limit=query.limit + 1
    )
    return page_of(rows, query, _hold_json)


@blueprint.get("/<id>", summary="Read a hold", responses={200: Hold})
@allow("user")
def get_hold(path: OneHold) -> dict[str, Any]:
    """Return a hold; 404 if it is somebody else's."""
    return _hold_json(reservations.require_hold(current_principal().user_id, path.id))


@blueprint.post("/<id>/capture", summary="Take what was set aside", responses={200: EndedHold})
@allow("user", terms=True)
def capture_hold(path: OneHold, body: Capture) -> dict[str, Any]:
    """Spend what a hold has set aside, all or a part; the rest becomes available again."""
    return _ended_json(reservations.capture(current_owner(), path.id, body.amount))


@blueprint.post("/<id>/release", summary="Give back what was set aside", responses={200: EndedHold})
@allow("user")
def release_hold(path: OneHold) -> dict[str, Any]:
    """End a hold without spending; its credits become available again."""
    return _ended_json(reservations.release(current_owner(), path.id))


def _ended_json(ended: reservations.EndedHold) -> dict[str, Any]:
    return {"hold": _hold_json(ended.hold)} | change_json(ended)


def _hold_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(Hold, row)
