"""What type an operand has, and how a path into a document is written."""

from __future__ import annotations

from typing import Any, Final

_UNTYPED: Final = {bool: "boolean", int: "bigint", float: "double"}
_JSON_TEXT: Final = ("json_key_value", "json_path_value", "json_text")


def value_type(value: Any) -> str:
    """Give the PyDAL type an operand without a column takes from its Python type."""
    return _UNTYPED.get(type(value), "string")


def operand_type(expression: Any) -> str | None:
    """Give the PyDAL type of an expression; None if nobody can know it."""
    field_type: str | None = getattr(expression, "type", None)
    operator = getattr(getattr(expression, "op", None), "__name__", "")
    if operator == "case":  # PyDAL gives it no type
        results = [value for value in expression.second if value is not None]
        return next((operand_type(value) or value_type(value) for value in results), None)
    if field_type in ("json", "jsonb") and operator in _JSON_TEXT:
        return "string"
    return field_type


def json_path(path: tuple[str | int, ...]) -> str:
    """Write a path as SQLite, MariaDB and MySQL read it: ``$."key"[0]``."""
    steps = (f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in path)
    return "$" + "".join(steps)
