"""What requests about learners and what is theirs have in common. Holds no rule of the product."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from app.api.fields import Body, Identifier, Parameters, Timestamp
from app.api.pagination import ListQuery
from app.api.schemas.flaws import STORABLE, refuse
from app.errors import FieldError
from app.usecases.learning.documents import find_document_flaw
from app.usecases.learning.mastery import Outcome
from app.usecases.learning.texts import SLUG

PREFIX: Final = "/api/v1/learners"
MAX_DOCUMENT_BYTES: Final = 65_536
MAX_LIST_BYTES: Final = 8 * 2**20
"""What a list of words or grammar may have as a body, however short others have to be."""

Slug = Annotated[str, Field(pattern=SLUG, json_schema_extra={"example": "anna"})]


def _storable(document: Any) -> Any:
    refuse(find_document_flaw("", document, MAX_DOCUMENT_BYTES))
    return document


Text = Annotated[str, Field(pattern=STORABLE)]
"""A text of a list, which is judged by itself."""

Document = Annotated[dict[str, Any], AfterValidator(_storable)]
Texts = Annotated[list[Text], AfterValidator(_storable)]


class OneLearner(Parameters):
    """The learner in the path."""

    learner_id: Slug


class OneBelonging(OneLearner):
    """The learner in the path, and what is theirs."""

    id: Identifier


class RangeQuery(Parameters):
    """A range of time; both ends belong to it."""

    start_date: Timestamp | None = None
    end_date: Timestamp | None = None


class BelongingQuery(ListQuery):
    """A page of what came in a range of time; both ends belong to it."""

    start_date: Timestamp | None = None
    end_date: Timestamp | None = None


class ListedEntry(BaseModel):
    """An entry of a list that was sent, by its place in it, and its id."""

    index: int
    id: UUID


class RejectedEntry(BaseModel):
    """An entry that cannot be kept, and why."""

    index: int
    field: str
    code: str
    message: str


class AddedEntries(BaseModel):
    """What became of each entry. One that repeats another is present."""

    added: list[ListedEntry]
    present: list[ListedEntry]
    rejected: list[RejectedEntry]


class RemovedEntries(BaseModel):
    """What became of each entry. One that repeats another is absent."""

    removed: list[ListedEntry]
    absent: list[ListedEntry]
    rejected: list[RejectedEntry]


class Named(Body):
    """When an entry of a list was mastered, if that is not now."""

    added_at: Timestamp | None = None


def added_json(outcome: Outcome) -> dict[str, Any]:
    """Return what became of entries that were added."""
    return _outcome_json(outcome, "added", "present")


def removed_json(outcome: Outcome) -> dict[str, Any]:
    """Return what became of entries that were removed."""
    return _outcome_json(outcome, "removed", "absent")


def filters_of(query: BelongingQuery) -> dict[str, Any]:
    """Return what a query narrows a list to, as the use cases take it."""
    given = query.model_dump(exclude={"cursor", "limit"})
    ends = {name: given.pop(name) for name in ("start_date", "end_date")}
    return {"where": given, **ends}


def _outcome_json(outcome: Outcome, done: str, idle: str) -> dict[str, Any]:
    return {
        done: [{"index": index, "id": row_id} for index, row_id in outcome.done],
        idle: [{"index": index, "id": row_id} for index, row_id in outcome.idle],
        "rejected": [{"index": one.index, **_flaw_json(one.flaw)} for one in outcome.rejected],
    }


def _flaw_json(flaw: FieldError) -> dict[str, str]:
    return {"field": flaw.field, "code": flaw.code, "message": flaw.message}


class Dated(BaseModel):
    """What every answer about something of a learner's ends with."""

    updated_at: datetime
    version: int
