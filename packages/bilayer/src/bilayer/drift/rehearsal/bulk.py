"""A million rows in a table, made by PostgreSQL itself from the few that types made.

Columns that must differ are counted up; what a check names, or another table's key, is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.constraints import ForeignKey
from bilayer.drift.live import first_line
from bilayer.drift.rehearsal.filling import Names, is_written
from bilayer.drift.snapshot import Column, Schema, Table

_SAMPLES: Final = 3
_PARENTS: Final = 10_000
_ROWS_PER_PARENT: Final = 100
_TAKEN: Final = 30_000
"""Numbers made by type are smaller."""
_ROOM: Final = 12
_COUNTED: Final[Mapping[str, str]] = {
    "integer": f"g.n + {_TAKEN}",
    "float": "g.n",
    "uuid": "md5(g.n::text || {name})::uuid",
    "datetime": "s.{column} + g.n * interval '1 second'",
    "date": "s.{column} + g.n",
    "binary": "decode(md5(g.n::text), 'hex')",
    "inet": "'10.0.0.0'::inet + g.n",
}


def multiply(
    connection: sa.Connection, schema: Schema, names: Iterable[str], rows: int
) -> dict[str, str]:
    """Fill tables that have some rows with many more, and those they refer to with a part of it.

    Args:
        connection: Of the scratch database.
        schema: Its tables.
        names: The tables.
        rows: How many rows they get.

    Returns:
        The tables that could not be filled, each with the reason.
    """
    reasons: dict[str, str] = {}
    sizes = _choose_sizes(schema, names, rows)
    for name, size in sizes.items():
        statement = _write_insert(connection, schema.tables[name], size)
        try:
            with connection.begin_nested():
                made = connection.exec_driver_sql(statement).rowcount
        except SQLAlchemyError as error:
            reasons[name] = first_line(error)
            continue
        if made < size:
            reasons[name] = f"the tables it refers to have rows for {made:,} only"
        connection.commit()
    for name in sizes:
        connection.exec_driver_sql(f"ANALYZE {Names(connection).quote_table(name)}")
    connection.commit()
    return reasons


def _choose_sizes(schema: Schema, names: Iterable[str], rows: int) -> dict[str, int]:
    """Choose how many rows each table gets; a table stands behind those it refers to."""
    sizes = dict.fromkeys(names, rows)
    waiting = list(sizes)
    while waiting:
        one_each = _find_one_each(schema.tables[waiting.pop()])
        if one_each is not None and one_each.target not in sizes:
            sizes[one_each.target] = rows
            waiting.append(one_each.target)
    # Were there few, each would have more rows that refer to it than any in production.
    few = max(1, rows // _ROWS_PER_PARENT)
    ordered: dict[str, int] = {}
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in schema.tables:
            return
        seen.add(name)
        for link in schema.tables[name].foreign_keys:
            visit(link.target)
        ordered[name] = sizes.get(name, few)

    for name in sizes:
        visit(name)
    return ordered


def _find_one_each(table: Table) -> ForeignKey | None:
    """Find the key by which a row needs a row of its own in another table."""
    links = [link for link in table.foreign_keys if link.target != table.name]
    linked = {name for link in links for name in link.columns}
    whole = [set(unique) for unique in _list_uniques(table) if set(unique) <= linked]
    return next((link for unique in whole for link in links if unique & set(link.columns)), None)


def _list_uniques(table: Table) -> list[tuple[str, ...]]:
    uniques = [unique.columns for unique in table.uniques]
    uniques += [index.columns for index in table.indexes if index.unique]
    return [each for each in [table.primary_key, *uniques] if each]


def _list_spread(table: Table, one_each: ForeignKey | None) -> list[ForeignKey]:
    """List the keys that may name any row: no check and no other key has a say in them."""
    counted = [name for link in table.foreign_keys for name in link.columns]
    return [
        link
        for link in table.foreign_keys
        if link.target != table.name
        and link != one_each
        and not any(counted.count(name) > 1 or _is_checked(name, table) for name in link.columns)
    ]


def _write_insert(connection: sa.Connection, table: Table, rows: int) -> str:
    names = Names(connection)
    target = names.quote_table(table.name)
    linked = {name for link in table.foreign_keys for name in link.columns}
    one_each = _find_one_each(table)
    few = f"SELECT * FROM {target}"  # noqa: S608 - quoted names
    source = f"generate_series(1, {rows}) AS g(n)" + _join(few, "s", _SAMPLES)
    chosen: dict[str, str] = {}
    for position, link in enumerate(_list_spread(table, one_each)):
        source += _join(f"SELECT * FROM {names.quote_table(link.target)}", f"k{position}", _PARENTS)  # noqa: S608 - as above
        chosen |= _refer(link, f"k{position}", names)
    if one_each:
        matches = " AND ".join(
            f"x.{names.quote(a)} = o.{names.quote(b)}"
            for a, b in zip(one_each.columns, one_each.target_columns, strict=True)
        )
        source += (
            " JOIN (SELECT row_number() OVER () AS rehearsed, o.* FROM"  # noqa: S608 - as above
            f" {names.quote_table(one_each.target)} o WHERE NOT EXISTS"
            f" (SELECT 1 FROM {target} x WHERE {matches})) p ON p.rehearsed = g.n"
        )
        chosen |= _refer(one_each, "p", names)
    is_bare = all(column.autoincrement for column in table.columns)
    for column in table.columns:
        is_given = is_written(column) and (is_bare or not column.autoincrement)
        if column.name not in chosen and is_given:
            counted = None if column.name in linked else _count_up(column, table, names)
            chosen[column.name] = counted or f"s.{names.quote(column.name)}"
    columns = ", ".join(map(names.quote, chosen))
    return f"INSERT INTO {target} ({columns}) SELECT {', '.join(chosen.values())} FROM {source}"  # noqa: S608 - quoted names


def _join(rows: str, alias: str, most: int) -> str:
    """Join one of some rows to each number, in turn."""
    numbered = f"SELECT row_number() OVER () - 1 AS rehearsed, t.* FROM ({rows} LIMIT {most}) t"  # noqa: S608 - quoted names
    count = f"(SELECT nullif(count(*), 0) FROM ({rows} LIMIT {most}) t)"  # noqa: S608 - as above
    return f" LEFT JOIN ({numbered}) {alias} ON {alias}.rehearsed = g.n %% {count}"


def _refer(link: ForeignKey, alias: str, names: Names) -> dict[str, str]:
    pairs = zip(link.columns, link.target_columns, strict=True)
    return {name: f"{alias}.{names.quote(target)}" for name, target in pairs}


def _is_checked(column: str, table: Table) -> bool:
    word = re.compile(rf"(?<!\w){re.escape(column)}(?!\w)")
    return any(word.search(check.expression) for check in table.checks)


def _count_up(column: Column, table: Table, names: Names) -> str | None:
    """Write the expression that differs in each row, if the type has room for it."""
    must = any(column.name in unique for unique in _list_uniques(table))
    if _is_checked(column.name, table) and not must:
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
