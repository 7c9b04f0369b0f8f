"""What a rehearsal says of a revision, and how a failure is to be understood. Runs nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bilayer.drift.kinds import Severity
from bilayer.drift.rehearsal.catalog import Catalog
from bilayer.drift.rehearsal.player import Step
from bilayer.drift.rehearsal.rows import Change
from bilayer.drift.snapshot import Place

_LISTED: Final = 12
_ABOUT_VALUES: Final = re.compile(
    # SQLSTATE: not unique, no parent, a check, an exclusion, and values that do not convert.
    r"23505|23503|23514|23P01|22\w{3}"
    # MariaDB and MySQL: the same.
    r"|1062|1169|1452|1264|1265|1292|1366|1406|3819|4025"
    # SQLite has words only.
    r"|(?:UNIQUE|CHECK|FOREIGN KEY) constraint failed.*",
    re.DOTALL,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Something a revision does, in one direction."""

    code: str
    severity: Severity
    step: Step
    message: str
    table: str | None = None
    column: str | None = None
    is_upgrade: bool = True
    place: Place | None = None


def is_about_values(code: str) -> bool:
    """Values were refused, which may be others in production than those made up.

    Args:
        code: The engine's; empty if the revision's own code stopped, which had read some.
    """
    return not code or _ABOUT_VALUES.fullmatch(code) is not None


def judge_rows(
    step: Step, changes: Iterable[Change], writes: Sequence[str], *, is_upgrade: bool
) -> Iterator[Verdict]:
    """Judge what became of rows that were there before.

    Args:
        step: The revision that ran.
        changes: What became of them.
        writes: The tables whose rows it wrote by itself.
        is_upgrade: It ran upwards.
    """
    gone = []
    for change in changes:
        if change.kind in ("column-gone", "table-gone"):
            gone.append(f"{change.table}.{change.column}" if change.column else change.table)
            continue
        place = f"{change.table}.{change.column}" if change.column else change.table
        is_meant = change.table in {name.rpartition(".")[2] for name in writes} | set(writes)
        direction = f"the {'upgrade' if is_upgrade else 'downgrade'} of {step.revision}"
        if change.column:
            verb = "is written anew by" if is_meant else "does not survive"
            message = f"what was in {place} {verb} {direction}: {change.detail}"
            severity: Severity = "info" if is_meant else "error"
        else:
            message = f"the rows of {place} do not all survive {direction}: {change.detail}"
            severity = "warning" if is_meant else "error"
        yield Verdict("BL708", severity, step, message, change.table, change.column, is_upgrade)
    if gone:
        yield _judge_gone(step, gone, is_upgrade=is_upgrade)


def _judge_gone(step: Step, gone: Sequence[str], *, is_upgrade: bool) -> Verdict:
    listed = ", ".join(sorted(gone))
    if is_upgrade:
        message = (
            f"revision {step.revision} drops {listed} with what was in it: the downgrade brings"
            " the place back, and not the values"
        )
        return Verdict("BL709", "warning", step, message)
    is_column = any("." in name for name in gone)
    message = (
        f"the downgrade of {step.revision} drops {listed}: what was written there since the"
        " upgrade is lost"
    )
    severity: Severity = "warning" if is_column else "info"
    return Verdict("BL710", severity, step, message, is_upgrade=False)


def judge_new_uniques(step: Step, before: Catalog, after: Catalog) -> Iterator[Verdict]:
    """Say of a new unique on columns that were there that made-up rows decide nothing."""
    for name, table in after.schema.tables.items():
        old = before.schema.tables.get(name)
        if old is None:
            continue
        known = {unique.columns for unique in old.uniques} | {old.primary_key}
        for unique in table.uniques:
            if unique.columns in known or any(old.column(each) is None for each in unique.columns):
                continue
            columns = ", ".join(unique.columns)
            message = (
                f"revision {step.revision} makes ({columns}) of {name} unique. Made-up rows all"
                " differ there; whether those in production do cannot be decided here"
            )
            yield Verdict("BL703", "info", step, message, name)


def judge_implicit_values(step: Step, before: Catalog, after: Catalog) -> Iterator[Verdict]:
    """Say where MariaDB made up a value, which others refuse, for rows that were there."""
    if after.schema.engine != "mysql":
        return
    for name, old in before.schema.tables.items():
        now = after.schema.tables.get(name)
        for column in now.columns if now else ():
            if old.column(column.name) is None and not column.is_filled_by_engine:
                message = (
                    f"revision {step.revision} adds {name}.{column.name} as NOT NULL and without a"
                    " default: the rows that are there get '', 0 or a zero date"
                )
                yield Verdict("BL715", "warning", step, message, name, column.name)


def list_briefly(differences: Sequence[str]) -> str:
    """List differences, and count those that are too many."""
    rest = len(differences) - _LISTED
    said = "; ".join(differences[:_LISTED])
    return f"{said}; and {rest} more" if rest > 0 else said
