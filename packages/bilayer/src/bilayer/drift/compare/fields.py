"""One column against one PyDAL field."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bilayer.drift.compare.place import RuntimePlace
from bilayer.drift.compare.spelling import canonical_constant, constant_default
from bilayer.drift.compare.words import compare_words
from bilayer.drift.constraints import ForeignKey
from bilayer.drift.findings import Difference
from bilayer.drift.kinds import Severity, judge, kind_of
from bilayer.drift.snapshot import (
    UNSET_LENGTH,
    Column,
    Field,
    Table,
)


def compare_field(
    place: RuntimePlace, table: Table, column: Column, field: Field
) -> Iterator[Difference]:
    """Yield the differences between a column and the field over it."""
    yield from _compare_types(place, column, field)
    yield from compare_words(place, column, field)
    if field.column not in table.primary_key:
        yield from _compare_nullability(place, column, field)
    yield from _compare_defaults(place, column, field)
    yield from _compare_unique(place, table, column, field)
    yield from _compare_reference(place, table, column, field)
    if field.type in ("id", "big-id"):
        yield from _compare_numbering(place, column, field)
    elif column.generated is not None:
        yield place.differ(
            "BL215", "error",
            f"column {place.name(column.name)} is generated, and PyDAL writes it",
            column.name, column.generated, field.type, column,
        )  # fmt: skip
    elif column.is_always_numbered:
        message = f"{place.name(column.name)} is GENERATED ALWAYS AS IDENTITY, and PyDAL writes it"
        yield place.differ(
            "BL217", "error", message, column.name, "always numbered", field.type, column
        )


def show_field(field: Field) -> str:
    """Write a field's type down for a message, with its length where PyDAL has one."""
    return f"string({field.length})" if field.type == "string" else field.type


def _compare_types(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    kind = _resolve_kind(place, field)
    if kind is None:
        return  # An unknown type or an undefined reference has a set-up finding of its own.
    verdict = judge(
        field, kind, column.type, adapter=place.runtime.adapter, engine=place.engine,
        is_catalog=place.pair == "runtime-database",
    )  # fmt: skip
    shown = show_field(field)
    if verdict is not None:
        message = f"{place.name(column.name)}: {verdict.reason}"
        yield place.differ(
            verdict.code, verdict.severity, message, column.name, column.type.text, shown, column
        )
    if verdict is None or verdict.code != "BL204":
        yield from _compare_details(place, column, field, shown)


def _resolve_kind(place: RuntimePlace, field: Field) -> str | None:
    """Follow a reference to a keyed table to the kind of the field it points to."""
    match = re.fullmatch(r"(?:big-)?reference\s+(\w+)(?:\.(\w+))?", field.type)
    if match is None:
        return kind_of(field.type)
    target = place.runtime.tables.get(match.group(1))
    if target is None:
        return None
    if match.group(2):
        pointed = next((f for f in target.fields if f.name == match.group(2)), None)
        return kind_of(pointed.type) if pointed else None
    if not place.is_native:
        return "integer"
    key = target.field(target.primary_key[0]) if len(target.primary_key) == 1 else None
    return kind_of(key.type) if key else None


def _compare_details(
    place: RuntimePlace, column: Column, field: Field, shown: str
) -> Iterator[Difference]:
    yield from _compare_lengths(place, column, field, shown)
    yield from _compare_precision(place, column, field, shown)
    yield from _compare_widths(place, column, field, shown)


def _compare_widths(
    place: RuntimePlace, column: Column, field: Field, shown: str
) -> Iterator[Difference]:
    """Compare 32 and 64 bits; PyDAL has no narrower integer that could be asked for."""
    is_narrow = field.type == "integer" and column.type.bits == 64  # noqa: PLR2004 - bits
    is_wide = field.type == "bigint" and (column.type.bits or 64) < 64  # noqa: PLR2004 - bits
    if column.type.family != "integer" or not (is_narrow or is_wide):
        return
    # What the column cannot hold the server refuses, or MariaDB cuts down for a stock adapter.
    severity: Severity = "info" if place.engine == "sqlite" else "error"
    if is_narrow:
        # Stock PyDAL sends any integer; only our own adapters check its range.
        severity = "warning" if place.is_native else "info"
    yield place.differ(
        "BL207", severity, f"the width of {place.name(column.name)} differs",
        column.name, column.type.text, shown, column,
    )  # fmt: skip


def _compare_lengths(
    place: RuntimePlace, column: Column, field: Field, shown: str
) -> Iterator[Difference]:
    if kind_of(field.type) != "text" or field.type == "text" or column.type.family != "string":
        return
    if field.length == column.type.length or column.type.length is None:
        return
    yield place.differ(
        "BL205", "info" if field.length in (UNSET_LENGTH, None) else "warning",
        f"the length of {place.name(column.name)} differs",
        column.name, column.type.text, shown, column,
    )  # fmt: skip


def _compare_precision(
    place: RuntimePlace, column: Column, field: Field, shown: str
) -> Iterator[Difference]:
    match = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", field.type)
    if match is None or column.type.family != "numeric" or column.type.precision is None:
        return
    digits = int(match.group(1)), int(match.group(2))
    scale = column.type.scale or 0
    if digits == (column.type.precision, scale):
        return
    # What PyDAL has more digits for is rounded on its way in. On its way out, only SQLite's
    # adapters go by the field's digits; ours keeps the number as an integer scaled by them.
    is_rounded = digits[1] > scale or (digits[1] < scale and place.engine == "sqlite")
    yield place.differ(
        "BL206", "error" if is_rounded else "warning",
        f"the precision of {place.name(column.name)} differs",
        column.name, column.type.text, shown, column,
    )  # fmt: skip


def _compare_nullability(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    if column.nullable != field.notnull or field.type in ("id", "big-id"):
        return
    if column.nullable:
        message = f"PyDAL calls {place.name(column.name)} NOT NULL, and the column may be NULL"
        yield place.differ("BL209", "info", message, column.name, "NULL", "notnull=True", column)
        return
    is_filled = column.is_filled_by_engine or field.has_default
    message = f"{place.name(column.name)} is NOT NULL, and PyDAL does not require it"
    if field.is_computed and not is_filled:
        message += ": an insert without what it computes the value from leaves it out"
    yield place.differ(
        "BL209", "info" if is_filled else "warning", message, column.name,
        "NOT NULL", "notnull=False", column,
    )  # fmt: skip


def _compare_defaults(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    constant = constant_default(column.default, column.type.family)
    if constant is not None and field.default is not None:
        family = column.type.family
        if canonical_constant(field.default, family) != canonical_constant(constant, family):
            yield place.differ(
                "BL210", "warning", f"the defaults of {place.name(column.name)} differ",
                column.name, column.default, f"default={field.default!r}", column,
            )  # fmt: skip
        return
    is_filled = field.has_default or field.is_computed
    never_fires = column.python_default and column.default is None and not is_filled
    if never_fires and field.type not in ("id", "big-id") and not column.autoincrement:
        message = f"the default= of {place.name(column.name)} runs in SQLAlchemy only"
        yield place.differ(
            "BL211", "warning", message, column.name, "default in Python", "no default", column
        )
    if column.python_onupdate and not field.has_update:
        message = f"the onupdate= of {place.name(column.name)} runs in SQLAlchemy only"
        yield place.differ(
            "BL211", "warning", message, column.name, "onupdate in Python", "no update", column
        )


def _compare_unique(
    place: RuntimePlace, table: Table, column: Column, field: Field
) -> Iterator[Difference]:
    keys = {unique.columns for unique in table.uniques} | {table.primary_key}
    is_unique = (column.name,) in keys
    if field.unique and not is_unique:
        message = f"PyDAL calls {place.name(column.name)} unique, and nothing keeps it so"
        yield place.differ(
            "BL302", "warning", message, column.name, "not unique", "unique=True", column
        )


def _compare_numbering(place: RuntimePlace, column: Column, field: Field) -> Iterator[Difference]:
    if column.is_filled_by_engine or column.type.family != "integer":
        return
    message = f"PyDAL leaves {place.name(column.name)} to the engine, which does not number it"
    yield place.differ("BL217", "error", message, column.name, "not numbered", field.type, column)


def _compare_reference(
    place: RuntimePlace, table: Table, column: Column, field: Field
) -> Iterator[Difference]:
    match = re.fullmatch(r"(?:big-)?reference\s+(\w+)(?:\.\w+)?", field.type)
    target = place.runtime.tables.get(match.group(1)) if match else None
    if target is None:
        return
    links = [link for link in table.foreign_keys if column.name in link.columns]
    if not links:
        message = f"PyDAL calls {place.name(column.name)} a reference, and no foreign key keeps it"
        yield place.differ(
            "BL304", "warning", message, column.name, "no foreign key", field.type, column
        )
        return
    if all(link.target != target.table for link in links):
        message = f"{place.name(column.name)} points to another table in PyDAL"
        yield place.differ(
            "BL304", "error", message, column.name, f"-> {links[0].target}", field.type, column
        )
        return
    yield from _compare_action(place, column, field, links[0])


def _compare_action(
    place: RuntimePlace, column: Column, field: Field, link: ForeignKey
) -> Iterator[Difference]:
    """Compare ``ondelete``; CASCADE is PyDAL's default, and its SQLite adapter acts on it."""
    declared = field.ondelete.replace("NO ACTION", "").replace("RESTRICT", "")
    enforced = link.ondelete.replace("RESTRICT", "")
    if declared == enforced:
        return
    is_emulated = place.runtime.adapter == "sqlite" and declared == "CASCADE"
    is_written = declared != "CASCADE"
    message = f"ON DELETE of {place.name(column.name)} differs"
    if is_emulated:
        message += ": PyDAL's SQLite adapter deletes the referring rows itself"
    yield place.differ(
        "BL306", "warning" if is_emulated or is_written else "info", message, column.name,
        f"ON DELETE {link.ondelete or 'NO ACTION'}", f"ondelete={field.ondelete!r}", column,
    )  # fmt: skip
