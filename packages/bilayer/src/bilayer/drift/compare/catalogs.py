"""Two schemas of one engine against each other: models, migrations and databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bilayer.drift.compare.apart import LateKeys, find_late_keys
from bilayer.drift.compare.belongings import Belongings, set_aside
from bilayer.drift.compare.columns import ColumnPlace, compare_column
from bilayer.drift.compare.constraints import compare_constraints, describe
from bilayer.drift.compare.objects import compare_objects
from bilayer.drift.compare.storage import Collations, compare_storage
from bilayer.drift.findings import Difference, Pair
from bilayer.drift.kinds import Severity
from bilayer.drift.snapshot import Schema, Table

WORDS: Final[dict[str, tuple[str, str]]] = {
    "models-migrations": ("the models", "the migrations"),
    "migrations-database": ("the migrations", "the database"),
}


def compare_catalogs(pair: Pair, left: Schema, right: Schema) -> Iterator[Difference]:
    """Yield every difference between two schemas built by the same engine."""
    right_by_case = {name.lower(): name for name in right.tables}
    usual = (left.collation, right.collation)
    late = find_late_keys(left, right)
    for name, table in left.tables.items():
        other = right.tables.get(name)
        if other is None:
            other_case = right_by_case.get(name.lower())
            yield _missing_table(pair, left.engine, table, other_case, late)
        else:
            yield from _compare_tables(pair, left.engine, table, other, usual)
    known = {name.lower() for name in left.tables}
    for name, table in right.tables.items():
        if name not in left.tables and name.lower() not in known:
            words = WORDS[pair]
            message = f"table {name} is in {words[1]} and not in {words[0]}"
            yield Difference(
                "BL201", "warning", pair, message, name, left="no table", right="table",
                item=table, along=late.get(name, ()),
            )  # fmt: skip
    yield from compare_objects(pair, WORDS[pair], left, right)


def _missing_table(
    pair: Pair, engine: str, table: Table, other_case: str | None, late: LateKeys
) -> Difference:
    words = WORDS[pair]
    if other_case is not None:
        message = f"table {table.name} is called {other_case} in {words[1]}"
        severity: Severity = "info" if engine == "sqlite" else "error"
        return Difference(
            "BL203", severity, pair, message, table.name, left=table.name, right=other_case
        )
    message = f"table {table.name} is in {words[0]} and not in {words[1]}"
    return Difference(
        "BL201", "error", pair, message, table.name, left="table", right="no table", item=table,
        along=late.get(table.name, ()),
    )  # fmt: skip


def _compare_tables(
    pair: Pair, engine: str, left: Table, right: Table, usual: Collations
) -> Iterator[Difference]:
    rest, belongings = set_aside(left, right)
    place = ColumnPlace(pair, engine, left.name, usual)
    yield from _compare_columns(place, left, right, belongings)
    yield from compare_constraints(pair, WORDS[pair], engine, left, rest)
    yield from compare_storage(pair, left, right, usual)
    if (left.comment or "") != (right.comment or ""):
        yield Difference(
            "BL213", "info", pair, f"the comments of table {left.name} differ", left.name,
            left=left.comment or "no comment", right=right.comment or "no comment", item=left,
        )  # fmt: skip


def _compare_columns(
    place: ColumnPlace, left: Table, right: Table, belongings: Belongings
) -> Iterator[Difference]:
    yield from _missing_columns(place, left, right, belongings)
    for column in left.columns:
        other = right.column(column.name)
        if other is not None:
            yield from compare_column(place, column, other)
    yield from compare_order(
        place.pair, left.name, [c.name for c in left.columns], [c.name for c in right.columns]
    )


def _missing_columns(
    at: ColumnPlace, left: Table, right: Table, belongings: Belongings
) -> Iterator[Difference]:
    pair, words = at.pair, WORDS[at.pair]
    case_severity: Severity = "error" if at.engine == "postgresql" else "info"
    right_by_case = {column.name.lower(): column.name for column in right.columns}
    for column in left.columns:
        other = right_by_case.get(column.name.lower())
        place = f"{left.name}.{column.name}"
        if other is None:
            message = f"column {place} is in {words[0]} and not in {words[1]}"
            yield Difference(
                "BL202", "error", pair, message, left.name, column.name,
                column.type.text, "no column", column,
            )  # fmt: skip
        elif other != column.name:
            message = f"column {place} is called {other} in {words[1]}"
            yield Difference(
                "BL203", case_severity, pair, message, left.name, column.name,
                column.name, other, column,
            )  # fmt: skip
    known = {column.name.lower() for column in left.columns}
    for column in right.columns:
        if column.name.lower() not in known:
            message = f"column {left.name}.{column.name} is in {words[1]} and not in {words[0]}"
            along = belongings.get(column.name, ())
            if along:
                message += f"; with it goes {', '.join(map(describe, along))}"
            severity: Severity = "warning" if column.is_filled_by_engine else "error"
            yield Difference(
                "BL202", severity, pair, message, left.name, column.name,
                "no column", column.type.text, column, along=along,
            )  # fmt: skip


def compare_order(
    pair: Pair, table: str, left: Iterable[str], right: Iterable[str]
) -> Iterator[Difference]:
    """Yield one difference if the names both sides have stand in another order."""
    lefts, rights = list(left), list(right)
    common = [name for name in lefts if name in rights]
    other = [name for name in rights if name in lefts]
    if common != other and not (pair in WORDS and _is_appended(common, other)):
        message = f"the columns of {table} stand in another order"
        yield Difference(
            "BL212", "info", pair, message, table, left=", ".join(common), right=", ".join(other)
        )


def _is_appended(left: Sequence[str], right: Sequence[str]) -> bool:
    """Tell whether one column was appended on one side, as ADD COLUMN does: nobody can mend it."""
    return any(
        [name for name in left if name != last] == [name for name in right if name != last]
        for last in (left[-1], right[-1])
    )
