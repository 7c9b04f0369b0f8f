"""The words of an enum against those PyDAL may write: IS_IN_SET, and the default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bilayer.drift.compare.place import RuntimePlace
from bilayer.drift.findings import Difference
from bilayer.drift.kinds import Severity, kind_of
from bilayer.drift.snapshot import Column, Field

_CODE = "BL216"


def compare_words(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    """Yield how the words of an enum column differ from what a field may write."""
    words = column.type.values
    if column.type.family != "enum" or not words or kind_of(field.type) != "text":
        return
    if field.default is not None and field.default not in words:
        message = f"the default of {place.name(column.name)} is none of the column's words"
        yield _differ(place, "error", message, column, f"default={field.default!r}")
        return
    if field.words is None:
        yield from _any_word(place, column, field)
        return
    refused = [word for word in field.words if word not in words]
    if refused:
        message = (
            f"PyDAL may write {_list(refused)} to {place.name(column.name)}, which has no such word"
        )
        yield _differ(place, "error", message, column, _show(field.words))
    unknown = [word for word in words if word not in field.words]
    if unknown and not refused:
        message = f"PyDAL's IS_IN_SET for {place.name(column.name)} lacks {_list(unknown)}"
        yield _differ(place, "warning", message, column, _show(field.words))


def _any_word(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    """A field without a set takes any word, also in the wrong case; the engine does not."""
    message = f"PyDAL may write any word to {place.name(column.name)}, which is an enum"
    is_refused = column.type.physical == "enum" and field.default is None
    severity: Severity = "error" if is_refused else "warning"
    if place.runtime.adapter == "mysql":
        message += "; MariaDB stores an empty text for a word it does not know"
    yield _differ(place, severity, message, column, f"{field.type} without IS_IN_SET")


def _differ(
    place: RuntimePlace, severity: Severity, message: str, column: Column, shown: str
) -> Difference:
    return place.differ(_CODE, severity, message, column.name, column.type.text, shown, column)


def _list(words: Iterable[str]) -> str:
    return ", ".join(map(repr, words))


def _show(words: Iterable[str]) -> str:
    return f"IS_IN_SET([{_list(words)}])"
