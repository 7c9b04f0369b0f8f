"""What type an operand has, which types mix, and how a path into a document is written."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from bilayer.runtime.errors import InvalidValue

_UNTYPED: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "bigint",
    float: "double",
    bytes: "blob",
    dt.datetime: "datetime",
    dt.date: "date",
    dt.time: "time",
    uuid.UUID: "uuid",
}
_JSON_TEXT: Final = ("json_key_value", "json_path_value", "json_text")
_UNREACHABLE: Final = re.compile(r'["\\\x00-\x1f]|^-')
_UNSET_LENGTH: Final = 512
_BOUNDED: Final = ("string", "password", "upload")
NUMBERS: Final = "numbers"
JSON: Final = ("json", "jsonb")
INTEGERS: Final = ("id", "integer", "bigint")
_FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("string", "text", "password", "upload"), "text"),
    **dict.fromkeys((*INTEGERS, "double", "float", "decimal"), NUMBERS),
    **dict.fromkeys(("date", "datetime"), "dates"),
    **{name: f"{name}s" for name in ("boolean", "time", "blob", "uuid")},
}


def value_type(value: Any) -> str:
    """Give the PyDAL type an operand without a column takes from its Python type."""
    return _UNTYPED.get(type(value), "string")


def operand_type(expression: Any) -> str | None:
    """Give the PyDAL type of an expression; None if nobody can know it."""
    field_type: str | None = getattr(expression, "type", None)
    operator = getattr(getattr(expression, "op", None), "__name__", "")
    if operator == "_as":
        return operand_type(expression.first)
    if operator == "case":  # PyDAL gives it no type
        return next((t for t in map(result_type, expression.second) if t), None)
    if field_type in JSON and operator in _JSON_TEXT:
        return "string"
    return field_type


def result_type(result: Any) -> str | None:
    """Give the type of one result of CASE, an expression or a value; None for None."""
    if result is None:
        return None
    return operand_type(result) if hasattr(result, "op") else value_type(result)


def family(field_type: Any) -> str | None:
    """Give the family within which types mix; None where anything goes, as in JSON."""
    return _FAMILIES.get(field_type.partition("(")[0]) if isinstance(field_type, str) else None


def limit_of(field: Any) -> int:
    """Give the declared length of a text; 0 where none was given (PyDAL would say 512)."""
    is_bounded = getattr(field, "is_bounded", field.length != _UNSET_LENGTH)
    return int(field.length) if is_bounded and field.type in _BOUNDED else 0


def check_length(field_type: str, length: int, value: Any) -> None:
    """Hold the declared length, which SQLite does not and PyDAL never did; 0 is no limit.

    Raises:
        InvalidValue: The text is longer.
    """
    if length and field_type in _BOUNDED and isinstance(value, str) and len(value) > length:
        raise too_long(length)


def bounded(encode: Callable[[Any], Any], length: int) -> Callable[[Any], Any]:
    """Make an encoder of texts hold the declared length; 0 is no limit."""
    if not length:
        return encode

    def checked(value: Any) -> Any:
        if isinstance(value, str) and len(value) > length:
            raise too_long(length)
        return encode(value)

    return checked


def too_long(length: int) -> InvalidValue:
    """Make the error of a text that is longer than its column."""
    return InvalidValue(f"longer than {length} characters")


def is_plain_key(key: str) -> bool:
    """Tell whether a key can stand in a path on MariaDB, which misreads some."""
    return _UNREACHABLE.search(key) is None


def json_path(path: tuple[str | int, ...]) -> str:
    """Write a path as MariaDB and MySQL read it: ``$."key"[0]``.

    Raises:
        InvalidValue: A key cannot stand in a path.
    """
    if not all(isinstance(step, int) or is_plain_key(step) for step in path):
        raise InvalidValue("MariaDB cannot look up a key with quotes, backslashes or the like")
    steps = (f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in path)
    return "$" + "".join(steps)
