"""Rules for SQLite: what fails on a table with rows, and what copies it."""

from __future__ import annotations

from collections.abc import Iterator

from bilayer.drift.lint.steps import Recorded
from bilayer.drift.lint.verdicts import Verdict, column_of

_NEEDS_A_COPY = frozenset({"alter_column", "add_constraint", "drop_constraint"})


def judge(revision: Recorded) -> Iterator[Verdict]:
    """Judge a revision by what SQLite can do and what it has to copy."""
    for step in revision.on_existing():
        default = step.get("default") or ""
        if step.kind == "add_column" and ("(" in default or "CURRENT_" in default.upper()):
            message = f"SQLite adds no column to a table with rows whose default is an expression: {column_of(step)}"  # noqa: E501
            yield Verdict("BL618", "error", step, message)
        elif step.kind in _NEEDS_A_COPY:
            message = f"SQLite copies all of {step.table} for this, and lets nobody write meanwhile"
            yield Verdict("BL619", "info", step, message)
