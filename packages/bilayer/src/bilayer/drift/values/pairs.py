"""The pairs of types to try: one for each way in which a column and a field go together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from bilayer.drift.kinds import kind_of
from bilayer.drift.readers.describe import describe
from bilayer.drift.readers.sqlalchemy import list_tables
from bilayer.drift.snapshot import Runtime, Type

_NOT_TRIED: Final = ("id", "big-id", "reference", "big-reference", "list:reference", "geo")


@dataclasses.dataclass(slots=True)
class Pair:
    """One pair of types, and the columns that have it."""

    name: str
    column: sa.Column[Any]
    field: Any  # a PyDAL field
    type: Type
    places: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def list_pairs(
    metadatas: Sequence[sa.MetaData], dal: Any, runtime: Runtime, engine: sa.Engine
) -> Iterator[Pair]:
    """Group the columns both layers know by their types; keys PyDAL numbers are left out."""
    by_table = runtime.by_table()
    pairs: dict[tuple[Any, ...], Pair] = {}
    for table in list_tables(metadatas):
        defined = by_table.get(table.fullname)
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
            pairs[key].places.append((table.fullname, column.name))
    yield from pairs.values()


def build_tables(pairs: Sequence[Pair], engine: sa.Engine) -> Mapping[str, sa.Table]:
    """Create a table a pair: an integer key, and the column as x."""
    metadata = sa.MetaData()
    for pair in pairs:
        # A copy of the type: a native enum is created with the one table that has it.
        type_ = pair.column.type.copy() if hasattr(pair.column.type, "copy") else pair.column.type
        sa.Table(
            pair.name,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("x", type_),
        )
    metadata.create_all(engine)
    return metadata.tables
