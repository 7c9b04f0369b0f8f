"""Mistakes in the definitions of tables that make a comparison worthless."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bilayer.drift.defects import LostTarget, Unbuilt
from bilayer.drift.findings import Difference
from bilayer.drift.kinds import kind_of
from bilayer.drift.snapshot import (
    Field,
    Place,
    Refusal,
    Runtime,
    RuntimeTable,
    Schema,
)

RESERVED: Final = frozenset(
    """
    all analyse analyze and any array as asc between both by case cast check collate column
    constraint create cross current_date current_time current_timestamp current_user default
    delete desc distinct drop else end except exists false fetch for foreign from full grant
    group having in index inner insert intersect into is join key keys left like limit not null
    offset on or order outer primary range rank references right row rows select session_user
    set some system table then to trigger true union unique update user using values when where
    window with
    """.split()  # noqa: SIM905 - a list would be a hundred lines
)
"""Words that SQLite, PostgreSQL or MariaDB refuse as a name without quotes."""
_REFUSED_BY_PYDAL: Final = frozenset(
    """
    keys values items update insert drop on fields get pop copy clear truncate as_dict as_json
    with_alias bulk_insert query_name ALL from class is in not global
    """.split()  # noqa: SIM905 - as above
)


def check_models(defined_twice: Sequence[str], lost: Iterable[LostTarget]) -> Iterator[Difference]:
    """Yield the tables two metadata disagree about, and the foreign keys that lead nowhere."""
    for table in defined_twice:
        message = f"table {table} is defined differently in two metadata; the first one was read"
        yield Difference("BL112", "error", "setup", message, table)
    for each in lost:
        where = "is in another MetaData" if each.is_elsewhere else "is in no metadata"
        message = f"{each.table}.{each.column} refers to table {each.target}, which {where}"
        yield Difference(
            "BL120", "error", "setup", message, each.table, each.column, left=each.target
        )


def check_unbuilt(unbuilt: Iterable[Unbuilt]) -> Iterator[Difference]:
    """Yield the tables of the models that cannot be built."""
    for each in unbuilt:
        yield Difference("BL115", "error", "setup", str(each), each.table)


def check_runtime(runtime: Runtime, schema: Schema | None) -> Iterator[Difference]:
    """Yield the set-up mistakes of PyDAL's tables; ``schema`` says what was meant, if known."""
    for refusal in runtime.refusals:
        yield _refusal(refusal)
    for table in runtime.tables.values():
        yield from _check_table(runtime, table)
    if schema is not None:
        yield from _check_quotes(runtime, schema.engine)
        yield from _check_ids(runtime, schema)
        yield from _check_names(runtime, schema)


def _refusal(refusal: Refusal) -> Difference:
    code = "BL112" if refusal.is_duplicate else "BL113"
    where = f"table {refusal.table}" if refusal.table else "a definition"
    message = f"{where}: {refusal.reason}"
    return Difference(
        code, "error", "setup", message, refusal.table or None, location=locate(refusal.place)
    )


def locate(place: Place | None) -> str | None:
    """Write a place as ``path:line``."""
    return f"{place.path}:{place.line}" if place and place.path else None


def _check_table(runtime: Runtime, table: RuntimeTable) -> Iterator[Difference]:
    if table.is_migrated:
        message = f"table {table.table} is migrated by PyDAL (migrate=True)"
        yield Difference(
            "BL107", "error", "setup", message, table.table, left="migrate=False",
            right="migrate=True", item=table,
        )  # fmt: skip
    yield from _check_rname(table, None, table.rname)
    for field in table.fields:
        yield from _check_field(runtime, table, field)


def _check_field(runtime: Runtime, table: RuntimeTable, field: Field) -> Iterator[Difference]:
    yield from _check_rname(table, field, field.rname)
    kind = kind_of(field.type)
    if kind is None or (field.type.startswith("list:") and not _is_list(field.type)):
        message = f"PyDAL knows no type {field.type!r} ({table.table}.{field.column})"
        yield Difference(
            "BL109", "error", "setup", message, table.table, field.column, right=field.type,
            item=field,
        )  # fmt: skip
    target = _target(field.type)
    if target is not None and target not in runtime.tables:
        message = f"{table.table}.{field.column} refers to table {target}, which nobody defines"
        yield Difference(
            "BL110", "error", "setup", message, table.table, field.column, right=field.type,
            item=field,
        )  # fmt: skip


def _is_list(type_: str) -> bool:
    return re.match(r"list:(string|integer|bigint|reference\s)", type_) is not None


def _target(type_: str) -> str | None:
    match = re.fullmatch(r"(?:list:|big-)?reference\s+(\w+)(?:\.\w+)?", type_)
    return match.group(1) if match else None


def _check_rname(
    table: RuntimeTable, field: Field | None, rname: str | None
) -> Iterator[Difference]:
    if rname is None or rname.lower() not in RESERVED:
        return
    message = f"rname={rname!r} is a reserved word without quotes"
    column = field.column if field else None
    yield Difference(
        "BL111", "error", "setup", message, table.table, column, right=rname, item=field
    )


def foreign_quotes(rname: str | None, engine: str) -> str:
    """Give the marks in a written name that the engine takes for something else."""
    marks = {"mysql": '"[', "postgresql": "`["}.get(engine, "")
    return "".join(mark for mark in marks if mark in (rname or ""))


def _check_quotes(runtime: Runtime, engine: str) -> Iterator[Difference]:
    """Find names in the quotes of another engine; PyDAL pastes an rname as it is."""
    for table in runtime.tables.values():
        items: list[tuple[Field | RuntimeTable, str | None]] = [(table, None)]
        items += [(field, field.column) for field in table.fields]
        for item, column in items:
            marks = foreign_quotes(item.rname, engine)
            if marks:
                place = f"{table.table}.{column}" if column else table.table
                message = f"rname={item.rname!r} of {place}: {marks[0]} quotes no name on {engine}"
                yield Difference(
                    "BL119", "error", "setup", message, table.table, column, right=item.rname,
                    item=item,
                )  # fmt: skip


def _check_ids(runtime: Runtime, schema: Schema) -> Iterator[Difference]:
    """Find ids that PyDAL silently made integers."""
    for defined in runtime.tables.values():
        table = schema.tables.get(defined.table)
        column = table.column(defined.id_field) if table and defined.id_field else None
        is_integer = column is not None and column.type.family == "integer"
        if is_integer and kind_of(defined.dropped_id or "id") != "integer":
            message = (
                f"PyDAL drops the field id of {defined.table} ({defined.dropped_id}) without a"
                " word and adds its own integer id, which the column is"
            )
            yield Difference(
                "BL108", "warning", "setup", message, defined.table, defined.id_field,
                "INTEGER", defined.dropped_id, column,
            )  # fmt: skip
        if column is not None and not is_integer:
            message = (
                f"{defined.table}.{column.name} is PyDAL's integer id over a column of"
                f" {column.type.family}; give primarykey=['{column.name}']"
            )
            yield Difference(
                "BL108", "error", "setup", message, defined.table, column.name,
                column.type.text, "id", column,
            )  # fmt: skip


def _check_names(runtime: Runtime, schema: Schema) -> Iterator[Difference]:
    """Name the columns PyDAL has no field for because it would refuse the name."""
    by_table = runtime.by_table()
    for table in schema:
        defined = by_table.get(table.name)
        columns: Sequence[str] = [column.name for column in table.columns]
        for name in columns:
            is_missing = defined is not None and defined.field(name) is None
            if is_missing and name in _REFUSED_BY_PYDAL:
                message = f"PyDAL refuses the field name {name}; give rname='\"{name}\"'"
                yield Difference("BL111", "warning", "setup", message, table.name, name)
