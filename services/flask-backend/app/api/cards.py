"""The flash cards of learners."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from flask import current_app
from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, BaseModel

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body, Identifier, Timestamp
from app.api.pagination import MAX_PAGE_BYTES, page_of, read_cursor
from app.api.schemas.flaws import refuse
from app.api.schemas.learning import (
    PREFIX,
    BelongingQuery,
    Dated,
    OneBelonging,
    OneLearner,
    filters_of,
)
from app.api.schemas.patch import Patch, may_be_absent
from app.api.schemas.rows import shown
from app.usecases.learning import belongings, cards
from app.usecases.learning.documents import find_document_flaw
from app.usecases.learning.store import CARDS
from app.vocabulary import CardStatus, CardType

MAX_CONTENT_BYTES: Final = 8 * 2**20
_ROOM_FOR_THE_REST: Final = 65_536

blueprint = Blueprint(
    "cards",
    __name__,
    url_prefix=f"{PREFIX}/<learner_id>/cards",
    abp_tags=[Tag(name="cards", description="The flash cards of learners")],
    abp_security=[{"bearer": []}],
    longest_body=MAX_CONTENT_BYTES + _ROOM_FOR_THE_REST,
)


def _storable(content: dict[str, Any]) -> dict[str, Any]:
    refuse(find_document_flaw("content", content, MAX_CONTENT_BYTES))
    return content


Content = Annotated[dict[str, Any], AfterValidator(_storable)]


class Card(Dated):
    """A flash card."""

    id: UUID
    card_type: str
    status: str
    content: dict[str, Any]
    approved_at: datetime
    created_at: datetime


class CardPage(BaseModel):
    """A page of cards, newest first."""

    items: list[Card]
    next_cursor: str | None


class NewCard(Body):
    """A card to store. A client that makes the id may send it again without harm."""

    id: Identifier | None = None
    card_type: CardType
    status: CardStatus = CardStatus.PENDING
    content: Content
    approved_at: Timestamp | None = None


class CardChange(Patch):
    """What may change of a card; the content is replaced as a whole."""

    card_type: CardType = may_be_absent()
    status: CardStatus = may_be_absent()
    content: Content = may_be_absent()


class CardQuery(BelongingQuery):
    """Which cards to list, by ``approved_at``."""

    status: CardStatus | None = None
    card_type: CardType | None = None


@blueprint.post("", summary="Store a card", responses={201: Card, 200: Card})
@allow("user", terms=True)
def create_card(path: OneLearner, body: NewCard) -> tuple[dict[str, Any], int]:
    """Store a card: 201, or 200 if it is stored as sent, or 409 if its id is taken."""
    row, is_new = belongings.create_belonging(
        CARDS,
        current_principal().user_id,
        path.learner_id,
        body.id,
        **body.model_dump(exclude={"id"}),
    )
    return shown(Card, row), 201 if is_new else 200


@blueprint.get("", summary="List cards", responses={200: CardPage})
@allow("user")
def list_cards(path: OneLearner, query: CardQuery) -> dict[str, Any]:
    """List cards by ``approved_at``, newest first. A page of large ones ends early."""
    rows = cards.list_cards(
        current_principal().user_id,
        path.learner_id,
        **filters_of(query),
        after=read_cursor(query),
        limit=query.limit + 1,
        enough=MAX_PAGE_BYTES,
        # As they are told, not as they are stored: 1e300 is five bytes here and 301 there.
        weigh=lambda row: len(current_app.json.dumps(row["content"]).encode()),
    )
    return page_of(rows, query, lambda row: shown(Card, row), time=CARDS.time)


@blueprint.get("/<id>", summary="Read a card", responses={200: Card})
@allow("user")
def get_card(path: OneBelonging) -> dict[str, Any]:
    """Return a card; 404 if it is deleted or somebody else's."""
    user_id = current_principal().user_id
    return shown(Card, belongings.require_belonging(CARDS, user_id, path.learner_id, path.id))


@blueprint.patch("/<id>", summary="Change a card", responses={200: Card})
@allow("user", terms=True)
def update_card(path: OneBelonging, body: CardChange) -> dict[str, Any]:
    """Change a card; 404 if it is deleted or somebody else's."""
    user_id = current_principal().user_id
    row = belongings.change_belonging(CARDS, user_id, path.learner_id, path.id, **body.changes)
    return shown(Card, row)


@blueprint.delete("/<id>", summary="Delete a card", responses={204: None})
@allow("user")
def delete_card(path: OneBelonging) -> tuple[str, int]:
    """Delete a card; 404 if it is deleted already or somebody else's."""
    belongings.delete_belonging(CARDS, current_principal().user_id, path.learner_id, path.id)
    return "", 204
