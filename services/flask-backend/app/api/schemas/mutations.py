"""Changes as devices send them: each is read by itself, so that none that is wrong stops another.

The fields are those of the ordinary endpoints, and are refused for the same reasons.
"""

import json
import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.api.body import find_unstorable
from app.api.errors import field_errors
from app.api.fields import Body, Identifier
from app.api.history import ActionChange
from app.api.schemas.patch import Patch
from app.api.users import ProfileChange
from app.errors import FieldError
from app.usecases.sync.merging import Mutation
from app.usecases.sync.push import Change, Unreadable

_MAX_VERSION: Final = 2**63 - 1
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class SentMutation(Body):
    """A change of one row, but for its fields."""

    mutation_id: str
    table: str
    op: Literal["upsert", "delete"]
    id: Identifier
    base_version: Annotated[int, Field(ge=0, le=_MAX_VERSION)] | None = None


class SentOther(SentMutation):
    """A delete, or a change of a table that has no fields to set."""

    fields: dict[str, Any] | None = None


class SentAction(SentMutation):
    """A change of something the user did."""

    fields: ActionChange


class SentProfile(SentMutation):
    """A change of what a person says about themselves."""

    fields: ProfileChange


Sent = SentOther | SentAction | SentProfile

UPSERTS: Final[dict[str, type[SentAction | SentProfile]]] = {
    "history": SentAction,
    "profiles": SentProfile,
}
"""How an upsert of each table that can be written is read; a test compares with the tables."""


def _named(sent: Any) -> dict[str, Any]:
    """Let through what can be told of: what is wrong in it, its verdict says."""
    if isinstance(sent, dict):
        name = sent.get("mutation_id")
        if isinstance(name, str) and _NAME.fullmatch(name):
            return sent
    raise PydanticCustomError(
        "invalid_mutation", "Give each mutation a mutation_id: 1 to 64 of A-Z a-z 0-9 . _ -"
    )


NamedMutation = Annotated[
    Any,
    AfterValidator(_named),
    WithJsonSchema(
        {
            "type": "object",
            "title": "Mutation",
            "required": ["mutation_id"],
            "properties": {
                "mutation_id": {
                    "type": "string",
                    "pattern": f"^{_NAME.pattern}$",
                    "description": "The client's own name for this change. Sent again, whatever "
                    "else is sent with it, it gets its first verdict.",
                },
                "table": {"description": "The table: history or profiles."},
                "op": {"description": "upsert or delete."},
                "id": {"description": "The row's id, a UUID; a profile has that of the account."},
                "base_version": {
                    "description": "The version of the row that was changed; null for a new one."
                },
                "fields": {"description": "What an upsert sets, as the ordinary endpoint does."},
            },
            "description": "A change of one row. Whatever is wrong with it, the others are done: "
            "its verdict is rejected.",
            # Not "examples", which flask-openapi3 leaves out.
            "example": {
                "mutation_id": "m-1",
                "table": "history",
                "op": "upsert",
                "id": "0193c1f2-0c1a-7d05-8f00-b2f2d3f0a1c4",
                "base_version": 0,
                "fields": {"action_type": "note", "payload": {"text": "woof"}},
            },
        }
    ),
]
"""A change that has a name. Its parts are described without types: they are judged one by one."""


def read_mutation(sent: dict[str, Any]) -> Change:
    """Return what a change says, or what is wrong with it."""
    text = json.dumps(sent)
    flaw = find_unstorable(text, sent)
    if flaw is None:
        try:
            return _mutation(_model_of(sent).model_validate_json(text))
        except ValidationError as error:
            flaw = next(field_errors(error))
    return Unreadable(sent["mutation_id"], flaw)


def _model_of(sent: dict[str, Any]) -> type[Sent]:
    table = sent.get("table")
    if sent.get("op") == "upsert" and isinstance(table, str):
        return UPSERTS.get(table, SentOther)
    return SentOther


def _mutation(read: Sent) -> Change:
    if isinstance(read.fields, Patch):
        fields = read.fields.changes
    elif read.op == "delete" and read.fields:
        message = "A delete sets no fields."
        return Unreadable(read.mutation_id, FieldError("fields", "NOT_TOGETHER", message))
    else:
        fields = read.fields or {}
    return Mutation(read.mutation_id, read.table, read.op, read.id, read.base_version, fields)
