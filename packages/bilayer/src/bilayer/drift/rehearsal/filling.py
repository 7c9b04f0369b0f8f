"""Rows made by type and put into every table, keys, checks and lengths respected.

What no made-up row fits is told with the engine's reason. Judges no revision.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.constraints import ForeignKey
from bilayer.drift.live import first_line
from bilayer.drift.rehearsal.values import list_candidates, make_value
from bilayer.drift.schemas import split_parts
from bilayer.drift.snapshot import Column, Schema, Table

_ROWS: Final = 3
_TRIES: Final = 250
_PARENTS: Final = 50
_Row = dict[str, Any]


class _NoParent(Exception):
    """A row needs one of another table, which has none."""


class Filler:
    """Makes rows, no two alike, for the tables of one database.

    Attributes:
        is_sparse: Some rows have NULL, or the default, wherever that is allowed.
    """

    def __init__(self, *, is_sparse: bool = True) -> None:
        self.is_sparse = is_sparse
        self._number = 0
        self._accepted: dict[str, _Row] = {}

    def fill(
        self, connection: sa.Connection, schema: Schema, more: Sequence[str] = ()
    ) -> dict[str, str]:
        """Let every table have rows, those that refer to others after them.

        Args:
            connection: Of the scratch database; what is written is committed.
            schema: Its tables.
            more: Tables that get rows even if they have some.

        Returns:
            The tables that have no row, each with the reason.
        """
        found = {table.name: _count(connection, table) for table in schema}
        waiting = {t.name: t for t in schema if found[t.name] < _ROWS or t.name in more}
        reasons: dict[str, str] = {}
        while waiting:
            before = len(waiting)
            for name, table in list(waiting.items()):
                try:
                    reason = self._fill_table(connection, schema, table)
                except _NoParent as error:
                    reasons[name] = str(error)
                    continue
                reasons[name] = reason or ""
                del waiting[name]
            if len(waiting) == before:
                break
        connection.commit()
        return {name: why for name, why in reasons.items() if why and not found[name]}

    def _fill_table(self, connection: sa.Connection, schema: Schema, table: Table) -> str | None:
        """Put rows into one table; give the reason if not one went in."""
        reason: str | None = None
        made = 0
        for position in range(_ROWS):
            self._number += 1
            is_sparse = self.is_sparse and position == _ROWS - 1
            # A row that leaves out what it may can still be one no check accepts.
            for kind in (True, False) if is_sparse else (False,):
                found = self._insert(connection, schema, table, is_sparse=kind)
                reason = reason or found
                if found is None:
                    made += 1
                    break
        return None if made else reason

    def _insert(
        self, connection: sa.Connection, schema: Schema, table: Table, *, is_sparse: bool
    ) -> str | None:
        """Put in one row: as its types say, or else with values its checks might accept."""
        reason = None
        is_retried = bool(table.checks)
        tries = itertools.islice(self._try_values(schema, table), _TRIES if is_retried else 6)
        for attempt, checked in enumerate(tries):
            if attempt:
                self._number += 1
            row = self._make_row(connection, schema, table, checked, is_sparse=is_sparse)
            error = _send(connection, table, row)
            if error is None:
                self._accepted[table.name] = checked
                return None
            reason = reason or error
        return reason

    def _try_values(self, schema: Schema, table: Table) -> Iterator[_Row]:
        """Give values for the columns that checks name: none, those of the row before, others."""
        yield self._accepted.get(table.name, {})
        yield {}
        named = {
            column.name: list_candidates(column, checks, schema.engine)
            for column in table.columns
            if (checks := [c for c in table.checks if _is_named(column.name, c.expression)])
        }
        # One column after the other first, then at random: a product of all would be endless.
        for name, values in named.items():
            for value in values:
                yield {**self._accepted.get(table.name, {}), name: value}
        dice = random.Random(table.name)  # noqa: S311 - the same tries in each run
        while True:
            yield {name: dice.choice(values) for name, values in named.items()}

    def _make_row(
        self,
        connection: sa.Connection,
        schema: Schema,
        table: Table,
        checked: Mapping[str, Any],
        *,
        is_sparse: bool,
    ) -> _Row:
        row: _Row = {}
        linked = self._choose_parents(connection, table, is_sparse=is_sparse)
        for column in table.columns:
            name = column.name
            if column.generated is not None or column.is_always_numbered:
                continue
            if name in linked:
                row[name] = linked[name]
            elif column.autoincrement or (is_sparse and column.default is not None):
                continue
            elif is_sparse and column.nullable:
                row[name] = None
            else:
                row[name] = checked.get(name, make_value(column, self._number, schema.engine))
        for link in table.foreign_keys:
            if link.target == table.name and any(column not in row for column in link.columns):
                # The first row of a table that refers to itself refers to itself.
                row |= {
                    column: row.get(target)
                    for column, target in zip(link.columns, link.target_columns, strict=False)
                }
        return row

    def _choose_parents(self, connection: sa.Connection, table: Table, *, is_sparse: bool) -> _Row:
        """Choose rows to refer to; keys that share a column agree on it."""
        chosen: _Row = {}
        for link in sorted(table.foreign_keys, key=lambda each: -len(each.columns)):
            columns = {name: table.column(name) for name in link.columns}
            is_optional = any(column and column.nullable for column in columns.values())
            rows = [] if is_sparse and is_optional else _read_keys(connection, link)
            pairs = [dict(zip(link.columns, row, strict=False)) for row in rows]
            fitting = [p for p in pairs if all(chosen.get(k, v) == v for k, v in p.items())]
            if fitting:
                chosen |= fitting[self._number % len(fitting)]
            elif is_optional:
                chosen |= {
                    name: None
                    for name, column in columns.items()
                    if name not in chosen and column and column.nullable
                }
            elif link.target != table.name:
                message = f"it refers to {link.target}, which has no row that fits"
                raise _NoParent(message)
        return chosen


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """Names as an engine wants them in a statement a driver gets as it is."""

    connection: sa.Connection

    def quote(self, name: str) -> str:
        """Quote the name of a column."""
        return self.connection.dialect.identifier_preparer.quote_identifier(name)

    def quote_table(self, name: str) -> str:
        """Quote the name of a table, which may have a schema before it."""
        if self.connection.dialect.name != "postgresql":
            return self.quote(name)
        return ".".join(self.quote(part) for part in split_parts(name))


def _send(connection: sa.Connection, table: Table, row: _Row) -> str | None:
    names = Names(connection)
    target = names.quote_table(table.name)
    if row:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        columns = ", ".join(map(names.quote, row))
        statement = f"INSERT INTO {target} ({columns}) VALUES ({', '.join([mark] * len(row))})"  # noqa: S608 - quoted names
    elif connection.dialect.name in ("mysql", "mariadb"):
        statement = f"INSERT INTO {target} () VALUES ()"  # noqa: S608 - a quoted name
    else:
        statement = f"INSERT INTO {target} DEFAULT VALUES"
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement, tuple(row.values()))
    except SQLAlchemyError as error:
        return first_line(error)
    return None


def _read_keys(connection: sa.Connection, link: ForeignKey) -> Sequence[Sequence[Any]]:
    names = Names(connection)
    columns = ", ".join(map(names.quote, link.target_columns))
    query = f"SELECT {columns} FROM {names.quote_table(link.target)} LIMIT {_PARENTS}"  # noqa: S608 - quoted names
    try:
        with connection.begin_nested():
            rows = connection.exec_driver_sql(query).fetchall()
    except SQLAlchemyError:
        return []
    return [tuple(row) for row in rows if None not in tuple(row)]


def _count(connection: sa.Connection, table: Table) -> int:
    target = Names(connection).quote_table(table.name)
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {target}").scalar_one())  # noqa: S608 - a quoted name


def _is_named(column: str, expression: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", expression, re.IGNORECASE) is not None


def is_written(column: Column) -> bool:
    """A row may give the column a value of its own."""
    return column.generated is None and not column.is_always_numbered
