"""What stands besides tables, on two sides of one engine: views, triggers, sequences, schemas.

What models cannot say and migrations make (a view, a trigger) is an info between the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from bilayer.drift.compare.spelling import canonical_expression
from bilayer.drift.constraints import CatalogObject
from bilayer.drift.findings import Difference, Pair
from bilayer.drift.kinds import Severity
from bilayer.drift.snapshot import Schema

# The code of each kind, and what it means that the right side lacks it.
_KINDS: Final[dict[str, tuple[str, Severity]]] = {
    "view": ("BL221", "error"),
    "materialized view": ("BL221", "error"),
    "trigger": ("BL222", "warning"),
    "sequence": ("BL223", "error"),
    "schema": ("BL224", "warning"),
    "domain": ("BL225", "warning"),
    "row security policy": ("BL220", "warning"),
    "exclusion constraint": ("BL309", "warning"),
}
# What no MetaData can say; models make these by events of their own, if at all.
_UNSAYABLE: Final = frozenset(
    {"view", "materialized view", "trigger", "schema", "row security policy"}
)


def compare_objects(
    pair: Pair, words: tuple[str, str], left: Schema, right: Schema
) -> Iterator[Difference]:
    """Yield the differences between what two catalogs hold besides tables.

    What belongs to a table that only one side has is missing with it.
    """
    unseen = left.unseen | right.unseen
    lefts = {_key(each): each for each in left.objects if each.kind not in unseen}
    rights = {_key(each): each for each in right.objects if each.kind not in unseen}
    for key, item in lefts.items():
        other = rights.get(key)
        if other is not None:
            yield from _compare(pair, item, other)
        elif item.table is None or item.table in right.tables or item.table not in left.tables:
            yield _missing(pair, words, item)
    for key, item in rights.items():
        is_alone = item.table is None or item.table in left.tables or item.table not in right.tables
        if key not in lefts and is_alone:
            yield _extra(pair, words, item)


def _key(item: CatalogObject) -> tuple[str | None, ...]:
    """A view and a materialized view of one name are one, as far as queries know."""
    return _KINDS[item.kind][0], item.table, item.name


def _compare(pair: Pair, item: CatalogObject, other: CatalogObject) -> Iterator[Difference]:
    definitions = [canonical_expression(each.definition) for each in (item, other)]
    # MariaDB hides what a view selects from a role without SHOW VIEW.
    is_hidden = not (item.definition and other.definition) and item.kind == "view"
    if (definitions[0] != definitions[1] and not is_hidden) or item.kind != other.kind:
        message = f"{_call(item)} is another one on each side"
        is_same_kind = item.kind == other.kind
        left, right = (e.definition if is_same_kind else e.kind for e in (item, other))
        yield _differ(pair, "warning", message, item, left, right, other)
    if item.is_enabled != other.is_enabled:
        words = {True: "enabled", False: "disabled"}
        message = f"{_call(item)} is disabled on one side"
        sides = (words[item.is_enabled], words[other.is_enabled])
        yield _differ(pair, "warning", message, item, *sides, other)


def _missing(pair: Pair, words: tuple[str, str], item: CatalogObject) -> Difference:
    message = f"{_call(item)} is in {words[0]} and not in {words[1]}"
    severity = _KINDS[item.kind][1]
    return _differ(pair, severity, message, item, item.definition or item.kind, f"no {item.kind}")


def _extra(pair: Pair, words: tuple[str, str], item: CatalogObject) -> Difference:
    message = f"{_call(item)} is in {words[1]} and not in {words[0]}"
    is_unsayable = pair == "models-migrations" and item.kind in _UNSAYABLE
    severity: Severity = "info" if is_unsayable else "warning"
    return _differ(pair, severity, message, item, f"no {item.kind}", item.definition or item.kind)


def _call(item: CatalogObject) -> str:
    return f"{item.kind} {item.name}" + (f" of {item.table}" if item.table else "")


def _differ(  # noqa: PLR0917 - a call reads as a row
    pair: Pair,
    severity: Severity,
    message: str,
    item: CatalogObject,
    left: str,
    right: str,
    other: CatalogObject | None = None,
) -> Difference:
    difference = Difference(
        _KINDS[item.kind][0], severity, pair, message, item.table or item.name, item=item
    )
    return dataclasses.replace(difference, left=left.strip(), right=right.strip(), other=other)
