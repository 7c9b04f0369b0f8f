"""A constraint or index that both sides have: its name, and whether it is finished and kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bilayer.drift.compare.names import Constraint, pair_names
from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.findings import Difference, Pair
from bilayer.drift.kinds import Severity


def compare_states(
    pair: Pair, engine: str, table: str, left: Sequence[Constraint], right: Sequence[Constraint]
) -> Iterator[Difference]:
    """Yield how constraints differ that mean the same.

    Args:
        pair: The pair that is compared.
        engine: The engine of both sides.
        table: The table they belong to.
        left: What means the same on the left side, usually one.
        right: What means the same on the right side.
    """
    for item, other in pair_names(left, right, engine):
        yield _differ(
            pair, "BL310", "info", f"{item.name} of {table} has another name",
            table, item, other, str(item.name), str(other.name),
        )  # fmt: skip
    item = left[0]
    other = next((each for each in right if each.name == item.name), right[0])
    if item.is_valid != other.is_valid:
        yield _validity_differs(pair, table, item, other)
    if isinstance(item, ForeignKey) and isinstance(other, ForeignKey):
        yield from _compare_enforcement(pair, table, item, other)
    if isinstance(item, Unique) and isinstance(other, Unique):
        is_pending = engine == "postgresql" and item.name == other.name
        if is_pending and other.is_index and other.is_valid and not item.is_index:
            message = f"{item.name} of {table} is an index that is not yet made a constraint"
            sides = ("constraint", "unique index")
            yield _differ(pair, "BL307", "info", message, table, item, other, *sides)


def _validity_differs(pair: Pair, table: str, item: Constraint, other: Constraint) -> Difference:
    if isinstance(item, Index | Unique):
        words = {True: "built", False: "INVALID"}
        code, message = "BL308", f"index {item.name} of {table} was not built to the end"
    else:
        words = {True: "validated", False: "NOT VALID"}
        code, message = "BL307", f"constraint {item.name} of {table} is not validated"
    sides = (words[item.is_valid], words[other.is_valid])
    return _differ(pair, code, "warning", message, table, item, other, *sides)


def _compare_enforcement(
    pair: Pair, table: str, item: ForeignKey, other: ForeignKey
) -> Iterator[Difference]:
    if item.is_enforced != other.is_enforced:
        words = {True: "enforced", False: "triggers disabled"}
        message = f"the foreign key of {table} to {item.target} is not enforced on one side"
        sides = (words[item.is_enforced], words[other.is_enforced])
        yield _differ(pair, "BL311", "warning", message, table, item, other, *sides)


def _differ(  # noqa: PLR0917 - a call reads as a row
    pair: Pair,
    code: str,
    severity: Severity,
    message: str,
    table: str,
    item: Constraint,
    other: Constraint,
    left: str,
    right: str,
) -> Difference:
    columns = () if isinstance(item, Check) else item.columns
    column = columns[0] if len(columns) == 1 else None
    return Difference(code, severity, pair, message, table, column, left, right, item, other=other)
