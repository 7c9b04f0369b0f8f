"""The part of an adapter that inserts rows: one or many, with or without an answer.

Only the write pipeline calls these; whatever skipped it would escape the subscribers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from bilayer.runtime.adapters.columns import ColumnValues
from bilayer.runtime.adapters.operands import INTEGERS
from bilayer.runtime.errors import UnsupportedDefinition
from bilayer.runtime.pydal_compat import Expression, Query
from bilayer.runtime.subscribers import Row
from bilayer.runtime.transaction import Transaction

Assignments = Sequence[tuple[Any, Any]]
"""Fields with the values (or expressions) they get."""

_CELLS_PER_INSERT: Final = 20_000
"""Values in one multi-row INSERT: below SQLite's limit of 32,766 parameters a statement."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to insert, column by column.

    Attributes:
        fields: The columns.
        values: What each row gives, column by column.
        parameters: The same as the driver gets it.
    """

    fields: list[Any]
    values: list[list[Any]]
    parameters: list[list[Any]]

    def __len__(self) -> int:
        return len(self.values[0]) if self.values else 1


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

    def given_key(self, table: Any, fields: Assignments) -> Any:
        """Give the key that a row to insert gives itself, None if the database makes it."""
        given = {field.name: value for field, value in fields}
        columns = self.key_columns(table)
        known = [given.get(column.name) for column in columns]
        if any(value is None or isinstance(value, Expression) for value in known):
            return None
        return known[0] if len(columns) == 1 else {c.name: given[c.name] for c in columns}

    # -- one row

    def send_insert(self, table: Any, fields: Assignments) -> Any:
        """Insert one row and give its key."""
        key = self.given_key(table, fields)
        sql, parameters = self._insert_statement(table, fields)
        if key is None:
            return self.insert_returning_key(self.key_columns(table), sql, parameters)
        self.run(sql, parameters)
        return key

    def insert_returning_key(self, columns: Sequence[Any], sql: str, parameters: Any) -> Any:
        """Insert a row whose key the database makes."""
        if not self.returning:
            if len(columns) != 1 or columns[0].type not in INTEGERS:
                raise UnsupportedDefinition(f"{columns[0].tablename}: the key must be given")
            self.run(sql, parameters)
            return self.session.cursor.lastrowid
        row = self._returned(columns, sql, parameters)[0]
        return row[columns[0].name] if len(columns) == 1 else row

    def send_insert_returning(self, table: Any, fields: Assignments) -> Row:
        """Insert one row and give it as it is stored."""
        return self._returned(list(table), *self._insert_statement(table, fields))[0]

    def _returned(self, columns: Sequence[Any], sql: str, parameters: Any) -> list[Row]:
        names = ",".join(column._rname for column in columns)
        found = self.rows(f"{sql} RETURNING {names}", parameters)
        return self.reading_plan(columns).dicts(found)

    def _insert_statement(self, table: Any, fields: Assignments) -> tuple[str, Any]:
        """Render an INSERT; plain values go to the driver without passing PyDAL's text."""
        if not fields:
            return self.dialect.insert_empty(table._rname).rstrip(";"), None
        if any(isinstance(value, Expression | Query) for _, value in fields):
            return self.bind(self.insert_text(table, fields))
        names = ",".join(field._rname for field, _ in fields)
        marks = ",".join(self.mark_of(field.type) for field, _ in fields)
        values = [self.encoded(field, value) for field, value in fields]
        return f"INSERT INTO {table._rname}({names}) VALUES ({marks})", values

    def insert_text(self, table: Any, fields: Assignments) -> str:
        """Render an INSERT with its values as tokens."""
        names = ",".join(field._rname for field, _ in fields)
        values = ",".join(self.placed(field, value) for field, value in fields)
        return f"INSERT INTO {table._rname}({names}) VALUES ({values})"

    def mark_of(self, field_type: str) -> str:  # noqa: ARG002 - engines that need it override this
        """Give the placeholder for a value of that type."""
        return self.placeholder

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
        fields = [field for field in table if field.name in names]
        values = [[row[field.name] for row in rows] for field in fields]
        return Batch(fields, values, list(map(self.encoded_column, fields, values)))

    def send_batch(
        self, table: Any, batch: Batch, returned: Sequence[Any] = (), *, is_awaited: bool = True
    ) -> list[Row]:
        """Insert rows with as few statements as the engine allows.

        Returns:
            Of each row the columns that were asked for, in any order; nothing if none were.
        """
        size = max(1, _CELLS_PER_INSERT // len(batch.fields))
        rows = list(zip(*batch.parameters, strict=True))
        found: list[Row] = []
        # One statement is atomic by itself.
        with Transaction(self) if len(rows) > size and not self.session.depth else nullcontext():
            for start in range(0, len(rows), size):
                chunk = rows[start : start + size]
                if returned:
                    found += self._returned(returned, *self._values(table, batch.fields, chunk))
                else:
                    self.send_rows(table, batch.fields, chunk, is_awaited=is_awaited)
        return found

    def send_rows(
        self, table: Any, fields: Sequence[Any], rows: Sequence[Sequence[Any]], *, is_awaited: bool
    ) -> None:
        """Insert rows, each the driver's parameters for the fields, by one statement."""
        run = self.run if is_awaited else self.run_ahead
        run(*self._values(table, fields, rows))

    def _values(
        self, table: Any, fields: Sequence[Any], rows: Sequence[Sequence[Any]]
    ) -> tuple[str, list[Any]]:
        mark = "(" + ",".join(self.mark_of(field.type) for field in fields) + ")"
        marks = ",".join([mark] * len(rows))
        sql = f"INSERT INTO {self.head(table, fields)} VALUES {marks}"
        return sql, list(chain.from_iterable(rows))

    @staticmethod
    def head(table: Any, fields: Sequence[Any]) -> str:
        """Name a table and some of its columns."""
        return f"{table._rname}({','.join(field._rname for field in fields)})"
