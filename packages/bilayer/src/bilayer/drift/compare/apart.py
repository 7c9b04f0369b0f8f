"""The foreign keys between tables that are made or dropped together, one finding at a time.

A report has its tables by their names, and a table cannot refer to one that is made after it, nor
go before one that refers to it. Such a key is made and dropped by itself, with the other table.
"""

from __future__ import annotations

from collections.abc import Sequence

from bilayer.drift.constraints import LateKey
from bilayer.drift.snapshot import Schema, Table

LateKeys = dict[str, tuple[LateKey, ...]]
"""By table: the keys it is made without, and those of others that are made behind it."""


def find_late_keys(left: Schema, right: Schema) -> LateKeys:
    """Find the keys that are not made, or dropped, with their tables."""
    if left.engine == "sqlite":  # It lets a key name a table that is not there.
        return {}
    # What a downgrade makes, it makes in the opposite order.
    made, gone = _only_in(left, right), _only_in(right, left)[::-1]
    return {**_find_in_order(made), **_find_in_order(gone)}


def _only_in(one: Schema, other: Schema) -> list[Table]:
    known = {name.lower() for name in other.tables}
    return [table for name, table in sorted(one.tables.items()) if name.lower() not in known]


def _find_in_order(tables: Sequence[Table]) -> LateKeys:
    places = {table.name: place for place, table in enumerate(tables)}
    found: LateKeys = {}
    for place, table in enumerate(tables):
        for key in table.foreign_keys:
            if places.get(key.target, -1) > place:
                for name in (table.name, key.target):
                    found[name] = (*found.get(name, ()), LateKey(table.name, key))
    return found
