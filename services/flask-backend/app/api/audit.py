"""What was changed and by whom, for administrators."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.fields import Identifier, Timestamp
from app.api.pagination import ListQuery, page_of, read_cursor
from app.usecases import audit

blueprint = Blueprint(
    "audit",
    __name__,
    url_prefix="/api/v1/audit",
    abp_tags=[Tag(name="audit", description="What was changed")],
    abp_security=[{"bearer": []}],
)

Action = Literal["insert", "update", "delete"]


class Change(BaseModel):
    """A row that was changed."""

    id: UUID
    table: str
    record: str
    owner: Annotated[UUID, Field(description="Whose row it is; the nil UUID: nobody's.")]
    action: Action
    old_value: Annotated[
        dict[str, Any] | None,
        Field(description="Of an update what differs; null where nothing may be told."),
    ]
    new_value: dict[str, Any] | None
    changed_at: datetime
    changed_by: str
    request_id: str | None
    block: Annotated[int | None, Field(description="In which block it is sealed, if yet.")]


class ChangePage(BaseModel):
    """A page of changes, newest first."""

    items: list[Change]
    next_cursor: str | None


class ChangeQuery(ListQuery):
    """Which changes to list; both ends of the range belong to it."""

    table: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    record: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    person: Identifier | None = None
    owner: Identifier | None = None
    action: Action | None = None
    start_date: Timestamp | None = None
    end_date: Timestamp | None = None

    @field_validator("record")
    @classmethod
    def _has_its_table(cls, record: str, info: ValidationInfo) -> str:
        if info.data.get("table") is None:
            raise PydanticCustomError("not_alone", "Name the table of the record, too.")
        return record


@blueprint.get("", summary="List changes", responses={200: ChangePage})
@allow("admin")
def list_changes(query: ChangeQuery) -> dict[str, Any]:
    """List changes, newest first: in a table, of a record, by a person, of an owner's rows."""
    place = read_cursor(query)
    rows = audit.list_changes(
        table=query.table,
        record=query.record,
        actors=audit.actors_of(query.person) if query.person else (),
        owner=query.owner,
        action=query.action,
        start_date=query.start_date,
        end_date=query.end_date,
        after=place,
        limit=query.limit + 1,
    )
    return page_of([row | {"created_at": row["changed_at"]} for row in rows], query, _change_json)


def _change_json(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {"table": "table_name", "record": "record_id", "owner": "user_id"}
    return {name: row[named.get(name, name)] for name in Change.model_fields}
