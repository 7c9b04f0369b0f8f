"""One column on two sides of one engine: type, nullability, default, numbering, expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bilayer.drift.compare.spelling import canonical_default, canonical_expression
from bilayer.drift.compare.storage import Collations, same_collation
from bilayer.drift.findings import Difference, Pair
from bilayer.drift.kinds import Severity, affinity
from bilayer.drift.snapshot import Column, Type


class ColumnPlace:
    """Where a comparison stands, so that each difference is one short call."""

    def __init__(self, pair: Pair, engine: str, table: str, usual: Collations) -> None:
        self.pair, self.engine, self.table, self.usual = pair, engine, table, usual

    def differ(  # noqa: PLR0917 - a call reads as a row: code, severity, what, sides
        self, code: str, severity: Severity, what: str, column: Column, left: Any, right: Any
    ) -> Difference:
        """Make a difference between the two sides of a column."""
        message = f"{what} of {self.table}.{column.name} differs"
        if what.endswith("s"):
            message = message.removesuffix("s")
        return Difference(
            code, severity, self.pair, message, self.table, column.name,
            _show(left), _show(right), column,
        )  # fmt: skip


def _show(value: Any) -> str:
    return "none" if value is None or value == "" else str(value)


def compare_column(place: ColumnPlace, left: Column, right: Column) -> Iterator[Difference]:
    """Yield every difference between two columns of one name."""
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
    if left.on_update != right.on_update:
        yield place.differ(
            "BL210", "warning", "the value on update", left, left.on_update, right.on_update
        )
    if left.is_invisible != right.is_invisible:
        words = {True: "INVISIBLE", False: "visible"}
        yield place.differ(
            "BL218", "warning", "the visibility", left,
            words[left.is_invisible], words[right.is_invisible],
        )  # fmt: skip
    yield from _compare_numbering(place, left, right)
    yield from _compare_generated(place, left, right)
    if (left.comment or "") != (right.comment or ""):
        yield place.differ("BL213", "info", "the comment", left, left.comment, right.comment)


def _compare_numbering(place: ColumnPlace, left: Column, right: Column) -> Iterator[Difference]:
    if left.autoincrement != right.autoincrement:
        words = {True: "numbered by the engine", False: "not numbered"}
        severity: Severity = "error" if left.autoincrement else "warning"
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
    elif left.numbering != right.numbering:
        yield place.differ(
            "BL217", "warning", "the numbering", left,
            left.numbering or "as usual", right.numbering or "as usual",
        )  # fmt: skip


def _compare_generated(place: ColumnPlace, left: Column, right: Column) -> Iterator[Difference]:
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


def _compare_types(place: ColumnPlace, left: Column, right: Column) -> Iterator[Difference]:
    one, two = left.type, right.type
    if (one.family, one.physical) != (two.family, two.physical) or _is_foreign(one, two):
        severity = _mismatch_severity(place.engine, one, two)
        yield place.differ("BL204", severity, "the type", left, one.text, two.text)
        return
    is_sqlite = place.engine == "sqlite"
    details = list(_list_details(one, two))
    if not same_collation(one.collation, two.collation, place.usual):
        # The text of a type leaves a collation out that is the table's.
        yield place.differ("BL214", "warning", "the collation", left, one.collation, two.collation)
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
    if one.values != two.values:
        yield "BL216", "the values", _judge_words(set(one.values), set(two.values))


def _judge_words(wanted: set[str], taken: set[str]) -> Severity:
    """Judge the words of an enum: whatever the left side may write, the right side has to take."""
    if wanted == taken:
        return "info"
    return "warning" if wanted < taken else "error"


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
