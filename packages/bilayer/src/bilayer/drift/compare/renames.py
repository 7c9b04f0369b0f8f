"""Guesses at what goes by another name on the other side: renamed columns, plural tables.

A guess is only ever said; what is not there under its name is reported either way.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from bilayer.drift.compare.place import RuntimePlace
from bilayer.drift.kinds import MISMATCH, judge, kind_of
from bilayer.drift.snapshot import Column, Field, RuntimeTable, Table

_ALIKE: Final = 0.5
_IRREGULAR: Final = {"people": "person", "children": "child", "men": "man", "women": "woman"}


def guess_renames(place: RuntimePlace, table: Table, defined: RuntimeTable) -> Mapping[str, str]:
    """Pair columns without a field with fields without a column, each way by the column's name.

    Two go together if they take the same values and their names are the most alike, or if nothing
    else could be meant.
    """
    known = {field.column.lower() for field in defined.fields}
    names = {column.name.lower() for column in table.columns}
    columns = [column for column in table.columns if column.name.lower() not in known]
    fields = [field for field in defined.fields if field.column.lower() not in names]
    scores = {
        (column.name, field.column): _likeness(column.name, field.column)
        for column in columns
        for field in fields
        if _is_taken(place, column, field)
    }
    pairs: dict[str, str] = {}
    for (column, field), score in sorted(scores.items(), key=lambda item: -item[1]):
        rivals = [pair for pair in scores if (pair[0] == column) != (pair[1] == field)]
        is_meant = score >= _ALIKE or not rivals
        if is_meant and column not in pairs and field not in pairs.values():
            pairs[column] = field
    return pairs


def _is_taken(place: RuntimePlace, column: Column, field: Field) -> bool:
    kind = kind_of(field.type)
    if kind is None or field.type in ("id", "big-id"):
        return False
    verdict = judge(field, kind, column.type, adapter=place.runtime.adapter, engine=place.engine)
    return verdict is None or (verdict.code, verdict.severity) != (MISMATCH, "error")


def _likeness(one: str, two: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), two.lower()).ratio()


def guess_plurals(schema: Iterable[str], runtime: Iterable[str]) -> Mapping[str, str]:
    """Pair names that differ only in being singular or plural, both ways."""
    mine, theirs = set(schema), set(runtime)
    by_word = {_singular(name): name for name in sorted(theirs - mine)}
    pairs = {}
    for name in sorted(mine - theirs):
        other = by_word.get(_singular(name))
        if other is not None and other.lower() != name.lower():
            pairs[name] = other
            pairs[other] = name
    return pairs


def say_plural(name: str, other: str) -> str:
    """Say which of two names is which."""
    return "plural" if len(other) > len(name) or other.lower() in _IRREGULAR else "singular"


def _singular(name: str) -> str:
    head, last = re.fullmatch(r"(.*?)([a-z0-9]*)", name.lower(), re.DOTALL).groups()  # type: ignore[union-attr]  # matches anything
    if last in _IRREGULAR:
        return head + _IRREGULAR[last]
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if last.endswith(ending):
            return head + last.removesuffix(ending) + instead
    return head + (last if last.endswith("ss") else last.removesuffix("s"))
