"""What mends a difference on PyDAL's side: a line, an argument, or what is to be taken out.

Makes text only; applies nothing. The fixes of schemas (``op.`` calls and SQL) are in
``operations``.
"""

from __future__ import annotations

import dataclasses
import json
import re

from bilayer.drift.definitions.lines import Target, write_field, write_table
from bilayer.drift.definitions.naming import (
    Names,
    write_rname,
)
from bilayer.drift.field_types import LINK_CODES, without_link
from bilayer.drift.findings import Difference
from bilayer.drift.schemas import split_parts
from bilayer.drift.snapshot import Column, Field, Runtime, RuntimeTable, Schema, Table


def fix_runtime(difference: Difference, schema: Schema, runtime: Runtime | None) -> str | None:
    """Write the PyDAL side of a difference as the schema has it, by the names PyDAL code uses.

    Lines that begin with a minus are to be taken out.
    """
    target = Target(schema.engine, runtime.adapter if runtime else "native")
    by_table = runtime.by_table() if runtime else {}
    names = Names.of(by_table, difference.table)
    written = _fix_part(difference, names, target)
    if written is not None:
        return written
    if difference.code == "BL201" and isinstance(difference.other, str):
        # One side has the name in the plural: PyDAL's table is given the name of the schema's.
        is_pydal = isinstance(difference.item, RuntimeTable)
        return write_rname(split_parts(difference.other), target.engine) if is_pydal else None
    if isinstance(difference.item, Table) and difference.code == "BL201":
        return write_table(difference.item, target)
    column = _find_column(difference, schema)
    if column is None:
        return _give_key(difference, schema, names) or _remove(difference.item)
    is_there = difference.pair == "runtime-database" and difference.right == "no column"
    is_computed = difference.code == "BL211" and not (
        difference.left == "default in Python" and column.python_constant
    )
    if is_there or is_computed or difference.code in ("BL120", "BL215", "BL217"):
        return None
    called = names.field(column.name)
    is_of_words = difference.code == "BL216"
    with_words = called is None or (is_of_words and _lacks_words(called, column))
    spelled = _respell(difference, column)
    if is_of_words and not with_words and spelled is column:
        return None  # Nothing would change.
    field = without_link(called, difference.code, by_table.values())
    line = write_field(spelled, target, field, with_words=with_words) if spelled else None
    if line is None:
        return None
    if difference.code == "BL108" and column.type.family != "integer":
        return f"{line}\n{names.write_key([column.name])}"
    if difference.code in LINK_CODES:
        return _refer(difference, schema, names, line)
    shown = (f'"{difference.left}"', f'"{difference.right}"')
    is_same = difference.code.startswith("BL4") and any(text in line for text in shown)
    return None if is_same else line


def _fix_part(difference: Difference, names: Names, target: Target) -> str | None:
    """Write what is less than a line: an argument of a call."""
    item, sides = difference.item, (difference.left or "", difference.right or "")
    if difference.code == "BL107":
        return "migrate=False"
    if difference.code in ("BL111", "BL119") and isinstance(item, Field):
        return write_rname([item.column], target.engine)
    if difference.code in ("BL119", "BL203") and isinstance(item, RuntimeTable):
        return write_rname(split_parts(difference.table or item.table), target.engine)
    if difference.code == "BL301" and isinstance(item, Table):
        return names.write_key(item.primary_key)
    if difference.code == "BL306":
        action = next(side for side in sides if side.startswith("ON DELETE"))
        return f'ondelete="{action.removeprefix("ON DELETE ")}"'
    if difference.code == "BL302":
        return "unique=False"
    return None


def _lacks_words(field: Field, column: Column) -> bool:
    """Tell whether a set of words is missing, and would not displace the project's validator."""
    if field.words is None:
        return not field.has_own_words
    return set(field.words) != set(column.words)  # Right ones may have labels.


def _respell(difference: Difference, column: Column) -> Column | None:
    """Write PyDAL's default in the case of the enum's word; if it is none of them, nobody knows."""
    sides = (difference.left or "", difference.right or "")
    written = next((side for side in sides if side.startswith("default=")), None)
    if difference.code != "BL216" or written is None:
        return column
    default = written.removeprefix("default=").strip("'\"").lower()
    word = next((each for each in column.words if each.lower() == default), None)
    constant = json.dumps(word, ensure_ascii=False)
    if word is None:
        return None
    return dataclasses.replace(column, default=None, python_constant=constant)


def _refer(difference: Difference, schema: Schema, names: Names, line: str) -> str:
    """Let a field refer to the table its column refers to, if PyDAL numbers that one's rows."""
    table = schema.tables.get(difference.table or "")
    for link in table.foreign_keys if table else ():
        target = names.by_table.get(link.target)
        if link.columns == (difference.column,) and target is not None and target.id_field:
            # PyDAL's own default is CASCADE, and its SQLite adapter deletes the rows itself.
            action = link.ondelete or "NO ACTION"
            before, _, after = re.split(r'"((?:big)?int(?:eger)?)"', line, maxsplit=1)
            return f'{before}"reference {target.name}", ondelete="{action}"{after}'
    return line


def _give_key(difference: Difference, schema: Schema, names: Names) -> str | None:
    """Write the key of a table to which PyDAL adds an id for want of one."""
    item, table = difference.item, schema.tables.get(difference.table or "")
    is_added = isinstance(item, Field) and item.type == "id"
    if not (is_added and table is not None and table.primary_key):
        return None
    return names.write_key(table.primary_key)


def _remove(item: object) -> str | None:
    if isinstance(item, RuntimeTable):
        return f'- db.define_table("{item.name}", ...)'
    return f'- Field("{item.name}", "{item.type}", ...)' if isinstance(item, Field) else None


def _find_column(difference: Difference, schema: Schema) -> Column | None:
    if isinstance(difference.item, Column):
        return difference.item
    table = schema.tables.get(difference.table or "")
    return table.column(difference.column) if table and difference.column else None
