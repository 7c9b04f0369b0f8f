"""PyDAL definitions as text: the ``Field(...)`` line, the ``define_table`` call."""

from __future__ import annotations

import dataclasses
import json
from typing import Final

from bilayer.drift.compare.setup import foreign_quotes
from bilayer.drift.compare.spelling import constant_default
from bilayer.drift.definitions.naming import (
    write_name,
    write_names,
    write_rname,
    write_table_name,
)
from bilayer.drift.field_types import keep_meaning
from bilayer.drift.kinds import LIST, MISMATCH, judge, kind_of
from bilayer.drift.schemas import split_parts
from bilayer.drift.snapshot import Column, Field, Table, Type

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


def write_field(
    column: Column, target: Target, field: Field | None = None, *, with_words: bool = True
) -> str | None:
    """Write the field that stands for a column, as a line of a ``define_table`` call.

    A ``field`` that stands for it already keeps its name, and its validators unless it is
    written ``with_words``. ``None`` if PyDAL has no type whose values the column would take.
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
    if with_words and column.words:
        parts.append(f"requires={_write_words(column)}")
    is_right = field is not None and field.column == column.name
    if field and field.rname and is_right and not foreign_quotes(field.rname, target.engine):
        parts.append(f"rname={field.rname!r}")
    elif name != column.name:
        parts.append(write_rname([column.name], target.engine))
    return f"Field({', '.join(parts)}),"


def _write_words(column: Column) -> str:
    words = f"IS_IN_SET({json.dumps(column.words, ensure_ascii=False)})"
    return f"IS_EMPTY_OR({words})" if column.nullable else words


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
        lines.append(f"{write_rname(split_parts(table.name), target.engine)},")  # with its schema
    return "db.define_table(\n" + "".join(f"    {line}\n" for line in lines) + ")"


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
