"""The words a column takes against those PyDAL may write: IS_IN_SET, and the default.

An enum says them, or a check: whoever keeps them, any other word is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from bilayer.drift.compare.place import RuntimePlace
from bilayer.drift.findings import Difference
from bilayer.drift.kinds import Severity, kind_of
from bilayer.drift.snapshot import Column, Field

_CODE = "BL216"


def compare_words(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    """Yield how the words a column takes differ from what a field may write."""
    words = column.words
    if not words or kind_of(field.type) != "text":
        return
    fold = _choose_fold(place, column)
    taken = _Words(words, fold)
    if field.default is not None and field.default not in taken:
        message = f"the default of {place.name(column.name)} is none of the column's words"
        yield _differ(place, "error", message, column, f"default={field.default!r}")
        return
    if field.words is None:
        yield from _any_word(place, column, field)
        return
    refused = [word for word in field.words if word not in taken]
    if refused:
        message = (
            f"PyDAL may write {_list(refused)} to {place.name(column.name)}, which has no such word"
        )
        yield _differ(place, "error", message, column, _show(field.words))
    written = _Words(field.words, fold)
    unknown = [word for word in words if word not in written]
    if unknown and not refused:
        message = f"PyDAL's IS_IN_SET for {place.name(column.name)} lacks {_list(unknown)}"
        yield _differ(place, "warning", message, column, _show(field.words))


class _Words:
    """Words as an engine compares them."""

    def __init__(self, words: Iterable[str], fold: Callable[[str], str]) -> None:
        self._fold = fold
        self._words = {fold(word) for word in words}

    def __contains__(self, word: str) -> bool:
        return self._fold(word) in self._words


def _choose_fold(place: RuntimePlace, column: Column) -> Callable[[str], str]:
    """Choose what makes words alike that a check takes for one; an enum gives back its own."""
    if column.type.family == "enum":
        return str
    collation = (column.type.collation or place.schema.collation or "").lower()
    if collation == "nocase":
        return str.lower
    is_exact = place.engine != "mysql" or re.search(r"_(?:bin|cs)$", collation)
    return str if is_exact else _fold_letters


def _fold_letters(word: str) -> str:
    """Leave out what MariaDB's usual collations do: case, accents, blanks at the end."""
    letters = unicodedata.normalize("NFKD", word.rstrip(" "))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def _any_word(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    """A field without a set takes any word, also in the wrong case; the engine does not."""
    name = place.name(column.name)
    what = "is an enum" if column.type.family == "enum" else "takes some words only"
    message = f"PyDAL may write any word to {name}, which {what}"
    is_kept = column.type.physical == "enum" or bool(column.checked_words)
    # Who fills the field, or looks at what is written, may know the words.
    is_seen_to = field.has_default or field.is_computed or field.has_own_words
    severity: Severity = "error" if is_kept and not is_seen_to else "warning"
    if place.runtime.adapter == "mysql" and not column.checked_words:
        message += "; MariaDB stores an empty text for a word it does not know"
    yield _differ(place, severity, message, column, f"{field.type} without IS_IN_SET")


def _differ(
    place: RuntimePlace, severity: Severity, message: str, column: Column, shown: str
) -> Difference:
    said = column.type.text
    if column.type.family != "enum":
        said += f" IN ({_list(column.checked_words)})"
    return place.differ(_CODE, severity, message, column.name, said, shown, column)


def _list(words: Iterable[str]) -> str:
    return ", ".join(map(repr, words))


def _show(words: Iterable[str]) -> str:
    return f"IS_IN_SET([{_list(words)}])"
