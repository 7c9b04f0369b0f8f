"""A schema against PyDAL's tables: what fails, what is lost, what the application cannot see.

The schema is the authority. What PyDAL declares and never uses when it does not create the tables
(unset lengths, ``ondelete``, ``notnull``) is at most an info.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final

from bilayer.drift.compare.catalogs import compare_order
from bilayer.drift.compare.fields import compare_field, show_field
from bilayer.drift.compare.place import RuntimePlace
from bilayer.drift.compare.renames import guess_plurals, guess_renames, say_plural
from bilayer.drift.compare.setup import locate
from bilayer.drift.findings import Difference, Pair
from bilayer.drift.kinds import Severity
from bilayer.drift.snapshot import Column, Field, Runtime, RuntimeTable, Schema, Table

_STORED_EMPTY: Final = (
    "every insert stores an empty value or fails (PyDAL turns MariaDB's strict mode off)"
)
_ID_TYPES: Final = ("id", "big-id")


def compare_runtime(pair: Pair, schema: Schema, runtime: Runtime) -> Iterator[Difference]:
    """Yield every difference between a schema and the PyDAL tables over it."""
    sides = _sides(pair)
    by_table = runtime.by_table()
    by_case = {name.lower(): name for name in by_table}
    refused = {refusal.table for refusal in runtime.refusals}
    plurals = guess_plurals(schema.tables, by_table)
    # A definition that stopped half-way says nothing of the tables behind that.
    is_cut_short = "" in refused
    for name, table in schema.tables.items():
        if name in by_table:
            place = RuntimePlace(pair, sides, schema, runtime, name, by_table[name])
            yield from _compare_tables(place, table, by_table[name])
        elif name.lower() in by_case:
            yield _table_case(pair, sides, schema.engine, name, by_table[by_case[name.lower()]])
        elif name not in refused and not is_cut_short:
            message = (
                f"table {name} is in {sides[0]} and not in PyDAL: the application is blind to it"
            )
            other = plurals.get(name)
            if other is not None:
                message += f"; PyDAL calls it {other}, in the {say_plural(name, other)}"
            found = _order(pair, "BL201", "warning", message, name, "table", "no table", table)
            yield dataclasses.replace(found, other=other)
    known = {name.lower() for name in schema.tables}
    # A table of PyDAL may be a view of the database; what its columns are is not known.
    known |= {each.name.lower() for each in schema.objects if "view" in each.kind}
    for name, defined in by_table.items():
        if name.lower() not in known:
            message = f"table {name} is in PyDAL and not in {sides[0]}: every query of it fails"
            other = plurals.get(name)
            if other is not None:
                message += f"; {sides[0]} call it {other}, in the {say_plural(name, other)}"
            found = _order(pair, "BL201", "error", message, name, "no table", "table", defined)
            yield dataclasses.replace(found, other=other)


def _sides(pair: Pair) -> tuple[str, str]:
    return ("the models" if pair == "models-runtime" else "the database", "PyDAL")


def _order(  # noqa: PLR0917 - as RuntimePlace.differ
    pair: Pair,
    code: str,
    severity: Severity,
    message: str,
    table: str,
    schema_text: str,
    runtime_text: str,
    item: Table | RuntimeTable,
) -> Difference:
    """Put the texts on the sides the pair's name gives them."""
    texts = (schema_text, runtime_text)
    left, right = texts if pair == "models-runtime" else texts[::-1]
    return Difference(code, severity, pair, message, table, left=left, right=right, item=item)


def _table_case(
    pair: Pair, sides: tuple[str, str], engine: str, name: str, defined: RuntimeTable
) -> Difference:
    severity: Severity = "info" if engine == "sqlite" else "error"
    other = defined.table
    message = f"table {name} of {sides[0]} is called {other} in PyDAL"
    texts = (name, other) if pair == "models-runtime" else (other, name)
    return Difference(
        "BL203", severity, pair, message, name, left=texts[0], right=texts[1], item=defined,
        location=locate(defined.place),
    )  # fmt: skip


def _compare_tables(
    place: RuntimePlace, table: Table, defined: RuntimeTable
) -> Iterator[Difference]:
    renamed = guess_renames(place, table, defined)
    yield from _missing_fields(place, table, defined, renamed)
    yield from _missing_columns(place, table, defined, renamed)
    for field in defined.fields:
        column = table.column(field.column)
        if column is not None:
            yield from compare_field(place, table, column, field)
    yield from _compare_keys(place, table, defined)
    columns = [column.name for column in table.columns]
    fields = [field.column for field in defined.fields]
    is_schema_left = place.pair == "models-runtime"
    sides = (columns, fields) if is_schema_left else (fields, columns)
    yield from compare_order(place.pair, table.name, *sides)


def _missing_fields(
    place: RuntimePlace, table: Table, defined: RuntimeTable, renamed: Mapping[str, str]
) -> Iterator[Difference]:
    """Columns PyDAL does not know."""
    by_case = _by_case(defined.fields)
    for column in table.columns:
        field = by_case.get(column.name.lower())
        if field is None:
            yield _missing_field(place, column, renamed.get(column.name))
        elif field.column != column.name and table.column(field.column) is None:
            yield place.differ(
                "BL203",
                "error" if place.engine == "postgresql" else "info",
                f"column {place.name(column.name)} is called {field.column} in PyDAL",
                column.name,
                column.name,
                field.column,
                column,
            )


def _missing_field(place: RuntimePlace, column: Column, other: str | None) -> Difference:
    message = f"column {place.name(column.name)} is in {place.sides[0]} and not in PyDAL"
    severity: Severity = "warning"
    if not column.is_filled_by_engine:
        severity = "error"
        message += ": it is NOT NULL without a server default, so "
        is_lax = place.runtime.adapter == "mysql"
        message += _STORED_EMPTY if is_lax else "every insert fails"
        if column.python_default:
            message += " (its default= runs in SQLAlchemy only)"
    if other is not None:
        message += f"; PyDAL's field {other} may be it under another name"
    return place.differ(
        "BL202", severity, message, column.name, column.type.text, "no field", column
    )


def _missing_columns(
    place: RuntimePlace, table: Table, defined: RuntimeTable, renamed: Mapping[str, str]
) -> Iterator[Difference]:
    """Fields without a column."""
    names = {column.name.lower() for column in table.columns}
    column_of = {field: column for column, field in renamed.items()}
    for field in defined.fields:
        if field.column.lower() in names:
            continue
        message = f"field {place.name(field.column)} has no column in {place.sides[0]}"
        if field.type in _ID_TYPES:
            message += "; PyDAL adds an id to a table without primarykey="
        message += ": every select and insert fails"
        if field.column in column_of:
            other = column_of[field.column]
            message += f"; column {other} may be it under another name (rname=)"
        yield place.differ(
            "BL202", "error", message, field.column, "no column", show_field(field), field
        )


def _by_case(fields: tuple[Field, ...]) -> Mapping[str, Field]:
    return {field.column.lower(): field for field in fields}


def _compare_keys(place: RuntimePlace, table: Table, defined: RuntimeTable) -> Iterator[Difference]:
    if table.primary_key == defined.primary_key or not table.primary_key:
        return
    if not defined.primary_key and not defined.id_field:
        return
    is_order = set(table.primary_key) == set(defined.primary_key)
    unknown = [name for name in defined.primary_key if table.column(name) is None]
    if unknown:
        return  # The missing column has its own finding.
    what = "stands in another order" if is_order else "has other columns"
    yield place.differ(
        "BL301",
        "info" if is_order else "warning",
        f"the primary key of {table.name} {what} in PyDAL",
        None,
        f"({', '.join(table.primary_key)})",
        f"({', '.join(defined.primary_key)})",
        table,
    )
