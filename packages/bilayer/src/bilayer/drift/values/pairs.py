"""The pairs of types to try: one for each way in which a column and a field go together."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from bilayer.drift.kinds import kind_of
from bilayer.drift.readers.describe import describe
from bilayer.drift.readers.sqlalchemy import list_tables, name_table
from bilayer.drift.snapshot import Runtime, Type

_KEYS: Final = ("id", "big-id")
_NOT_TRIED: Final = "geo"


@dataclasses.dataclass(slots=True)
class Pair:
    """One pair of types, and the columns that have it."""

    name: str
    column: sa.Column[Any]
    field: Any  # a PyDAL field
    type: Type
    places: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    @property
    def is_key(self) -> bool:
        """The field is the key PyDAL numbers rows by."""
        return str(self.field.type) in _KEYS


def list_pairs(
    metadatas: Sequence[sa.MetaData], dal: Any, runtime: Runtime, engine: sa.Engine
) -> Iterator[Pair]:
    """Group the columns both layers know by their types."""
    by_table = runtime.by_table()
    pairs: dict[tuple[Any, ...], Pair] = {}
    for table in list_tables(metadatas):
        name = name_table(table, engine.dialect)
        defined = by_table.get(name)
        for column in table.columns if defined else ():
            field = defined.field(column.name) if defined else None
            is_tried = field and kind_of(field.type) and not field.type.startswith(_NOT_TRIED)
            if defined is None or field is None or not is_tried or column.computed is not None:
                continue
            type_ = describe(column.type, engine.dialect)
            key = (type_, repr(column.type), field.type, field.length)
            if key not in pairs:
                original = dal[defined.name][field.name]
                pairs[key] = Pair(f"trial_{len(pairs)}", column, original, type_)
            pairs[key].places.append((name, column.name))
    yield from pairs.values()


def build_table(pair: Pair, engine: sa.Engine) -> sa.Table:
    """Create a pair's table: the column as x, with a key beside it where it is none itself."""
    # A copy of the type: a native enum is created with the one table that has it.
    type_ = pair.column.type.copy() if hasattr(pair.column.type, "copy") else pair.column.type
    if isinstance(type_, sa.Enum):
        type_.schema = None  # The scratch database has no other than its own.
    columns = [sa.Column("x", type_, primary_key=pair.is_key)]
    if not pair.is_key:
        columns.insert(0, sa.Column("id", sa.Integer, primary_key=True))
    table = sa.Table(pair.name, sa.MetaData(), *columns)
    table.create(engine)
    return table


def define_table(pair: Pair, db: Any, dal: Any) -> Any:
    """Define the same for PyDAL, with the table it refers to, if it does."""
    field = pair.field.clone()
    field.name, field._rname, field._raw_rname = "x", None, None
    match = re.match(r"(?:list:|big-)?reference\s+(\w+)", str(field.type))
    if match is not None and match.group(1) not in db.tables and match.group(1) in dal.tables:
        target = dal[match.group(1)]
        keys = getattr(target, "_primarykey", None)
        fields = [each.clone() for each in target if keys or str(each.type) in _KEYS]
        db.define_table(match.group(1), *fields, **({"primarykey": list(keys)} if keys else {}))
    keyed = [field] if pair.is_key else [type(pair.field)("id", "id"), field]
    return db.define_table(pair.name, *keyed)
