"""What was expected against what was found: recall, precision, and both lists of shame."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from bilayer.drift.findings import Finding
from scripts.bench.drift.cases import Wanted


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """One case, tried once.

    Attributes:
        source: Which source was mutated.
        missed: What had to be said and was not.
        wrong: What was said and should not have been.
        found: How many findings were right.
        error: Why it could not be tried; counts as a miss.
        alembic: Whether Alembic's own comparison saw it, by mode; ``None`` if it was not asked.
    """

    group: str
    name: str
    engine: str
    source: str
    missed: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    found: int = 0
    error: str | None = None
    alembic: dict[str, bool] | None = None

    @property
    def is_right(self) -> bool:
        """Everything was said, and nothing else."""
        return not (self.missed or self.wrong or self.error)

    @property
    def title(self) -> str:
        """The case in one line."""
        return f"{self.engine}, {self.source}: {self.group}, {self.name}"


def judge(wanted: Sequence[Wanted], findings: Iterable[Finding]) -> dict[str, Any]:
    """Match findings with what was expected, each at most once."""
    open_ = list(wanted)
    wrong: list[str] = []
    found = 0
    for finding in findings:
        match = next((each for each in open_ if each.is_met_by(finding)), None)
        if match is None:
            wrong.append(tell(finding))
        else:
            open_.remove(match)
            found += 1
    return {"missed": tuple(map(str, open_)), "wrong": tuple(wrong), "found": found}


def tell(finding: Finding) -> str:
    """Write a finding down in short."""
    return f"{finding.pair} {finding.code} {finding.place} {finding.severity}: {finding.message}"


def tally(scores: Iterable[Score], by: str) -> dict[str, dict[str, Any]]:
    """Count by class or engine: how much of what was expected came, how much of what came was."""
    groups: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        groups[getattr(score, by)].append(score)
    return {name: rate(listed) for name, listed in sorted(groups.items())}


def rate(scores: Sequence[Score]) -> dict[str, Any]:
    """Return recall and precision in per cent; one that nothing speaks against is 100."""
    found = sum(score.found for score in scores)
    missed = sum(len(score.missed) or bool(score.error) for score in scores)
    wrong = sum(len(score.wrong) for score in scores)
    return {
        "cases": len({(score.group, score.name) for score in scores}),
        "trials": len(scores),
        "recall": _percent(found, missed),
        "precision": _percent(found, wrong),
    }


def _percent(right: int, wrong: int) -> float:
    return round(100 * right / (right + wrong), 1) if right + wrong else 100.0
