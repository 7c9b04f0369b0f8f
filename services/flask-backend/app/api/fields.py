"""Field types and base classes of request models: what a value must look like on the wire.

Holds no rule of the product, and nothing about columns.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.api.body import check_json_object
from app.errors import AppError

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
MAX_FILTER_CHARACTERS: Final = 1000
_WHOLE_NUMBER: Final = re.compile(r"-?\d{1,18}", re.ASCII)


class Body(BaseModel):
    """A JSON body: exact types, no unknown field. Every body model derives from it."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Parameters(BaseModel):
    """Values from a path or a query string, which arrive as text. No unknown name."""

    model_config = ConfigDict(extra="forbid")


def _read_uuid(value: Any) -> UUID:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise PydanticCustomError(
        "invalid_id", "Write the id as a UUID: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx."
    )


def _read_timestamp(value: Any) -> datetime:
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # The pattern lets 31 February through; it gets the same answer as other words.
    raise PydanticCustomError(
        "invalid_time", "Write the time as RFC 3339 with its zone: 2026-11-20T10:00:00.000000Z."
    )


def _read_whole_number(value: Any) -> int:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise PydanticCustomError("invalid_number", "Write a whole number in digits.")


def _read_flag(value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    raise PydanticCustomError("invalid_flag", "Write true or false.")


def _read_filter(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and len(value) <= MAX_FILTER_CHARACTERS:
        try:
            document: dict[str, Any] = json.loads(check_json_object(value.encode()))
        except AppError:
            pass  # Whatever is wrong with it, it is no filter.
        else:
            return document
    raise PydanticCustomError(
        "invalid_filter",
        f'Write a JSON object of at most {MAX_FILTER_CHARACTERS} characters: {{"theme": "dark"}}.',
    )


Identifier = Annotated[
    UUID, BeforeValidator(_read_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
"""A UUID with its dashes; other spellings of one are refused. For bodies, paths and queries."""

Timestamp = Annotated[
    datetime,
    BeforeValidator(_read_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time with its zone, at most microseconds, given in UTC to the view. For all three too."""

FROM_DIGITS: Final = BeforeValidator(_read_whole_number)
"""Reads an integer of a path or a query. Last, so that the API's description shows the bounds
before it: ``Annotated[int, Field(ge=1), FROM_DIGITS]``."""

Flag = Annotated[bool, BeforeValidator(_read_flag), WithJsonSchema({"type": "boolean"})]
"""``true`` or ``false`` in a query."""

JSONFilter = Annotated[
    dict[str, Any],
    BeforeValidator(_read_filter),
    WithJsonSchema(
        {
            "type": "string",
            "format": "json-object",
            "maxLength": MAX_FILTER_CHARACTERS,
            "description": "A JSON object that must be contained: each of its keys with a value "
            "that contains the one here.",
        }
    ),
]
"""A JSON object in a query."""
