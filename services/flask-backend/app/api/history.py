"""What people did: their own actions, and nobody else's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, BaseModel, Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body, Identifier, Parameters, Timestamp
from app.api.pagination import ListQuery, page_of, read_cursor
from app.api.schemas.flaws import VISIBLE, refuse
from app.api.schemas.patch import Patch, may_be_absent
from app.api.schemas.rows import shown
from app.usecases import history

blueprint = Blueprint(
    "history",
    __name__,
    url_prefix="/api/v1/history",
    abp_tags=[Tag(name="history", description="What the user did")],
    abp_security=[{"bearer": []}],
)


def _small(payload: dict[str, Any]) -> dict[str, Any]:
    refuse(history.find_payload_flaw(payload))
    return payload


ActionType = Annotated[str, Field(min_length=1, max_length=50, pattern=VISIBLE)]
Payload = Annotated[dict[str, Any], AfterValidator(_small)]


class Action(BaseModel):
    """Something the user did."""

    id: UUID
    action_type: str
    payload: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


class ActionPage(BaseModel):
    """A page of actions, newest first."""

    items: list[Action]
    next_cursor: str | None


class NewAction(Body):
    """An action to store. A client that makes the id may send it again without harm."""

    id: Identifier | None = None
    action_type: ActionType
    payload: Payload


class ActionChange(Patch):
    """What may change of an action; the payload is replaced as a whole."""

    action_type: ActionType = may_be_absent()
    payload: Payload = may_be_absent()


class OneAction(Parameters):
    """The action in the path."""

    id: Identifier


class ActionQuery(ListQuery):
    """Which actions to list; both ends of the range belong to it."""

    start_date: Timestamp | None = None
    end_date: Timestamp | None = None
    action_type: ActionType | None = None


@blueprint.post("", summary="Store an action", responses={201: Action, 200: Action})
@allow("user", terms=True)
def create_action(body: NewAction) -> tuple[dict[str, Any], int]:
    """Store an action: 201, or 200 if it is stored as sent, or 409 if its id is taken."""
    row, is_new = history.record_action(
        current_principal().user_id,
        action_id=body.id,
        action_type=body.action_type,
        payload=body.payload,
    )
    return _action_json(row), 201 if is_new else 200


@blueprint.get("", summary="List actions", responses={200: ActionPage})
@allow("user")
def list_actions(query: ActionQuery) -> dict[str, Any]:
    """List actions, newest first. While others are stored, no page repeats or misses one."""
    rows = history.list_history(
        current_principal().user_id,
        **query.model_dump(exclude={"cursor", "limit"}),
        after=read_cursor(query),
        limit=query.limit + 1,
    )
    return page_of(rows, query, _action_json)


@blueprint.get("/<id>", summary="Read an action", responses={200: Action})
@allow("user")
def get_action(path: OneAction) -> dict[str, Any]:
    """Return an action; 404 if it is deleted or somebody else's."""
    return _action_json(history.require_action(current_principal().user_id, path.id))


@blueprint.patch("/<id>", summary="Change an action", responses={200: Action})
@allow("user", terms=True)
def update_action(path: OneAction, body: ActionChange) -> dict[str, Any]:
    """Change an action; 404 if it is deleted or somebody else's."""
    user_id = current_principal().user_id
    return _action_json(history.change_action(user_id, path.id, **body.changes))


@blueprint.delete("/<id>", summary="Delete an action", responses={204: None})
@allow("user")
def delete_action(path: OneAction) -> tuple[str, int]:
    """Delete an action; 404 if it is deleted already or somebody else's."""
    history.delete_action(current_principal().user_id, path.id)
    return "", 204


def _action_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(Action, row)
