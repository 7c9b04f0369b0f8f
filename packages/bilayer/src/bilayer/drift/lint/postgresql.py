"""Rules for PostgreSQL: what makes others wait for a look at every row, or for a rewrite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bilayer.drift.lint import advice
from bilayer.drift.lint.steps import Recorded, Step
from bilayer.drift.lint.verdicts import Verdict, column_of

_VARYING: Final = re.compile(r"(?:character varying|varchar)\((\d+)\)", re.IGNORECASE)
_DECIMAL: Final = re.compile(r"(?:numeric|decimal)\((\d+),\s*(\d+)\)", re.IGNORECASE)


def judge(revision: Recorded) -> Iterator[Verdict]:
    """Judge a revision by what PostgreSQL would lock."""
    for step in revision.on_existing():
        judged = _RULES.get(step.kind)
        if judged is not None:
            yield from judged(step)
    yield from _judge_validation(revision)


def _create_index(step: Step) -> Iterator[Verdict]:
    if not step.get("is_concurrent"):
        message = f"nobody can write to {step.table} while the index {step.get('name')} is built"
        yield Verdict("BL601", "error", step, message, advice.build_index_concurrently(step))
    elif not step.is_autocommitted:
        message = f"the index {step.get('name')} cannot be built concurrently in a transaction"
        yield Verdict("BL603", "error", step, message, advice.build_index_concurrently(step))


def _drop_index(step: Step) -> Iterator[Verdict]:
    if not step.get("is_concurrent"):
        message = f"the table of {step.get('name')} is locked until everybody has finished with it"
        yield Verdict("BL602", "warning", step, message, advice.drop_index_concurrently(step))
    elif not step.is_autocommitted:
        message = f"the index {step.get('name')} cannot be dropped concurrently in a transaction"
        yield Verdict("BL603", "error", step, message, advice.drop_index_concurrently(step))


def _add_constraint(step: Step) -> Iterator[Verdict]:
    kind, name = step.get("constraint"), step.get("name") or "the constraint"
    if kind == "foreign_key" and not step.get("is_not_valid"):
        message = f"both tables of {name} are locked for writers while every row is looked up"
        yield Verdict("BL604", "error", step, message, advice.add_foreign_key(step))
    elif kind == "check" and not step.get("is_not_valid"):
        message = f"nobody can use {step.table} while every row is checked for {name}"
        yield Verdict("BL605", "error", step, message, advice.add_check(step))
    elif kind in ("unique", "primary_key") and not step.get("uses_index"):
        message = f"nobody can use {step.table} while the index of {name} is built"
        yield Verdict("BL606", "error", step, message, advice.add_unique(step))
    elif kind == "exclude":
        message = f"nobody can use {step.table} while the index of {name} is built"
        yield Verdict("BL606", "error", step, message)


def _alter_column(step: Step) -> Iterator[Verdict]:
    if step.get("is_required"):
        message = f"nobody can use {step.table} while each row is looked at for {column_of(step)}"
        yield Verdict("BL607", "error", step, message, advice.set_not_null(step))
    kind = step.get("type")
    if kind is not None and not _only_widens(step.get("old_type"), kind):
        message = f"nobody can use {step.table} while it is rewritten for {column_of(step)}: {kind}"
        yield Verdict("BL610", "error", step, message, advice.expand_and_contract(step))


def _only_widens(old: str | None, new: str) -> bool:
    """Tell whether a type takes all that another takes, stored as it is: no row is looked at."""
    if old is None:
        return False
    before, after = _VARYING.fullmatch(old), _VARYING.fullmatch(new)
    if before and after:
        return int(before[1]) <= int(after[1])
    if before and new.lower() == "text":
        return True
    exact, wider = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    if exact and wider:
        return exact[2] == wider[2] and int(exact[1]) <= int(wider[1])
    return old.lower() == new.lower()


def _add_column(step: Step) -> Iterator[Verdict]:
    grounds = {
        "is_volatile": "its default is another one for each row",
        "is_computed": "it is computed for each row",
        "is_serial": "each row gets a number",
        "is_identity": "each row gets a number",
    }
    for fact, ground in grounds.items():
        if step.get(fact):
            message = (
                f"nobody can use {step.table} while it is rewritten for {column_of(step)}: {ground}"
            )
            yield Verdict("BL609", "error", step, message, advice.add_then_fill(step))
            break
    if step.get("has_reference"):
        message = f"both tables are locked for writers while {column_of(step)} gets its foreign key"
        yield Verdict("BL604", "error", step, message, advice.add_foreign_key(step))
    if str(step.get("type") or "").lower() == "json":
        message = f"{column_of(step)} is json, which has no equality: DISTINCT and = fail"
        yield Verdict("BL616", "warning", step, message)


def _write_rows(step: Step) -> Iterator[Verdict]:
    if step.get("is_cascading"):
        message = f"every table that refers to {step.table} is emptied too"
        yield Verdict("BL621", "warning", step, message, advice.truncate_by_name(step))


def _change_enum(step: Step) -> Iterator[Verdict]:
    enum = step.get("enum")
    if step.get("change") == "rename":
        message = f"the release that runs still uses the old word of {enum}"
        yield Verdict("BL623", "warning", step, message, advice.replace_enum_value(step))
    elif step.get("change") == "add" and not step.get("is_placed"):
        message = f"the new word of {enum} goes to the end, wherever the models have it"
        yield Verdict("BL622", "warning", step, message, advice.place_enum_value(step))


def _judge_validation(revision: Recorded) -> Iterator[Verdict]:
    """Look for a constraint that is validated where it is added: the first lock is still held."""
    added = {step.table for step in revision.steps if step.get("is_not_valid")}
    for step in revision.steps:
        if step.get("is_validation") and step.table in added and not step.is_autocommitted:
            message = (
                f"{step.get('name')} is validated in the transaction that adds it, so that nobody"
                f" can use {step.table} meanwhile after all"
            )
            yield Verdict("BL605", "error", step, message)


_RULES = {
    "create_index": _create_index,
    "drop_index": _drop_index,
    "add_constraint": _add_constraint,
    "alter_column": _alter_column,
    "add_column": _add_column,
    "write_rows": _write_rows,
    "other": _change_enum,
}
