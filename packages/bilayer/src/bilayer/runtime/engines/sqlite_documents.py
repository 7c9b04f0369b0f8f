"""Functions over JSON documents that SQLite lacks or has in another meaning."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final


def _json_holds(document: str | None, wanted: str) -> bool | None:
    if document is None:
        return None
    found, looked_for = json.loads(document), json.loads(wanted)
    if isinstance(found, list) and not isinstance(looked_for, dict | list):
        looked_for = [looked_for]  # PostgreSQL's one exception: an array contains its scalars
    return _holds(found, looked_for)


def _holds(document: Any, wanted: Any) -> bool:
    """Tell whether a document contains another, by the rules of PostgreSQL's ``@>``."""
    if isinstance(wanted, dict):
        return isinstance(document, dict) and all(
            key in document and _holds(document[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(document, list) and all(
            any(_holds(item, value) for item in document) for value in wanted
        )
    return _same(document, wanted)


def _same(left: Any, right: Any) -> bool:
    return bool(left == right and isinstance(left, bool) == isinstance(right, bool))


def _json_equal(left: Any, right: Any) -> bool | None:
    """Compare two documents; a column of numeric affinity gives plain numbers."""
    if left is None or right is None:
        return None
    return _equal(*(json.loads(d) if isinstance(d, str) else d for d in (left, right)))


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return _same(left, right)


def _json_text_at(document: str | None, path: str) -> str | None:
    """Give the scalar at a path as text; keys go into objects only, positions into arrays."""
    if document is None:
        return None
    steps: list[str | int] = json.loads(path)
    # Numbers keep the text they are written in: a double would not hold all their digits.
    found = _at(json.loads(document, parse_float=_Number, parse_int=_Number), steps)
    if found is None or isinstance(found, str):
        return None if found is None else str(found)
    if isinstance(found, bool):
        return "true" if found else "false"
    return json.dumps(_at(json.loads(document), steps), ensure_ascii=False)


def _at(document: Any, steps: list[str | int]) -> Any:
    found = document
    for step in steps:
        if isinstance(found, dict):
            found = found.get(step) if isinstance(step, str) else None
        elif isinstance(found, list) and isinstance(step, int):
            found = found[step] if step < len(found) else None
        else:
            return None
    return found


class _Number(str):
    __slots__ = ()


DOCUMENT_FUNCTIONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "json_holds": _json_holds,
    "json_equal": _json_equal,
    "json_text_at": _json_text_at,
}
