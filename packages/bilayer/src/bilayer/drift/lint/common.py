"""Rules that hold on every engine: what breaks the release that runs, or cannot be undone."""

from __future__ import annotations

from collections.abc import Iterator

from bilayer.drift.lint import advice
from bilayer.drift.lint.steps import Recorded, Step
from bilayer.drift.lint.verdicts import Verdict, column_of

_SCHEMA = frozenset(
    {
        "add_column",
        "drop_column",
        "alter_column",
        "create_index",
        "drop_index",
        "add_constraint",
        "drop_constraint",
        "rename_table",
        "drop_table",
    }
)


def judge(revision: Recorded) -> Iterator[Verdict]:
    """Judge a revision by what matters anywhere."""
    for step in revision.on_existing():
        yield from _judge_step(step)
    yield from _judge_mixture(revision)


def _judge_step(step: Step) -> Iterator[Verdict]:
    if step.kind == "add_column" and step.get("is_required") and step.get("default") is None:
        message = (
            f"{column_of(step)} is NOT NULL and has no default: it fails on a table with rows, and"
            " the release that runs cannot insert"
        )
        yield Verdict("BL608", "error", step, message, advice.add_then_fill(step))
    if step.kind == "alter_column" and step.get("new_name"):
        message = f"{column_of(step)} is renamed while the release that runs still uses its name"
        yield Verdict("BL611", "warning", step, message, advice.expand_and_contract(step))
    if step.kind == "rename_table":
        message = f"{step.table} is renamed while the release that runs still uses its name"
        yield Verdict("BL612", "warning", step, message)
    if step.kind == "drop_column":
        message = f"{column_of(step)} goes, with its values; does no running release use it?"
        yield Verdict("BL613", "warning", step, message)
    if step.kind == "drop_table":
        message = f"{step.table} goes, with its rows; does no running release use it?"
        yield Verdict("BL614", "warning", step, message)


def _judge_mixture(revision: Recorded) -> Iterator[Verdict]:
    """Look for rows and schema that are changed together."""
    existing = revision.on_existing()
    writes = [step for step in existing if step.kind == "write_rows"]
    changed = next((step for step in existing if step.kind in _SCHEMA), None)
    if writes and changed is not None:
        message = (
            f"rows are written in the revision that changes {changed.table}: its locks are held as"
            " long as that takes, and both are undone together"
        )
        yield Verdict("BL615", "warning", writes[0], message)
