"""Rules for MariaDB and MySQL: what copies a table, and what is left when a revision is killed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bilayer.drift.lint import advice
from bilayer.drift.lint.steps import Recorded, Step
from bilayer.drift.lint.verdicts import Verdict, column_of

_VARYING: Final = re.compile(r"varchar\((\d+)\)", re.IGNORECASE)
_SHORT: Final = 255 // 4
"""So many characters of utf8mb4 have their length in one byte; longer texts have it in two."""

_UNDONE_BY_NOBODY = frozenset(
    {
        "create_table",
        "drop_table",
        "add_column",
        "drop_column",
        "create_index",
        "drop_index",
        "add_constraint",
        "drop_constraint",
    }
)


def judge(revision: Recorded) -> Iterator[Verdict]:
    """Judge a revision by what MariaDB and MySQL would copy or leave behind."""
    for step in revision.on_existing():
        yield from _judge_step(step)
    yield from _judge_pieces(revision)


def _judge_step(step: Step) -> Iterator[Verdict]:
    kind = step.get("type") if step.kind == "alter_column" else None
    if kind is not None and not _only_widens(step.get("old_type"), kind):
        message = f"nobody can write to {step.table} while it is copied for {column_of(step)}"
        yield Verdict("BL610", "error", step, message, advice.expand_and_contract(step))
    elif step.kind == "alter_column" and step.get("is_required"):
        message = f"{step.table} is rebuilt, and rows without {column_of(step)} make it fail"
        yield Verdict("BL607", "error", step, message)
    if step.kind == "add_constraint" and step.get("constraint") in ("foreign_key", "check"):
        code = "BL604" if step.get("constraint") == "foreign_key" else "BL605"
        name = step.get("name") or "the constraint"
        message = f"nobody can write to {step.table} while it is copied for {name}"
        yield Verdict(code, "error", step, message, _in_place(step))
    if step.kind == "add_column" and step.get("is_computed"):
        message = f"nobody can write to {step.table} while it is copied for {column_of(step)}"
        yield Verdict("BL609", "error", step, message)


def _only_widens(old: str | None, new: str) -> bool:
    """Tell whether a type takes all that another takes, stored as it is: no row is looked at."""
    before, after = _VARYING.fullmatch(old or ""), _VARYING.fullmatch(new)
    if before and after:
        short, long = int(before[1]), int(after[1])
        return short <= long and (short <= _SHORT) == (long <= _SHORT)
    return old is not None and old.lower() == new.lower()


def _in_place(step: Step) -> str | None:
    if step.get("constraint") != "foreign_key":
        return None
    return (
        'op.execute("SET SESSION foreign_key_checks = 0")  # rows are not looked up: do it before\n'
        f'op.execute("ALTER TABLE {step.table} ADD CONSTRAINT {step.get("name") or "<name>"}'
        ' FOREIGN KEY (...) REFERENCES ... (...), ALGORITHM=INPLACE, LOCK=NONE")\n'
        'op.execute("SET SESSION foreign_key_checks = 1")'
    )


def _judge_pieces(revision: Recorded) -> Iterator[Verdict]:
    """Look for a revision that cannot be run again if it was killed between two statements."""
    pieces = [
        step
        for step in revision.steps
        if step.kind in _UNDONE_BY_NOBODY and not step.get("is_continued")
    ]
    if len(pieces) < 2:  # noqa: PLR2004 - one statement is all or nothing
        return
    bare = next((step for step in pieces[:-1] if not step.get("is_guarded")), None)
    if bare is not None:
        message = (
            f"{len(pieces)} statements commit one by one: if the revision is killed after this one,"
            " it fails when it is run again"
        )
        fix = "op.create_table(..., if_not_exists=True)  # or one statement in each revision"
        yield Verdict("BL617", "warning", bare, message, fix)
