"""What a rule says of a step, and what several engines' rules share."""

from __future__ import annotations

import dataclasses

from bilayer.drift.kinds import Severity
from bilayer.drift.lint.steps import Step


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a step.

    Attributes:
        code: Of the catalogue.
        severity: ``error``: others wait, or it fails. ``warning``: it can be right.
        step: Which.
        message: In one sentence.
        fix: The safe way, as Alembic calls; None if there is nothing to write.
    """

    code: str
    severity: Severity
    step: Step
    message: str
    fix: str | None = None


def column_of(step: Step) -> str:
    """Name the column of a step as people write it."""
    return f"{step.table}.{step.get('name')}"
