"""The words that learners have mastered."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

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
from app.usecases.learning.store import WORDS
from app.usecases.learning.texts import LANGUAGE, MAX_LANGUAGE_CHARACTERS, clean_language

blueprint = Blueprint(
    "words",
    __name__,
    url_prefix=f"{PREFIX}/<learner_id>",
    abp_tags=[Tag(name="words", description="The words that learners have mastered")],
    abp_security=[{"bearer": []}],
    longest_body=MAX_LIST_BYTES,
)


class Word(Dated):
    """A word that a learner has mastered."""

    id: UUID
    word: str
    language: str
    added_at: datetime


class WordPage(BaseModel):
    """A page of words, newest first."""

    items: list[Word]
    next_cursor: str | None


class NamedWord(Named):
    """A word, if need be with its language."""

    word: Text
    language: Text | None = None


def _spelled_out(value: Any) -> Any:
    return {"word": value} if isinstance(value, str) else value


Entry = Annotated[NamedWord, BeforeValidator(_spelled_out, json_schema_input_type=NamedWord | Text)]


class WordList(Body):
    """Words, each as an object or as nothing but its text."""

    language: Annotated[
        Text | None, Field(description="Of those words that do not say their own.")
    ] = None
    words: Annotated[list[Entry], Field(min_length=1, max_length=mastery.MAX_AT_ONCE)]


class WordQuery(BelongingQuery):
    """Which words to list."""

    language: (
        Annotated[
            str,
            Field(max_length=MAX_LANGUAGE_CHARACTERS, pattern=LANGUAGE),
            AfterValidator(clean_language),
        ]
        | None
    ) = None


@blueprint.post("/words", summary="Add words", responses={200: AddedEntries})
@allow("user", terms=True)
def add_words(path: OneLearner, body: WordList) -> dict[str, Any]:
    """Add words; tell which were added, which were there, and which cannot be kept, and why."""
    user_id = current_principal().user_id
    return added_json(mastery.add_words(user_id, path.learner_id, _words(body)))


@blueprint.post("/removals/words", summary="Remove words", responses={200: RemovedEntries})
@allow("user", terms=True)
def remove_words(path: OneLearner, body: WordList) -> dict[str, Any]:
    """Remove words; tell which were removed, which were not there, and which cannot be words."""
    user_id = current_principal().user_id
    return removed_json(mastery.remove_words(user_id, path.learner_id, _words(body)))


@blueprint.get("/words", summary="List words", responses={200: WordPage})
@allow("user")
def list_words(path: OneLearner, query: WordQuery) -> dict[str, Any]:
    """List words by the time they were added, newest first."""
    rows = belongings.list_belongings(
        WORDS,
        current_principal().user_id,
        path.learner_id,
        **filters_of(query),
        after=read_cursor(query),
        limit=query.limit + 1,
    )
    return page_of(rows, query, lambda row: shown(Word, row), time=WORDS.time)


@blueprint.get("/words/<id>", summary="Read a word", responses={200: Word})
@allow("user")
def get_word(path: OneBelonging) -> dict[str, Any]:
    """Return a word; 404 if it is removed or somebody else's."""
    user_id = current_principal().user_id
    return shown(Word, belongings.require_belonging(WORDS, user_id, path.learner_id, path.id))


@blueprint.delete("/words/<id>", summary="Remove a word", responses={204: None})
@allow("user")
def delete_word(path: OneBelonging) -> tuple[str, int]:
    """Remove a word; 404 if it is removed already or somebody else's."""
    belongings.delete_belonging(WORDS, current_principal().user_id, path.learner_id, path.id)
    return "", 204


def _words(body: WordList) -> list[mastery.Word]:
    return [
        mastery.Word(one.word, one.language or body.language, one.added_at) for one in body.words
    ]
