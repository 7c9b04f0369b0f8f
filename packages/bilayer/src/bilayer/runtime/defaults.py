"""Rows to insert, completed by the defaults of PyDAL's fields. Checks no value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bilayer.runtime.subscribers import Row


def assignments(table: Any, values: Mapping[str, Any]) -> Sequence[tuple[Any, Any]]:
    """Give the columns of a row to insert, in their order, with the defaults of the others.

    PyDAL makes several sets and dicts for each row; only what computes or filters needs them.
    """
    found: list[tuple[Any, Any]] = []
    given = 0
    for field in table:
        if field.name in values:
            given += 1
            value, is_plain = values[field.name], field.filter_in is None
        else:
            value, is_plain = field.default, not (field.compute or field.required)
        if not is_plain or callable(value):
            break
        if value is not None or field.name in values:
            found.append((field, value))
    else:
        if given == len(values):
            return found
    operations: Sequence[tuple[Any, Any]]
    operations = table._fields_and_values_for_insert(dict(values)).op_values()
    return operations


def complete(table: Any, rows: list[Row]) -> list[Row]:
    """Give rows to insert with the defaults of the columns they do not name.

    What computes or filters is asked for each row; otherwise all rows get the same.
    """
    names = rows[0].keys() if rows else set[str]()
    others = [field for field in table if field.name not in names]
    is_plain = not (
        any(name not in table.fields or table[name].filter_in for name in names)
        or any(field.compute or field.required or callable(field.default) for field in others)
        or any(row.keys() != names for row in rows)
    )
    if not is_plain:
        return [{f.name: value for f, value in assignments(table, row)} for row in rows]
    defaults = {field.name: field.default for field in others if field.default is not None}
    for row in rows:
        row.update(defaults)
    return rows
