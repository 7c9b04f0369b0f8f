"""The words that checks allow in a column of text, as an enum of the engine's own would."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final

from bilayer.drift.compare.spelling import (
    canonical_expression,
    split_at,
    strip_parentheses,
    unquote,
)
from bilayer.drift.constraints import Check
from bilayer.drift.snapshot import Column

_WORD: Final = r"'(?:[^']|'')*'"
_WORDS: Final = rf"{_WORD}(?:,{_WORD})*"
# Nothing but words: with NULL among them any word passes, and what is computed is not known.
_LISTED: Final = re.compile(rf"in\({_WORDS}\)|=any\(array\[{_WORDS}\]\)|==?{_WORD}")


def with_words(columns: Sequence[Column], checks: Iterable[Check]) -> tuple[Column, ...]:
    """Add to each column the words its table's checks allow in it."""
    # MariaDB shows a quote in a word behind a backslash; any other is read in more ways than one.
    texts = [check.expression.replace("\\'", "''") for check in checks]
    read = [canonical_expression(text) for text in texts if "'" in text and "\\" not in text]
    parts = [part for text in read for part in _split(text)]
    if not parts:
        return tuple(columns)
    names = [column.name.lower() for column in columns]
    return tuple(
        dataclasses.replace(column, checked_words=_find_words(name, parts))
        if names.count(name) == 1  # The parts do not tell "A" from a.
        else column
        for column, name in zip(columns, names, strict=True)
    )


def _split(text: str) -> list[str]:
    """Give the parts all of which have to hold."""
    if any(len(split_at(text, word)) > 1 for word in ("or", "xor", "case")):
        return [text]
    return [strip_parentheses(part) for part in split_at(text, "and")]


def _find_words(column: str, parts: Iterable[str]) -> tuple[str, ...]:
    """Find what all checks of a column allow; nothing if none of them lists words."""
    listed = [words for part in parts if (words := _read_words(column, part))]
    first, others = (listed[0], listed[1:]) if listed else ((), ())
    return tuple(word for word in first if all(word in other for other in others))


def _read_words(column: str, part: str) -> list[str]:
    """Read ``x in ('a', 'b')`` and ``x = 'a' or x = 'b'``, each also with ``x is null or``."""
    words: list[str] = []
    for alternative in split_at(part, "or"):
        said = re.sub(rf"^(?:\w+\.)?{re.escape(column)}(?!\w)\s*", "", alternative)
        found = _LISTED.fullmatch(said)
        if said == alternative or not (found or said == "is null"):
            return []
        written = re.findall(_WORD, said) if found else []
        words += [word for each in written if (word := unquote(each)) is not None]
    return words
