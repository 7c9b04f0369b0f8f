"""The part of an adapter that writes: INSERT, UPDATE, DELETE and upsert with bind parameters.

Only the write pipeline calls these; whatever skipped it would escape the subscribers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from bilayer.runtime.adapters.operands import INTEGERS
from bilayer.runtime.adapters.parts import Rendered
from bilayer.runtime.adapters.values import TypedValues
from bilayer.runtime.errors import UnsupportedDefinition
from bilayer.runtime.pydal_compat import Expression, Query
from bilayer.runtime.subscribers import Row
from bilayer.runtime.transaction import Transaction

Assignments = Sequence[tuple[Any, Any]]
"""Fields with the values (or expressions) they get."""

_CELLS_PER_INSERT: Final = 20_000
"""Values in one multi-row INSERT: below SQLite's limit of 32,766 parameters a statement."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The WHERE of a write, with placeholders and their parameters; empty for all rows."""

    sql: str
    parameters: list[Any]


class WriteStatements(TypedValues):
    """Renders and runs the statements of one table's writes.

    Attributes:
        returning: INSERT can give back the key it made.
        returns_updates: UPDATE can give back the rows as they are then.
    """

    returning: bool = False
    returns_updates: bool = False

    # -- keys

    @staticmethod
    def key_columns(table: Any) -> list[Any]:
        """Give the columns of a table's primary key."""
        names = getattr(table, "_primarykey", None)
        return [table[name] for name in names] if names else [table._id]

    def keys_query(self, table: Any, keys: Sequence[Sequence[Any]]) -> Query:
        """Make the query for the rows with these primary keys."""
        first = self.key_columns(table)[0]
        return Query(self.db, self.dialect.keys_in, first, list(keys))

    def canonical(self, column: Any, value: Any) -> Any:
        """Give a key's value as it will be read back: a UUID may be written as text."""
        convert = self.codec(column.type).canonical
        return value if value is None or convert is None else convert(value)

    # -- statements

    def send_insert(self, table: Any, fields: Assignments) -> Any:
        """Insert one row and give its key."""
        columns = self.key_columns(table)
        given = {field.name: value for field, value in fields}
        known = [given.get(column.name) for column in columns]
        complete = all(v is not None and not isinstance(v, Expression) for v in known)
        sql, parameters = self._insert_statement(table, fields)
        if complete:
            self.run(sql, parameters)
            return known[0] if len(columns) == 1 else {c.name: given[c.name] for c in columns}
        return self.insert_returning_key(columns, sql, parameters)

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

    def mark_of(self, field_type: str) -> str:  # noqa: ARG002 - engines that need it override this
        """Give the placeholder for a value of that type."""
        return self.placeholder

    def send_update(self, table: Any, where: Condition, fields: Assignments) -> int:
        """Update and give the number of rows that matched."""
        self.run(*self._update_statement(table, where, fields))
        return int(self.session.cursor.rowcount)

    def send_update_returning(self, table: Any, where: Condition, fields: Assignments) -> list[Row]:
        """Update and give the rows that matched, as they are then."""
        return self._returned(list(table), *self._update_statement(table, where, fields))

    def _update_statement(
        self, table: Any, where: Condition, fields: Assignments
    ) -> tuple[str, list[Any]]:
        env = {"current_scope": [table._tablename]}
        pieces: list[str] = []
        parameters: list[Any] = []
        for field, value in fields:
            if isinstance(value, Rendered):
                text = value.sql
                parameters.extend(value.parameters)
            elif isinstance(value, Expression | Query):
                text, given = self.bind(self.placed(field, value, env))
                parameters.extend(given)
            else:
                text = self.mark_of(field.type)
                parameters.append(self.encoded(field, value))
            pieces.append(f"{field._rname}={text}")
        return self.update_text(table, ",".join(pieces), where.sql), parameters + where.parameters

    def update_text(self, table: Any, assignments: str, where: str) -> str:
        """Put an UPDATE together of what was rendered."""
        return f"UPDATE {self.dialect.writing_alias(table)} SET {assignments}{where}"

    def send_delete(self, table: Any, where: Condition) -> int:
        """Delete and give the number of rows."""
        text = self.dialect.delete(table).rstrip(";")
        self.run(f"{text}{where.sql}", where.parameters)
        return int(self.session.cursor.rowcount)

    def condition(self, table: Any, query: Any) -> Condition:
        """Render the WHERE of a write."""
        if not query:
            return Condition("", [])
        env = {"current_scope": [table._tablename]}
        sql, parameters = self.bind(self.expand(query, query_env=env))
        return Condition(f" WHERE {sql}", parameters)

    def send_insert_many(
        self, table: Any, items: Sequence[Assignments], *, is_awaited: bool = True
    ) -> int:
        """Insert rows with as few statements as the engine allows."""
        columns = [field for field, _ in items[0]]
        names = [column.name for column in columns]
        if any([field.name for field, _ in item] != names for item in items):
            raise UnsupportedDefinition("insert_many() needs the same columns in every row")
        head = ",".join(column._rname for column in columns)
        mark = "(" + ",".join(self.mark_of(column.type) for column in columns) + ")"
        size = max(1, _CELLS_PER_INSERT // max(1, len(columns)))
        values = [[self.encoded(field, value) for field, value in item] for item in items]
        run = self.run if is_awaited else self.run_ahead
        # One statement is atomic by itself.
        with Transaction(self) if len(items) > size else nullcontext():
            for start in range(0, len(items), size):
                chunk = values[start : start + size]
                rows = ",".join([mark] * len(chunk))
                sql = f"INSERT INTO {table._rname}({head}) VALUES {rows}"
                run(sql, list(chain.from_iterable(chunk)))
        return len(items)

    def send_upsert(
        self,
        table: Any,
        fields: Assignments,
        conflict: Sequence[Any],
        update: Assignments | None,
    ) -> None:
        """Insert a row or change the one with the same key; None keeps it as it is."""
        env = {"current_scope": [table._tablename]}
        sets = ",".join(f"{f._rname}={self.placed(f, v, env)}" for f, v in update or ())
        self._insert_on_conflict(
            table, fields, conflict, f"UPDATE SET {sets}" if sets else "NOTHING"
        )

    def send_insert_absent(self, table: Any, fields: Assignments, conflict: Sequence[Any]) -> bool:
        """Insert a row unless one with the same key exists; tell whether it was inserted."""
        self._insert_on_conflict(table, fields, conflict, "NOTHING")
        return bool(self.session.cursor.rowcount)

    def _insert_on_conflict(
        self, table: Any, fields: Assignments, conflict: Sequence[Any], action: str
    ) -> None:
        key = ",".join(column._rname for column in conflict)
        self.execute(f"{self.insert_text(table, fields)} ON CONFLICT ({key}) DO {action}")

    def insert_text(self, table: Any, fields: Assignments) -> str:
        """Render an INSERT with its values as tokens."""
        names = ",".join(field._rname for field, _ in fields)
        values = ",".join(self.placed(field, value) for field, value in fields)
        return f"INSERT INTO {table._rname}({names}) VALUES ({values})"


def all_equal(columns: Sequence[Any], values: Mapping[str, Any]) -> Any:
    """Make the query that each column equals its value."""
    first, *others = (column == values[column.name] for column in columns)
    for other in others:
        first &= other
    return first
