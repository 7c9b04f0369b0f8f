"""What a rule says of a step, and what several engines' rules share."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from bilayer.drift.kinds import Severity
from bilayer.drift.lint.steps import Step

_SIZED: Final = re.compile(r"(?:character varying|varchar|char)\((\d+)\)", re.IGNORECASE)
_DECIMAL: Final = re.compile(r"(?:numeric|decimal)\((\d+),\s*(\d+)\)", re.IGNORECASE)


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


def only_widens(old: str | None, new: str | None) -> bool:
    """Tell whether a type takes all that another takes, stored as it is: no row is looked at."""
    if old is None or new is None:
        return False
    before, after = _SIZED.fullmatch(old), _SIZED.fullmatch(new)
    if before and after:
        return int(before[1]) <= int(after[1])
    if before and new.lower() == "text":
        return True
    exact, wider = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    if exact and wider:
        return exact[2] == wider[2] and int(exact[1]) <= int(wider[1])
    return old.lower() == new.lower()


def column_of(step: Step) -> str:
    """Name the column of a step as people write it."""
    return f"{step.table}.{step.get('name')}"
