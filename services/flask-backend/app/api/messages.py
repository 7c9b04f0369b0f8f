"""What was said in conversations with learners, or about them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body, Identifier, Timestamp
from app.api.pagination import page_of, read_cursor
from app.api.schemas.flaws import STORABLE
from app.api.schemas.learning import (
    PREFIX,
    BelongingQuery,
    Dated,
    Document,
    OneBelonging,
    OneLearner,
    Texts,
    filters_of,
)
from app.api.schemas.patch import Patch, may_be_absent
from app.api.schemas.rows import shown
from app.usecases.learning import belongings
from app.usecases.learning.store import MESSAGES
from app.vocabulary import MessageRole

blueprint = Blueprint(
    "messages",
    __name__,
    url_prefix=f"{PREFIX}/<learner_id>/messages",
    abp_tags=[Tag(name="messages", description="What was said with learners")],
    abp_security=[{"bearer": []}],
)

Content = Annotated[str, Field(max_length=65_536, pattern=STORABLE)]


class Message(Dated):
    """Something that was said."""

    id: UUID
    role: str
    content: str
    mentions: Any
    config: Any
    extra: dict[str, Any]
    timestamp: datetime
    created_at: datetime


class MessagePage(BaseModel):
    """A page of messages, newest first."""

    items: list[Message]
    next_cursor: str | None


class NewMessage(Body):
    """A message to store. A client that makes the id may send it again without harm."""

    id: Identifier | None = None
    role: MessageRole
    content: Content
    mentions: Texts | None = None
    config: Document = may_be_absent()
    extra: Document = Field(default_factory=dict)
    timestamp: Timestamp | None = None


class MessageChange(Patch):
    """What may change of a message; lists and documents are replaced as a whole."""

    role: MessageRole = may_be_absent()
    content: Content = may_be_absent()
    mentions: Texts | None = may_be_absent()
    config: Document = may_be_absent()
    extra: Document = may_be_absent()


class MessageQuery(BelongingQuery):
    """Which messages to list, by ``timestamp``."""

    role: MessageRole | None = None


@blueprint.post("", summary="Store a message", responses={201: Message, 200: Message})
@allow("user", terms=True)
def create_message(path: OneLearner, body: NewMessage) -> tuple[dict[str, Any], int]:
    """Store a message: 201, or 200 if it is stored as sent, or 409 if its id is taken."""
    row, is_new = belongings.create_belonging(
        MESSAGES,
        current_principal().user_id,
        path.learner_id,
        body.id,
        **body.model_dump(exclude={"id"}),
    )
    return shown(Message, row), 201 if is_new else 200


@blueprint.get("", summary="List messages", responses={200: MessagePage})
@allow("user")
def list_messages(path: OneLearner, query: MessageQuery) -> dict[str, Any]:
    """List messages by ``timestamp``, newest first."""
    rows = belongings.list_belongings(
        MESSAGES,
        current_principal().user_id,
        path.learner_id,
        **filters_of(query),
        after=read_cursor(query),
        limit=query.limit + 1,
    )
    return page_of(rows, query, lambda row: shown(Message, row), time=MESSAGES.time)


@blueprint.get("/<id>", summary="Read a message", responses={200: Message})
@allow("user")
def get_message(path: OneBelonging) -> dict[str, Any]:
    """Return a message; 404 if it is deleted or somebody else's."""
    user_id = current_principal().user_id
    row = belongings.require_belonging(MESSAGES, user_id, path.learner_id, path.id)
    return shown(Message, row)


@blueprint.patch("/<id>", summary="Change a message", responses={200: Message})
@allow("user", terms=True)
def update_message(path: OneBelonging, body: MessageChange) -> dict[str, Any]:
    """Change a message; 404 if it is deleted or somebody else's."""
    user_id = current_principal().user_id
    row = belongings.change_belonging(MESSAGES, user_id, path.learner_id, path.id, **body.changes)
    return shown(Message, row)


@blueprint.delete("/<id>", summary="Delete a message", responses={204: None})
@allow("user")
def delete_message(path: OneBelonging) -> tuple[str, int]:
    """Delete a message; 404 if it is deleted already or somebody else's."""
    belongings.delete_belonging(MESSAGES, current_principal().user_id, path.learner_id, path.id)
    return "", 204
