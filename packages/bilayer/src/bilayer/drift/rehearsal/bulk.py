"""A million rows in a table, made by PostgreSQL itself from the few that types made.

Columns that must differ are counted up; what a check names, or another table's key, is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.constraints import ForeignKey
from bilayer.drift.live import first_line
from bilayer.drift.rehearsal.filling import Names, is_written
from bilayer.drift.snapshot import Column, Schema, Table

_SAMPLES: Final = 3
_ROOM: Final = 12
_COUNTED: Final[Mapping[str, str]] = {
    "integer": "g.n",
    "float": "g.n",
    "uuid": "md5(g.n::text || {name})::uuid",
    "datetime": "s.{column} + g.n * interval '1 second'",
    "date": "s.{column} + g.n",
    "binary": "decode(md5(g.n::text), 'hex')",
    "inet": "'10.0.0.0'::inet + g.n",
}


def multiply(
    connection: sa.Connection, schema: Schema, name: str, rows: int, done: set[str] | None = None
) -> str | None:
    """Fill a table that has some rows with many more.

    Args:
        connection: Of the scratch database.
        schema: Its tables.
        name: The table.
        rows: How many.
        done: The tables that have as many; those a row needs one each of are filled before it.

    Returns:
        Why it could not be filled; None if it was.
    """
    done = set() if done is None else done
    if name in done:
        return None
    done.add(name)
    table = schema.tables[name]
    one_each = _find_one_each(table)
    if one_each is not None:
        reason = multiply(connection, schema, one_each.target, rows, done)
        if reason is not None:
            return f"it needs a row of {one_each.target} for each of its own: {reason}"
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(_write_insert(connection, table, one_each, rows))
    except SQLAlchemyError as error:
        return first_line(error)
    connection.commit()
    return None


def _find_one_each(table: Table) -> ForeignKey | None:
    """Find the key by which a row needs a row of its own in another table."""
    return next(
        (
            link
            for link in table.foreign_keys
            for unique in _list_uniques(table)
            if set(unique) <= set(link.columns) and link.target != table.name
        ),
        None,
    )


def _list_uniques(table: Table) -> list[tuple[str, ...]]:
    uniques = [unique.columns for unique in table.uniques]
    uniques += [index.columns for index in table.indexes if index.unique]
    return [each for each in [table.primary_key, *uniques] if each]


def _write_insert(
    connection: sa.Connection, table: Table, one_each: ForeignKey | None, rows: int
) -> str:
    names = Names(connection)
    target = names.quote_table(table.name)
    linked = {name for link in table.foreign_keys for name in link.columns}
    parent = dict(zip(one_each.columns, one_each.target_columns, strict=True)) if one_each else {}
    chosen: dict[str, str] = {}
    for column in table.columns:
        if column.name in parent:
            chosen[column.name] = f"p.{names.quote(parent[column.name])}"
        elif is_written(column) and not column.autoincrement:
            kept = f"s.{names.quote(column.name)}"
            counted = None if column.name in linked else _count_up(column, table, names)
            chosen[column.name] = counted or kept
    columns = ", ".join(map(names.quote, chosen))
    number = "SELECT row_number() OVER () AS rehearsed, {0}.* FROM {1} {0}"
    few = f"SELECT * FROM {target} LIMIT {_SAMPLES}"  # noqa: S608 - quoted names
    few = number.replace("OVER ()", "OVER () - 1").format("t", f"({few})")
    count = f"least({_SAMPLES}, (SELECT count(*) FROM {target}))"  # noqa: S608 - as above
    source = f"generate_series(1, {rows}) AS g(n) JOIN ({few}) s ON s.rehearsed = g.n %% {count}"
    if one_each:
        other = names.quote_table(one_each.target)
        matches = " AND ".join(
            f"x.{names.quote(a)} = o.{names.quote(b)}" for a, b in parent.items()
        )
        free = f"NOT EXISTS (SELECT 1 FROM {target} x WHERE {matches})"  # noqa: S608 - as above
        parents = number.format("o", other)
        source += f" JOIN ({parents} WHERE {free}) p ON p.rehearsed = g.n"
    return f"INSERT INTO {target} ({columns}) SELECT {', '.join(chosen.values())} FROM {source}"  # noqa: S608 - quoted names


def _count_up(column: Column, table: Table, names: Names) -> str | None:
    """Write the expression that differs in each row, if the type has room for it."""
    must = any(column.name in unique for unique in _list_uniques(table))
    is_checked = any(
        re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", check.expression)
        for check in table.checks
    )
    if is_checked and not must:
        return None
    type_, quoted = column.type, names.quote(column.name)
    if type_.family in ("string", "text") and not type_.native.endswith("[]"):
        length = type_.length
        if length is not None and length < _ROOM:
            return "g.n::text" if must else None
        text = f"g.n::text || '-' || coalesce(s.{quoted}, '')"
        return f"left({text}, {length})" if length else text
    if type_.family == "integer" and (type_.bits or 32) < 32:  # noqa: PLR2004 - smallint has no room
        return None
    if type_.family == "numeric":
        whole = (type_.precision or 20) - (type_.scale or 0)
        return f"g.n %% {10 ** min(whole, 9)}" if whole > 0 else None
    form = _COUNTED.get(type_.family) or _COUNTED.get(type_.native)
    if form is None or type_.native.endswith("[]"):
        return None
    literal = "'" + column.name.replace("'", "''").replace("%", "%%") + "'"
    return form.format(column=quoted, name=literal)
