"""The grammar that learners have mastered, by its URIs."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, BeforeValidator, Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body
from app.api.pagination import page_of, read_cursor
from app.api.schemas.learning import (
    MAX_LIST_BYTES,
    PREFIX,
    AddedEntries,
    BelongingQuery,
    Dated,
    Named,
    OneBelonging,
    OneLearner,
    RemovedEntries,
    Text,
    added_json,
    filters_of,
    removed_json,
)
from app.api.schemas.rows import shown
from app.usecases.learning import belongings, mastery
from app.usecases.learning.store import GRAMMAR

blueprint = Blueprint(
    "grammar",
    __name__,
    url_prefix=f"{PREFIX}/<learner_id>",
    abp_tags=[Tag(name="grammar", description="The grammar that learners have mastered")],
    abp_security=[{"bearer": []}],
    longest_body=MAX_LIST_BYTES,
)


class Grammar(Dated):
    """A piece of grammar that a learner has mastered."""

    id: UUID
    grammar_uri: str
    added_at: datetime


class GrammarPage(BaseModel):
    """A page of grammar, newest first."""

    items: list[Grammar]
    next_cursor: str | None


class NamedGrammar(Named):
    """A piece of grammar."""

    grammar_uri: Text


def _spelled_out(value: Any) -> Any:
    return {"grammar_uri": value} if isinstance(value, str) else value


Entry = Annotated[
    NamedGrammar, BeforeValidator(_spelled_out, json_schema_input_type=NamedGrammar | Text)
]


class GrammarList(Body):
    """Grammar, each piece as an object or as nothing but its URI. Escapes stay as they stand."""

    grammar: Annotated[list[Entry], Field(min_length=1, max_length=mastery.MAX_AT_ONCE)]


@blueprint.post("/grammar", summary="Add grammar", responses={200: AddedEntries})
@allow("user", terms=True)
def add_grammar(path: OneLearner, body: GrammarList) -> dict[str, Any]:
    """Add grammar; tell what was added, what was there, and what cannot be kept, and why."""
    user_id = current_principal().user_id
    return added_json(mastery.add_grammar(user_id, path.learner_id, _grammar(body)))


@blueprint.post("/removals/grammar", summary="Remove grammar", responses={200: RemovedEntries})
@allow("user", terms=True)
def remove_grammar(path: OneLearner, body: GrammarList) -> dict[str, Any]:
    """Remove grammar; tell what was removed, what was not there, and what cannot be a URI."""
    user_id = current_principal().user_id
    return removed_json(mastery.remove_grammar(user_id, path.learner_id, _grammar(body)))


@blueprint.get("/grammar", summary="List grammar", responses={200: GrammarPage})
@allow("user")
def list_grammar(path: OneLearner, query: BelongingQuery) -> dict[str, Any]:
    """List grammar by the time it was added, newest first."""
    rows = belongings.list_belongings(
        GRAMMAR,
        current_principal().user_id,
        path.learner_id,
        **filters_of(query),
        after=read_cursor(query),
        limit=query.limit + 1,
    )
    return page_of(rows, query, lambda row: shown(Grammar, row), time=GRAMMAR.time)


@blueprint.get("/grammar/<id>", summary="Read a piece of grammar", responses={200: Grammar})
@allow("user")
def get_grammar(path: OneBelonging) -> dict[str, Any]:
    """Return a piece of grammar; 404 if it is removed or somebody else's."""
    user_id = current_principal().user_id
    return shown(Grammar, belongings.require_belonging(GRAMMAR, user_id, path.learner_id, path.id))


@blueprint.delete("/grammar/<id>", summary="Remove a piece of grammar", responses={204: None})
@allow("user")
def delete_grammar(path: OneBelonging) -> tuple[str, int]:
    """Remove a piece of grammar; 404 if it is removed already or somebody else's."""
    belongings.delete_belonging(GRAMMAR, current_principal().user_id, path.learner_id, path.id)
    return "", 204


def _grammar(body: GrammarList) -> list[mastery.Grammar]:
    return [mastery.Grammar(one.grammar_uri, one.added_at) for one in body.grammar]
