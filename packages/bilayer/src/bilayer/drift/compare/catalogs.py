"""Two schemas of one engine against each other: models, migrations and databases.

Names of constraints are not compared: engines make them up and cut them off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from bilayer.drift.compare.constraints import compare_constraints
from bilayer.drift.compare.spelling import canonical_default, canonical_expression
from bilayer.drift.findings import Difference, Pair
from bilayer.drift.kinds import Severity, affinity
from bilayer.drift.snapshot import Column, Schema, Table, Type

WORDS: Final[dict[str, tuple[str, str]]] = {
    "models-migrations": ("the models", "the migrations"),
    "migrations-database": ("the migrations", "the database"),
}


def compare_catalogs(pair: Pair, left: Schema, right: Schema) -> Iterator[Difference]:
    """Yield every difference between two schemas built by the same engine."""
    right_by_case = {name.lower(): name for name in right.tables}
    for name, table in left.tables.items():
        other = right.tables.get(name)
        if other is None:
            yield _missing_table(pair, left.engine, table, right_by_case.get(name.lower()))
        else:
            yield from _compare_tables(pair, left.engine, table, other)
    known = {name.lower() for name in left.tables}
    for name, table in right.tables.items():
        if name not in left.tables and name.lower() not in known:
            words = WORDS[pair]
            message = f"table {name} is in {words[1]} and not in {words[0]}"
            yield Difference(
                "BL201", "warning", pair, message, name, left="no table", right="table", item=table
            )


def _missing_table(pair: Pair, engine: str, table: Table, other_case: str | None) -> Difference:
    words = WORDS[pair]
    if other_case is not None:
        message = f"table {table.name} is called {other_case} in {words[1]}"
        severity: Severity = "info" if engine == "sqlite" else "error"
        return Difference(
            "BL203", severity, pair, message, table.name, left=table.name, right=other_case
        )
    message = f"table {table.name} is in {words[0]} and not in {words[1]}"
    return Difference(
        "BL201", "error", pair, message, table.name, left="table", right="no table", item=table
    )


def _compare_tables(pair: Pair, engine: str, left: Table, right: Table) -> Iterator[Difference]:
    yield from _compare_columns(pair, engine, left, right)
    yield from compare_constraints(pair, WORDS[pair], engine, left, right)
    if (left.comment or "") != (right.comment or ""):
        yield Difference(
            "BL213", "info", pair, f"the comments of table {left.name} differ", left.name,
            left=left.comment or "no comment", right=right.comment or "no comment", item=left,
        )  # fmt: skip


def _compare_columns(pair: Pair, engine: str, left: Table, right: Table) -> Iterator[Difference]:
    yield from _missing_columns(pair, engine, left, right)
    for column in left.columns:
        other = right.column(column.name)
        if other is not None:
            yield from _compare_column(_Place(pair, engine, left.name), column, other)
    yield from compare_order(
        pair, left.name, [c.name for c in left.columns], [c.name for c in right.columns]
    )


def _missing_columns(pair: Pair, engine: str, left: Table, right: Table) -> Iterator[Difference]:
    words = WORDS[pair]
    case_severity: Severity = "error" if engine == "postgresql" else "info"
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
            severity: Severity = "warning" if column.is_filled_by_engine else "error"
            yield Difference(
                "BL202", severity, pair, message, left.name, column.name,
                "no column", column.type.text, column,
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


class _Place:
    """Where a comparison stands, so that each difference is one short call."""

    def __init__(self, pair: Pair, engine: str, table: str) -> None:
        self.pair, self.engine, self.table = pair, engine, table

    def differ(  # noqa: PLR0917 - a call reads as a row: code, severity, what, sides
        self, code: str, severity: Severity, what: str, column: Column, left: Any, right: Any
    ) -> Difference:
        message = f"{what} of {self.table}.{column.name} differs"
        if what.endswith("s"):
            message = message.removesuffix("s")
        return Difference(
            code, severity, self.pair, message, self.table, column.name,
            _show(left), _show(right), column,
        )  # fmt: skip


def _show(value: Any) -> str:
    return "none" if value is None or value == "" else str(value)


def _compare_column(place: _Place, left: Column, right: Column) -> Iterator[Difference]:
    yield from _compare_types(place, left, right)
    if left.nullable != right.nullable and not (left.autoincrement or right.autoincrement):
        words = {True: "NULL", False: "NOT NULL"}
        severity: Severity = "error" if left.nullable else "warning"
        yield place.differ(
            "BL209", severity, "the nullability", left, words[left.nullable], words[right.nullable]
        )
    if _default(left) != _default(right):
        yield place.differ(
            "BL210", "warning", "the server default", left, left.default, right.default
        )
    if left.autoincrement != right.autoincrement:
        words = {True: "numbered by the engine", False: "not numbered"}
        severity = "error" if left.autoincrement else "warning"
        yield place.differ(
            "BL217", severity, "the numbering", left,
            words[left.autoincrement], words[right.autoincrement],
        )  # fmt: skip
    elif left.is_always_numbered != right.is_always_numbered:
        words = {True: "GENERATED ALWAYS", False: "a number may be given"}
        severity = "error" if right.is_always_numbered else "warning"
        yield place.differ(
            "BL217", severity, "the numbering", left,
            words[left.is_always_numbered], words[right.is_always_numbered],
        )  # fmt: skip
    yield from _compare_generated(place, left, right)
    if (left.comment or "") != (right.comment or ""):
        yield place.differ("BL213", "info", "the comment", left, left.comment, right.comment)


def _compare_generated(place: _Place, left: Column, right: Column) -> Iterator[Difference]:
    severity: Severity = "error" if right.generated else "warning"
    if canonical_expression(left.generated or "") != canonical_expression(right.generated or ""):
        yield place.differ(
            "BL215", severity, "the expression", left, left.generated, right.generated
        )
    elif left.is_persisted != right.is_persisted:
        words = {True: "STORED", False: "VIRTUAL"}
        severity = "info" if place.engine == "sqlite" else "warning"
        yield place.differ(
            "BL215", severity, "the storage", left,
            words[left.is_persisted], words[right.is_persisted],
        )  # fmt: skip


def _default(column: Column) -> str | None:
    return canonical_default(column.default, column.type.family)


def _compare_types(place: _Place, left: Column, right: Column) -> Iterator[Difference]:
    one, two = left.type, right.type
    if (one.family, one.physical) != (two.family, two.physical) or _is_foreign(one, two):
        severity = _mismatch_severity(place.engine, one, two)
        yield place.differ("BL204", severity, "the type", left, one.text, two.text)
        return
    is_sqlite = place.engine == "sqlite"
    details = list(_list_details(one, two))
    if not details and one.native != two.native and one.native and two.native:
        yield place.differ("BL204", "warning", "the type", left, one.native, two.native)
    for code, what, severity in details:
        is_inert = is_sqlite and code in _INERT_ON_SQLITE
        yield place.differ(code, "info" if is_inert else severity, what, left, one.text, two.text)


_INERT_ON_SQLITE: Final = frozenset({"BL205", "BL206", "BL207"})


def _list_details(one: Type, two: Type) -> Iterator[tuple[str, str, Severity]]:
    """Yield code, words and severity of each detail in which two types of a kind differ."""
    if one.length != two.length:
        yield "BL205", "the length", "warning"
    if one.family == "numeric" and (one.precision, one.scale) != (two.precision, two.scale):
        yield "BL206", "the precision", "warning" if _holds(two, one) else "error"
    if one.fraction != two.fraction:
        yield "BL206", "the precision", "warning"
    if (one.bits, one.unsigned) != (two.bits, two.unsigned):
        is_wider = (two.bits or 0) > (one.bits or 0) and one.unsigned == two.unsigned
        yield "BL207", "the width", "warning" if is_wider else "error"
    if one.timezone != two.timezone:
        yield "BL208", "the time zone", "error"
    if one.collation != two.collation:
        yield "BL214", "the collation", "warning"
    if one.values != two.values:
        yield "BL216", "the values", "info" if set(one.values) == set(two.values) else "error"


def _holds(wide: Type, narrow: Type) -> bool:
    """Tell whether every number of the narrow type fits into the wide one."""
    if wide.precision is None:
        return True
    if narrow.precision is None:
        return False
    wide_scale, narrow_scale = wide.scale or 0, narrow.scale or 0
    is_long = wide.precision - wide_scale >= narrow.precision - narrow_scale
    return wide_scale >= narrow_scale and is_long


def _is_foreign(one: Type, two: Type) -> bool:
    """Tell whether two types bilayer has no family for are not the same."""
    return one.family in ("unknown", "array") and one.text != two.text


def _mismatch_severity(engine: str, one: Type, two: Type) -> Severity:
    if engine == "sqlite" and affinity(one) == affinity(two):
        return "info"
    is_text = {one.physical, two.physical} <= {"string", "text"}
    is_document = {one.physical, two.physical} == {"json", "jsonb"}
    return "warning" if is_text or is_document else "error"
