"""What goes with a column that only the right side has: its keys, indexes and checks."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from bilayer.drift.constraints import Check, Index
from bilayer.drift.snapshot import Table

Belongings = dict[str, tuple[Any, ...]]
"""By column: uniques, indexes, checks and foreign keys, in the order in which they can be made."""

_SORTS = ("uniques", "indexes", "checks", "foreign_keys")


def set_aside(left: Table, right: Table) -> tuple[Table, Belongings]:
    """Take off the right table what cannot be without the columns that the left one has not.

    Each belongs to the column that is reported first. What stands on the left side under the same
    name is another thing, and stays.
    """
    known = {column.name.lower() for column in left.columns}
    extra = [column for column in right.columns if column.name.lower() not in known]
    extra.sort(key=lambda column: (column.is_filled_by_engine, column.name))
    belongings: Belongings = {}
    kept: dict[str, Any] = {}
    names = {item.name for sort in _SORTS for item in getattr(left, sort) if item.name}
    for sort in _SORTS if extra else ():
        stays = []
        for item in getattr(right, sort):
            owner = next((each.name for each in extra if _uses(item, each.name)), None)
            if owner is None or item.name in names:
                stays.append(item)
            else:
                belongings[owner] = (*belongings.get(owner, ()), item)
        kept[sort] = tuple(stays)
    return dataclasses.replace(right, **kept), belongings


def _uses(item: Any, column: str) -> bool:
    text = item.expression if isinstance(item, Check) else ""
    if isinstance(item, Index):
        text = item.definition
    is_said = re.search(rf"(?<!\w){re.escape(column)}(?!\w)", re.sub(r"'(?:[^']|'')*'", "", text))
    return column in getattr(item, "columns", ()) or is_said is not None
