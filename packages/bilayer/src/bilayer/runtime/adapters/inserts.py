"""The part of an adapter that inserts rows: one or many, with or without an answer.

Only the write pipeline calls these; whatever skipped it would escape the subscribers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from bilayer.runtime.adapters.column_sets import ColumnSet
from bilayer.runtime.adapters.columns import ColumnValues
from bilayer.runtime.adapters.operands import INTEGERS
from bilayer.runtime.adapters.parts import EXPRESSIONS, is_plain
from bilayer.runtime.errors import UnsupportedDefinition
from bilayer.runtime.subscribers import Row
from bilayer.runtime.transaction import Transaction

Assignments = Mapping[str, Any]
"""Columns with the values (or expressions) they get."""

CELLS_PER_INSERT: Final = 20_000
"""Values in one multi-row INSERT: below SQLite's limit of 32,766 parameters a statement."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to insert, column by column.

    Attributes:
        columns: The columns.
        values: What each row gives, column by column.
        parameters: The same as the driver gets it.
    """

    columns: ColumnSet
    values: list[list[Any]]
    parameters: list[list[Any]]


class InsertStatements(ColumnValues):
    """Renders and runs the INSERTs of one table.

    Attributes:
        returning: INSERT can give back the row it made.
    """

    returning: bool = False

    @staticmethod
    def key_columns(table: Any) -> list[Any]:
        """Give the columns of a table's primary key."""
        names = getattr(table, "_primarykey", None)
        return [table[name] for name in names] if names else [table._id]

    @staticmethod
    def key_names(table: Any) -> list[str]:
        """Name the columns of a table's primary key."""
        return getattr(table, "_primarykey", None) or [table._id.name]

    def given_key(self, table: Any, fields: Assignments) -> Any:
        """Give the key that a row to insert gives itself, None if the database makes it."""
        known = {name: fields.get(name) for name in self.key_names(table)}
        for value in known.values():
            if value is None or isinstance(value, EXPRESSIONS):
                return None
        return known if len(known) > 1 else known.popitem()[1]

    # -- one row

    def send_insert(self, table: Any, fields: Assignments) -> Any:
        """Insert one row and give its key."""
        key = self.given_key(table, fields)
        sql, parameters = self.insert_statement(table, fields)
        if key is None:
            return self.insert_returning_key(table, sql, parameters)
        self.run(sql, parameters)
        return key

    def insert_returning_key(self, table: Any, sql: str, parameters: Any) -> Any:
        """Insert a row whose key the database makes."""
        names = self.key_names(table)
        if not self.returning:
            if len(names) != 1 or table[names[0]].type not in INTEGERS:
                raise UnsupportedDefinition(f"{table._tablename}: the key must be given")
            self.run(sql, parameters)
            return self.session.cursor.lastrowid
        row = self.returned(self.column_set(table, names), sql, parameters)[0]
        return row[names[0]] if len(names) == 1 else row

    def send_insert_returning(self, table: Any, fields: Assignments) -> Row:
        """Insert one row and give it as it is stored."""
        columns = self.column_set(table, table.fields)
        return self.returned(columns, *self.insert_statement(table, fields))[0]

    def send_row(self, columns: ColumnSet, parameters: list[Any], *, is_awaited: bool) -> None:
        """Insert one row that gives its key itself."""
        run = self.run if is_awaited else self.run_ahead
        run(columns.insert, parameters)

    def returned(self, columns: ColumnSet, sql: str, parameters: Any) -> list[Row]:
        """Write rows and give columns of them, as they are then."""
        return columns.plan.dicts(self.rows(f"{sql} RETURNING {columns.listed}", parameters))

    def insert_statement(self, table: Any, fields: Assignments) -> tuple[str, Any]:
        """Render an INSERT; plain values go to the driver without passing PyDAL's text."""
        if not fields:
            return self.escape(self.dialect.insert_empty(table._rname).rstrip(";")), []
        columns = self.column_set(table, fields)
        if is_plain(fields.values()):
            return columns.insert, columns.encode(fields)
        values = ",".join(self.placed(field, fields[field.name]) for field in columns.fields)
        return self.bind(f"INSERT INTO {self.unescape(columns.head)} VALUES ({values})")

    # -- many rows

    def batch(self, table: Any, rows: Sequence[Mapping[str, Any]]) -> Batch:
        """Check rows to insert.

        Raises:
            InvalidValue: A value does not fit its column.
            UnsupportedDefinition: One has other columns than another.
        """
        names = rows[0].keys()
        if any(row.keys() != names for row in rows):
            raise UnsupportedDefinition("insert_many() needs the same columns in every row")
        columns = self.column_set(table, names)
        values = [[row[name] for row in rows] for name in columns.names]
        return Batch(columns, values, list(map(self.encoded_column, columns.fields, values)))

    def send_many(
        self, table: Any, rows: Sequence[Mapping[str, Any]], *, is_awaited: bool = True
    ) -> None:
        """Insert rows of plain values.

        Raises:
            InvalidValue: A value does not fit its column.
            UnsupportedDefinition: One has other columns than another.
        """
        if len(rows) > 1:
            self.send_batch(self.batch(table, rows), is_awaited=is_awaited)
            return
        columns = self.column_set(table, rows[0])
        self.send_row(columns, columns.encode(rows[0]), is_awaited=is_awaited)

    def send_batch(
        self, batch: Batch, returned: ColumnSet | None = None, *, is_awaited: bool = True
    ) -> list[Row]:
        """Insert rows with as few statements as the engine allows.

        Returns:
            Of each row the columns that were asked for, in any order; nothing if none were.
        """
        columns = batch.columns
        size = max(1, CELLS_PER_INSERT // len(columns.fields))
        rows = list(zip(*batch.parameters, strict=True))
        found: list[Row] = []
        # One statement is atomic by itself.
        with Transaction(self) if len(rows) > size and not self.session.depth else nullcontext():
            for start in range(0, len(rows), size):
                chunk = rows[start : start + size]
                if returned:
                    found += self.returned(returned, *self._values(columns, chunk))
                else:
                    self.send_rows(columns, chunk, is_awaited=is_awaited)
        return found

    def send_rows(
        self, columns: ColumnSet, rows: Sequence[Sequence[Any]], *, is_awaited: bool
    ) -> None:
        """Insert rows, each the driver's parameters for the columns, by one statement."""
        run = self.run if is_awaited else self.run_ahead
        run(*self._values(columns, rows))

    @staticmethod
    def _values(columns: ColumnSet, rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        others = f",{columns.marks}" * (len(rows) - 1)
        return columns.insert + others, list(chain.from_iterable(rows))
