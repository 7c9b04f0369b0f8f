"""Rows of learning as JSON has them: by the types of their columns, each value in one spelling.

A time is text of one length, so that texts compare as times do. ``user_id`` is in no row: the
folder says whose rows they are.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from app.models import list_columns
from bilayer.runtime.errors import InvalidValue, StorageFailure

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from app.models import Column, Row

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = "2026-11-20T12:00:00.000000Z"
_KINDS: Final[dict[str, Any]] = {"double": (int, float), "boolean": bool, "bigint": int}

Spelled = dict[str, Any]
"""A row as JSON has it, with all columns but ``user_id``."""


def spell(value: Any) -> Any:
    """Return a value as JSON has it, sharing nothing with it.

    Raises:
        InvalidValue: JSON has no such value.
    """
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if isinstance(value, UUID):
        return str(value)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"JSON has no such value ({type(error).__name__})") from None
    return value if isinstance(value, str) else json.loads(text)


def spell_columns(table: str, values: Mapping[str, Any]) -> Spelled:
    """Return some columns as JSON has them.

    Raises:
        InvalidValue: JSON has no such value, or the table no such column.
    """
    columns = columns_of(table)
    unknown = values.keys() - columns.keys() - {"user_id"}
    if unknown:
        raise InvalidValue("there is no such column", table, min(unknown))
    return {
        name: float(value) if columns[name].type == "double" and value is not None else spell(value)
        for name, value in values.items()
        if name != "user_id"
    }


def spell_row(table: str, values: Mapping[str, Any]) -> Spelled:
    """Return a row as JSON has it, with the defaults of what it does not name."""
    given = spell_columns(table, values)
    return {
        name: given[name] if name in given else spell(column.default)
        for name, column in columns_of(table).items()
    }


def read_row(table: str, user_id: UUID, spelled: Spelled, names: Collection[str] = ()) -> Row:
    """Return a row, or some columns of it, with the types that the table gives them."""
    columns = columns_of(table)
    row = {
        name: _read(columns[name], spelled[name]) for name in (names or columns) if name in columns
    }
    return row if names and "user_id" not in names else {"user_id": user_id} | row


def check_row(table: str, spelled: Any) -> Spelled:
    """Return a row that was read from a file, with all columns, if it can be one.

    Raises:
        StorageFailure: It cannot; the message names the column.
    """
    if not isinstance(spelled, dict):
        raise StorageFailure("has an entry that is no row")
    columns = columns_of(table)
    unknown = spelled.keys() - columns.keys()
    if unknown:
        raise StorageFailure(f"has a column that is not known: {min(unknown)}")
    return {name: _checked(column, spelled) for name, column in columns.items()}


@cache
def columns_of(table: str) -> dict[str, Column]:
    """Return the columns of a table that a file has, by their names."""
    return {column.name: column for column in list_columns(table) if column.name != "user_id"}


def _read(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.type == "uuid":
        return UUID(value)
    if column.type == "datetime":
        return datetime.fromisoformat(value)
    return json.loads(json.dumps(value)) if isinstance(value, list | dict) else value


def _checked(column: Column, spelled: Spelled) -> Any:
    value = spelled[column.name] if column.name in spelled else spell(column.default)
    if value is None:
        if column.is_required:
            raise StorageFailure(f"has a row without {column.name}")
        return None
    if column.type == "json":
        return value
    if not _is_spelled(column.type, value):
        raise StorageFailure(f"has a row whose {column.name} cannot be read")
    return value


def _is_spelled(type_name: str, value: Any) -> bool:
    if type_name == "uuid":
        return isinstance(value, str) and _UUID.fullmatch(value) is not None
    if type_name == "datetime":
        return isinstance(value, str) and _is_time(value)
    return isinstance(value, _KINDS.get(type_name, str))


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return len(value) == len(_TIME) and value.endswith("Z")
