"""Where two values differ, told in a line: inside of a document, or of a long text."""

from __future__ import annotations

from typing import Any, Final

from app.operations.digests import canonical_value

_SHOWN: Final = 120
_BEFORE: Final = 20
_ABSENT: Final = object()

Found = tuple[str, str | None, str | None]
"""The path inside of a document, as a JSON pointer, and what stands there; None for nothing."""


def find_difference(left: Any, right: Any, *, is_document: bool) -> Found | None:
    """Return the first difference between two values of a column; None if they are equal."""
    is_inside = is_document and left is not None and right is not None
    if canonical_value(left) == canonical_value(right) if is_inside else left == right:
        return None
    path = ""
    while is_inside and (step := _step_into(left, right)) is not None:
        name, left, right = step
        path += f"/{name}"
    if left is _ABSENT or right is _ABSENT:
        return path, _spell(left), _spell(right)
    if not is_inside:
        left, right = (_Null if value is None else value for value in (left, right))
    return path, *_spell_both(left, right)


class _Null:
    """NULL of SQL, which no document is."""


def _step_into(left: Any, right: Any) -> tuple[str, Any, Any] | None:
    """Find the first part of two documents that differs; None where they have no parts."""
    if isinstance(left, list) and isinstance(right, list):
        left, right = dict(enumerate(left)), dict(enumerate(right))
    if not isinstance(left, dict) or not isinstance(right, dict):
        return None
    for name in {**left, **right}:
        here, there = left.get(name, _ABSENT), right.get(name, _ABSENT)
        if _ABSENT in (here, there) or canonical_value(here) != canonical_value(there):
            return str(name).replace("~", "~0").replace("/", "~1"), here, there
    return None


def _spell(value: Any) -> str | None:
    return None if value is _ABSENT else _cut(_text(value))


def _spell_both(left: Any, right: Any) -> tuple[str, str]:
    """Cut two long texts to where they begin to differ."""
    one, other = _text(left), _text(right)
    pairs = enumerate(zip(one, other, strict=False))
    same = next((at for at, (here, there) in pairs if here != there), min(len(one), len(other)))
    start = max(0, same - _BEFORE) if max(len(one), len(other)) > _SHOWN else 0
    mark = "..." if start else ""
    return mark + _cut(one[start:]), mark + _cut(other[start:])


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _text(value: Any) -> str:
    return "NULL" if value is _Null else canonical_value(value).decode(errors="backslashreplace")
