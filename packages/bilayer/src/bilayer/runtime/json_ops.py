"""Expressions over JSON columns that mean the same on the three engines."""

from __future__ import annotations

from typing import Any

from bilayer.runtime.adapters.operands import is_plain_key
from bilayer.runtime.codecs import encode_json
from bilayer.runtime.errors import InvalidValue
from bilayer.runtime.pydal_compat import Expression, Query


def json_text(field: Any, *path: str | int) -> Expression:
    """Read the scalar at a path as text.

    Args:
        field: A ``json`` column.
        *path: Keys of objects and positions (from 0) in arrays. MariaDB cannot look up keys with
            quotes, backslashes or control characters, or a dash in front; no engine is asked to.

    Returns:
        An expression: the text of a string, number or boolean; NULL where nothing is, or a JSON
        null. How an object or array is spelled depends on the engine.

    Raises:
        InvalidValue: The path is empty or has a step that cannot be looked up everywhere.
    """
    if not path or not all(map(_is_step, path)):
        raise InvalidValue("a path is made of plain keys and positions from 0")
    return Expression(field.db, field._dialect.json_text, field, path, "string")


def _is_step(step: str | int) -> bool:
    return is_plain_key(step) if isinstance(step, str) else type(step) is int and step >= 0


def json_contains(field: Any, document: Any) -> Query:
    """Ask whether a column's document contains another one.

    An object is contained if every key is there with a contained value; an array if every item is
    contained in some item (PostgreSQL's ``@>``). An array also contains its scalars.

    Raises:
        InvalidValue: The document is none, or MariaDB cannot look up a key; see ``json_text``.
    """
    return Query(field.db, field._dialect.json_holds, field, document)


def json_merge(field: Any, patch: dict[str, Any]) -> Expression:
    """Apply a merge patch (RFC 7396) in the database, for ``update(column=json_merge(...))``.

    Two writers that change different keys both win, because neither writes what it has read.

    Args:
        field: A ``json`` column; NULL counts as an empty object.
        patch: Keys to set; None removes a key, a dict is merged into the one below it.

    Raises:
        InvalidValue: The patch is no object, or holds what no document may.
    """
    if not isinstance(patch, dict):
        raise InvalidValue("a merge patch is an object")
    encode_json(patch)  # refuses on every engine what one of them would
    return Expression(field.db, field._dialect.json_merge, field, patch, "json")
