"""What is written, completed by what PyDAL's fields add. Checks no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bilayer.runtime.subscribers import Row


def assignments(table: Any, values: Mapping[str, Any]) -> Row:
    """Give the columns of a row to insert, in their order, with the defaults of the others.

    PyDAL makes several sets and dicts for each row; only what computes or filters needs them.
    """
    columns = vars(table)
    found: Row = {}
    given = 0
    for name in table.fields:
        field = columns[name]
        if name in values:
            given += 1
            value, is_plain = values[name], field.filter_in is None
        else:
            value, is_plain = field.default, not (field.compute or field.required)
        if not is_plain or callable(value):
            break
        if value is not None or name in values:
            found[name] = value
    else:
        if given == len(values):
            return found
    return dict(table._fields_and_values_for_insert(dict(values)).items())


def changes(table: Any, values: Mapping[str, Any]) -> Row:
    """Give the columns that an update sets, with what fields add to every update."""
    columns = vars(table)
    given = 0
    for name in table.fields:
        field = columns[name]
        if name in values:
            given += 1
            if field.filter_in is not None or callable(values[name]):
                break
        elif field.compute or field.update is not None:
            break
    else:
        if given == len(values):
            return dict(values)
    return dict(table._fields_and_values_for_update(dict(values)).items())


def complete(table: Any, rows: list[Row]) -> list[Row]:
    """Give rows to insert with the defaults of the columns they do not name.

    What computes or filters is asked for each row; otherwise all rows get the same.
    """
    if len(rows) == 1:
        return [assignments(table, rows[0])]
    names = rows[0].keys() if rows else set[str]()
    others = [field for field in table if field.name not in names]
    is_plain = not (
        any(name not in table.fields or table[name].filter_in for name in names)
        or any(field.compute or field.required or callable(field.default) for field in others)
        or any(row.keys() != names for row in rows)
    )
    if not is_plain:
        return [assignments(table, row) for row in rows]
    defaults = {field.name: field.default for field in others if field.default is not None}
    for row in rows:
        row.update(defaults)
    return rows
