"""The text of fixes for PyDAL definitions: the ``Field(...)`` line, the ``define_table`` call.

Makes text only; applies nothing. The fixes of schemas (``op.`` calls and SQL) are in
``operations``.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Final

from bilayer.drift.compare.setup import foreign_quotes
from bilayer.drift.compare.spelling import constant_default
from bilayer.drift.definitions.naming import (
    Names,
    write_name,
    write_names,
    write_rname,
    write_table_name,
)
from bilayer.drift.field_types import LINK_CODES, keep_meaning, without_link
from bilayer.drift.findings import Difference
from bilayer.drift.kinds import LIST, MISMATCH, judge, kind_of
from bilayer.drift.snapshot import Column, Field, Runtime, RuntimeTable, Schema, Table, Type

_SIMPLE: Final = {
    "boolean": "boolean",
    "float": "double",
    "date": "date",
    "time": "time",
    "datetime": "datetime",
    "json": "json",
    "binary": "blob",
    "text": "text",
}
_BIG: Final = 64
VALIDATORS: Final = ("IS_EMPTY_OR", "IS_IN_SET")
"""Names that written definitions use, of ``pydal.validators``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What the definitions are written for: the engine, and how PyDAL's values travel."""

    engine: str
    adapter: str


def write_field(column: Column, target: Target, field: Field | None = None) -> str | None:
    """Write the field that stands for a column, as a line of a ``define_table`` call.

    A ``field`` that stands for it already keeps its name. ``None`` if PyDAL has no type whose
    values the column would take.
    """
    types = keep_meaning(_write_type(column), field)
    if column.type.family == "numeric" and column.type.precision is None:
        # Any decimal(p,s) would round what the column holds.
        return None
    if not _fits(column, types[0].strip('"'), target):
        return None
    name = field.name if field else write_name(column.name)
    parts = [f'"{name}"', *types]
    if not column.nullable and not column.autoincrement:
        parts.append("notnull=True")
    default = _write_default(column)
    if default is not None:
        parts.append(f"default={default}")
    if column.type.family == "enum" and column.type.values:
        parts.append(f"requires={_write_words(column)}")
    is_right = field is not None and field.column == column.name
    if field and field.rname and is_right and not foreign_quotes(field.rname, target.engine):
        parts.append(f"rname={field.rname!r}")
    elif name != column.name:
        parts.append(write_rname([column.name], target.engine))
    return f"Field({', '.join(parts)}),"


def _write_words(column: Column) -> str:
    words = f"IS_IN_SET({json.dumps(column.type.values, ensure_ascii=False)})"
    return f"IS_EMPTY_OR({words})" if column.nullable else words


def _respell(difference: Difference, column: Column) -> Column | None:
    """Write PyDAL's default in the case of the enum's word; if it is none of them, nobody knows."""
    sides = (difference.left or "", difference.right or "")
    written = next((side for side in sides if side.startswith("default=")), None)
    if difference.code != "BL216" or written is None:
        return column
    default = written.removeprefix("default=").strip("'\"").lower()
    word = next((each for each in column.type.values if each.lower() == default), None)
    constant = json.dumps(word, ensure_ascii=False)
    if word is None:
        return None
    return dataclasses.replace(column, default=None, python_constant=constant)


def _fits(column: Column, type_: str, target: Target) -> bool:
    """Tell whether a field of this type would be free of the very mismatch it shall mend."""
    kind = kind_of(type_)
    if kind is None:
        return False
    field = Field(column.name, column.name, type_)
    verdict = judge(field, kind, column.type, adapter=target.adapter, engine=target.engine)
    return verdict is None or verdict.severity != "error" or verdict.code not in (MISMATCH, LIST)


def write_table(table: Table, target: Target, name: str | None = None) -> str:
    """Write the ``define_table`` call that stands for a table, under a name if it is given one."""
    called = write_names([column.name for column in table.columns], write_name)
    stands = [(each, Field(called[each.name], each.name, "")) for each in table.columns]
    fields = [line for each, field in stands if (line := write_field(each, target, field))]
    name = name or write_table_name(table.name)
    lines = [f'"{name}",', *fields]
    is_numbered = any('"id"),' in field for field in fields)
    if not is_numbered:  # without the argument, PyDAL would add an id
        keys = ", ".join(f'"{called.get(key, write_name(key))}"' for key in table.primary_key)
        lines.append(f"primarykey=[{keys}],")
    if name != table.name:
        lines.append(f"{write_rname(table.name.split('.'), target.engine)},")  # with its schema
    return "db.define_table(\n" + "".join(f"    {line}\n" for line in lines) + ")"


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
        return write_rname(difference.other.split("."), target.engine) if is_pydal else None
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
    spelled = _respell(difference, column)
    field = without_link(names.field(column.name), difference.code, by_table.values())
    line = write_field(spelled, target, field) if spelled else None
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
        return write_rname((difference.table or item.table).split("."), target.engine)
    if difference.code == "BL301" and isinstance(item, Table):
        return names.write_key(item.primary_key)
    if difference.code == "BL306":
        action = next(side for side in sides if side.startswith("ON DELETE"))
        return f'ondelete="{action.removeprefix("ON DELETE ")}"'
    if difference.code == "BL302":
        return "unique=False"
    return None


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


def _write_type(column: Column) -> list[str]:
    type_ = column.type
    if column.autoincrement and column.name == "id":
        return ['"id"']
    if type_.family == "uuid":
        return ['"uuid"']
    if type_.family == "integer":
        return ['"bigint"' if type_.bits == _BIG else '"integer"']
    if type_.family == "numeric":
        return [f'"decimal({type_.precision},{type_.scale or 0})"']
    if type_.family == "array":
        return ['"list:integer"' if type_.item == "integer" else '"list:string"']
    if type_.family in _SIMPLE:
        return [f'"{_SIMPLE[type_.family]}"']
    return ['"string"', f"length={_text_length(type_)}"]


def _text_length(type_: Type) -> int:
    longest = max((len(value) for value in type_.values), default=0)
    return type_.length or longest or 255


def _write_default(column: Column) -> str | None:
    constant = constant_default(column.default, column.type.family)
    if constant is None:
        # What SQLAlchemy would fill in, PyDAL has to.
        return None if column.default else column.python_constant
    if column.type.family == "boolean":
        return str(constant == "1")
    if column.type.family in ("integer", "float"):
        return constant
    if column.type.family == "json":
        try:
            return repr(json.loads(constant))
        except ValueError:
            return None
    return json.dumps(constant) if column.type.family in ("string", "text", "enum") else None
