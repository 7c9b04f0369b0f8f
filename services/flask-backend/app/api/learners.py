"""Learners: whom somebody keeps learning data about, and how far they have come."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body
from app.api.pagination import ListQuery, page_of, read_cursor, written
from app.api.schemas.flaws import STORABLE, VISIBLE
from app.api.schemas.learning import (
    PREFIX,
    Document,
    OneLearner,
    RangeQuery,
    Slug,
    Texts,
)
from app.api.schemas.patch import Patch, may_be_absent
from app.api.schemas.rows import shown
from app.usecases.learning import learners
from app.usecases.learning.progress import Counts, count_progress
from app.usecases.learning.texts import MAX_NAME_CHARACTERS, MAX_SLUG_CHARACTERS

blueprint = Blueprint(
    "learners",
    __name__,
    url_prefix=PREFIX,
    abp_tags=[Tag(name="learners", description="Whom somebody keeps learning data about")],
    abp_security=[{"bearer": []}],
)

Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS, pattern=VISIBLE)]
Line = Annotated[str, Field(max_length=1000, pattern=STORABLE)] | None
Text = Annotated[str, Field(max_length=65_536, pattern=STORABLE)] | None
Age = Annotated[float, Field(ge=0, le=200)] | None


class Learner(BaseModel):
    """Somebody who learns."""

    id: str
    name: str
    dob: str | None
    gender: str | None
    address: str | None
    school: str | None
    neighborhood: str | None
    interests: list[Any]
    character_roster: list[Any]
    verbal_fluency: str | None
    passive_language_level: str | None
    mental_age: float | None
    raw_input: str | None
    extracted_data: Any
    extra: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


class LearnerPage(BaseModel):
    """A page of learners, newest first."""

    items: list[Learner]
    next_cursor: str | None


class NewLearner(Body):
    """A learner to store. Without an id one is made from the name."""

    id: Slug | None = None
    name: Name
    dob: Line = None
    gender: Line = None
    address: Line = None
    school: Line = None
    neighborhood: Line = None
    interests: Texts = Field(default_factory=list)
    character_roster: Texts = Field(default_factory=list)
    verbal_fluency: Line = None
    passive_language_level: Line = None
    mental_age: Age = None
    raw_input: Text = None
    extracted_data: Document = may_be_absent()
    extra: Document = Field(default_factory=dict)


class LearnerChange(Patch):
    """What may change of a learner; lists and documents are replaced as a whole."""

    name: Name = may_be_absent()
    dob: Line = may_be_absent()
    gender: Line = may_be_absent()
    address: Line = may_be_absent()
    school: Line = may_be_absent()
    neighborhood: Line = may_be_absent()
    interests: Texts = may_be_absent()
    character_roster: Texts = may_be_absent()
    verbal_fluency: Line = may_be_absent()
    passive_language_level: Line = may_be_absent()
    mental_age: Age = may_be_absent()
    raw_input: Text = may_be_absent()
    extracted_data: Document = may_be_absent()
    extra: Document = may_be_absent()


class LearnerQuery(ListQuery):
    """Which page of learners."""

    has_text_ids: ClassVar[bool] = True

    cursor: (
        Annotated[
            str,
            Field(max_length=120, json_schema_extra=written(MAX_SLUG_CHARACTERS, at_least=1)),
        ]
        | None
    ) = None


class CountsOfKinds(BaseModel):
    """How much there is of each kind, and of words by their language."""

    words: int
    grammar: int
    cards: int
    messages: int
    languages: dict[str, int]


class CountsOfDay(CountsOfKinds):
    """What came on one UTC day."""

    day: date


class ProgressOfLearner(BaseModel):
    """What there is in the range: in all, and by the days on which anything came."""

    total: CountsOfKinds
    days: list[CountsOfDay]


@blueprint.post("", summary="Store a learner", responses={201: Learner, 200: Learner})
@allow("user", terms=True)
def create_learner(body: NewLearner) -> tuple[dict[str, Any], int]:
    """Store a learner: 201, or 200 if the id is stored as sent, or 409 if it is taken."""
    columns = body.model_dump(exclude={"id"})
    row, is_new = learners.create_learner(current_principal().user_id, body.id, **columns)
    return shown(Learner, row), 201 if is_new else 200


@blueprint.get("", summary="List learners", responses={200: LearnerPage})
@allow("user")
def list_learners(query: LearnerQuery) -> dict[str, Any]:
    """List learners, newest first."""
    rows = learners.list_learners(
        current_principal().user_id, after=read_cursor(query), limit=query.limit + 1
    )
    return page_of(rows, query, lambda row: shown(Learner, row))


@blueprint.get("/<learner_id>", summary="Read a learner", responses={200: Learner})
@allow("user")
def get_learner(path: OneLearner) -> dict[str, Any]:
    """Return a learner; 404 if there is none, or is deleted or somebody else's."""
    return shown(Learner, learners.require_learner(current_principal().user_id, path.learner_id))


@blueprint.patch("/<learner_id>", summary="Change a learner", responses={200: Learner})
@allow("user", terms=True)
def update_learner(path: OneLearner, body: LearnerChange) -> dict[str, Any]:
    """Change a learner; 404 if there is none, or is deleted or somebody else's."""
    user_id = current_principal().user_id
    return shown(Learner, learners.change_learner(user_id, path.learner_id, **body.changes))


@blueprint.delete("/<learner_id>", summary="Delete a learner", responses={204: None})
@allow("user")
def delete_learner(path: OneLearner) -> tuple[str, int]:
    """Delete a learner and all that is theirs; 404 if there is none."""
    learners.delete_learner(current_principal().user_id, path.learner_id)
    return "", 204


@blueprint.get(
    "/<learner_id>/progress", summary="Count what is mastered", responses={200: ProgressOfLearner}
)
@allow("user")
def get_progress(path: OneLearner, query: RangeQuery) -> dict[str, Any]:
    """Count what a learner has, in all and by UTC day, and words by language."""
    progress = count_progress(
        current_principal().user_id,
        path.learner_id,
        start_date=query.start_date,
        end_date=query.end_date,
    )
    days = [{"day": day.isoformat(), **_counts(counts)} for day, counts in progress.days.items()]
    return {"total": _counts(progress.total), "days": days}


def _counts(counts: Counts) -> dict[str, Any]:
    return {name: getattr(counts, name) for name in CountsOfKinds.model_fields}
