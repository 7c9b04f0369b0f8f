"""What a fix of a schema is to bring about, and the other way round for the downgrade."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.engine.interfaces import Dialect

from bilayer.drift.findings import Difference
from bilayer.drift.schemas import join_name, split_name
from bilayer.drift.snapshot import Schema
from bilayer.urls import engine_name

_BIND: Final = re.compile(r"(?<![:\w\\]):(?=\w)")


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """The right side of a difference is to become what the left side is.

    Attributes:
        wanted: The tables of the left side.
        current: The tables of the right side, as far as they are known.
        there: What the catalog of the right side says, if it is known.
    """

    difference: Difference
    dialect: Dialect
    wanted: Sequence[sa.Table]
    current: Sequence[sa.Table] = ()
    there: Schema | None = None

    @property
    def schema(self) -> str | None:
        """The schema of the table, if it has one of its own."""
        return split_name(self.difference.table or "")[0] or None

    @property
    def name(self) -> str:
        """The table's name without its schema."""
        return split_name(self.difference.table or "")[1]

    @property
    def table(self) -> sa.Table | None:
        """The table as it is to be."""
        return self.find(self.difference.table)

    @property
    def column(self) -> sa.Column[Any] | None:
        """The column as it is to be."""
        return _find_column(self.table, self.difference.column)

    @property
    def current_table(self) -> sa.Table | None:
        """The table as it is."""
        return self.reversed().table

    @property
    def current_column(self) -> sa.Column[Any] | None:
        """The column as it is."""
        return _find_column(self.current_table, self.difference.column)

    def find(self, name: str | None) -> sa.Table | None:
        """Find a table as it is to be, by the name that the catalog has."""
        engine = engine_name(self.dialect.name)
        named = (t for t in self.wanted if join_name(t.schema, t.name, engine) == name)
        return next(named, None)

    def reversed(self) -> Wish:
        """Give the wish to have it back as it is."""
        before = self.difference
        difference = dataclasses.replace(
            before,
            left=before.right,
            right=before.left,
            item=before.item if before.other is None else before.other,
            other=None if before.other is None else before.item,
        )
        return dataclasses.replace(
            self, difference=difference, wanted=self.current, current=self.wanted
        )

    def quote(self, name: str) -> str:
        """Write a name as the engine's SQL has it."""
        return self.dialect.identifier_preparer.quote(name)

    def quote_table(self) -> str:
        """Write the table's name, with its schema, as the engine's SQL has it."""
        return ".".join(self.quote(part) for part in (self.schema, self.name) if part)


def execute(statement: str) -> ops.ExecuteSQLOp:
    """Make the operation that runs a statement as it stands."""
    # A colon before a word would be a parameter.
    return ops.ExecuteSQLOp(_BIND.sub(r"\\:", statement))


class Code(ops.MigrateOperation):
    """Calls that Alembic renders no operation for, as text.

    Args:
        text: Lines of a revision.
    """

    def __init__(self, text: str) -> None:
        self.text = text


def _find_column(table: sa.Table | None, name: str | None) -> sa.Column[Any] | None:
    return table.columns.get(name) if table is not None and name else None
