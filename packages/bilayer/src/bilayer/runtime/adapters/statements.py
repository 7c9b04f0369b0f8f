"""The part of an adapter that changes rows: UPDATE, DELETE and upsert with bind parameters.

Only the write pipeline calls these; whatever skipped it would escape the subscribers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bilayer.runtime.adapters.column_sets import ColumnSet
from bilayer.runtime.adapters.inserts import Assignments, InsertStatements
from bilayer.runtime.adapters.parts import Rendered, is_plain
from bilayer.runtime.pydal_compat import Expression, Query
from bilayer.runtime.subscribers import Row


@dataclass(frozen=True, slots=True)
class Condition:
    """The WHERE of a write, with placeholders and their parameters; empty for all rows."""

    sql: str
    parameters: list[Any]


class WriteStatements(InsertStatements):
    """Renders and runs the statements of one table's writes.

    Attributes:
        returns_updates: UPDATE can give back the rows as they are then.
        returns_deletes: DELETE can give back the rows that it removed.
    """

    returns_updates: bool = False
    returns_deletes: bool = False

    def keys_query(self, table: Any, keys: Sequence[Sequence[Any]]) -> Query:
        """Make the query for the rows with these primary keys."""
        first = self.key_columns(table)[0]
        return Query(self.db, self.dialect.keys_in, first, list(keys))

    def send_update(self, table: Any, where: Condition, assigned: Rendered) -> int:
        """Update and give the number of rows that matched."""
        self.run(*self._update_statement(table, where, assigned))
        return int(self.session.cursor.rowcount)

    def send_update_returning(
        self,
        table: Any,
        where: Condition,
        assigned: Rendered,
        returned: ColumnSet | None = None,
    ) -> list[Row]:
        """Update and give the rows that matched, as they are then; all columns if None."""
        columns = returned or self.column_set(table, table.fields)
        return self.returned(columns, *self._update_statement(table, where, assigned))

    def _update_statement(
        self, table: Any, where: Condition, assigned: Rendered
    ) -> tuple[str, list[Any]]:
        sql = self.update_text(table, assigned.sql, where.sql)
        return sql, assigned.parameters + where.parameters

    def assigned_columns(self, table: Any, fields: Assignments) -> Rendered:
        """Render what an UPDATE sets.

        Raises:
            InvalidValue: A value does not fit its column.
        """
        columns = self.column_set(table, fields)
        if is_plain(fields.values()):
            return Rendered(columns.assigned, columns.encode(fields))
        env = {"current_scope": [table._tablename]}
        pieces: list[str] = []
        parameters: list[Any] = []
        for name, value in fields.items():
            field = table[name]
            if isinstance(value, Rendered):
                text = value.sql
                parameters.extend(value.parameters)
            elif isinstance(value, Expression | Query):
                text, given = self.bind(self.placed(field, value, env))
                parameters.extend(given)
            else:
                text = self.mark_of(field.type)
                parameters.append(self.encoded(field, value))
            pieces.append(f"{self.escape(field._rname)}={text}")
        return Rendered(",".join(pieces), parameters)

    def update_text(self, table: Any, assignments: str, where: str) -> str:
        """Put an UPDATE together of what was rendered."""
        name = self.escape(self.dialect.writing_alias(table))
        return f"UPDATE {name} SET {assignments}{where}"

    def send_delete(self, table: Any, where: Condition) -> int:
        """Delete and give the number of rows."""
        text = self.escape(self.dialect.delete(table).rstrip(";"))
        self.run(f"{text}{where.sql}", where.parameters)
        return int(self.session.cursor.rowcount)

    def send_delete_returning(self, table: Any, where: Condition) -> list[Row]:
        """Delete and give the rows as they were."""
        # MariaDB's other form, which names the table twice and may join, returns nothing.
        text = f"DELETE FROM {self.escape(self.dialect.writing_alias(table))}{where.sql}"
        return self.returned(self.column_set(table, table.fields), text, where.parameters)

    def condition(self, table: Any, query: Any) -> Condition:
        """Render the WHERE of a write."""
        if not query:
            return Condition("", [])
        env = {"current_scope": [table._tablename]}
        sql, parameters = self.bind(self.expand(query, query_env=env))
        return Condition(f" WHERE {sql}", parameters)

    def send_upsert(
        self,
        table: Any,
        fields: Assignments,
        conflict: Sequence[Any],
        update: Assignments | None,
    ) -> None:
        """Insert a row or change the one with the same key; None keeps it as it is."""
        assigned = self.assigned_on_conflict(table, fields, update or {})
        action = f"UPDATE SET {assigned.sql}" if update else "NOTHING"
        self._insert_on_conflict(table, fields, conflict, Rendered(action, assigned.parameters))

    def assigned_on_conflict(
        self, table: Any, fields: Assignments, update: Assignments
    ) -> Rendered:
        """Render what an upsert sets; what the row to insert has too is sent with that alone."""
        columns = self.column_set(table, update)
        is_same = all(name in fields and fields[name] is update[name] for name in columns.names)
        if is_same and is_plain(update.values()):
            return Rendered(columns.taken, [])
        return self.assigned_columns(table, update)

    def send_insert_absent(self, table: Any, fields: Assignments, conflict: Sequence[Any]) -> bool:
        """Insert a row unless one with the same key exists; tell whether it was inserted."""
        self._insert_on_conflict(table, fields, conflict, Rendered("NOTHING", []))
        return bool(self.session.cursor.rowcount)

    def _insert_on_conflict(
        self, table: Any, fields: Assignments, conflict: Sequence[Any], action: Rendered
    ) -> None:
        sql, parameters = self.insert_statement(table, fields)
        key = ",".join(self.escape(column._rname) for column in conflict)
        sql = f"{sql} ON CONFLICT ({key}) DO {action.sql}"
        self.run(sql, parameters + action.parameters)


def all_equal(columns: Sequence[Any], values: Mapping[str, Any]) -> Any:
    """Make the query that each column equals its value."""
    first, *others = (column == values[column.name] for column in columns)
    for other in others:
        first &= other
    return first
