"""What a case is: something done to one source, and what has to be said about it.

Expectations are written by hand, from what a difference means to whoever runs the application,
and never from what the check says.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable

from bilayer.drift.findings import Finding
from scripts.bench.drift.edits import Edit
from scripts.bench.drift.schema import SHORT

ENGINES = ("lite", "pg", "my")
NOWHERE = "@"
"""The place of what belongs to no table."""
_SEVERITIES = {"E": "error", "W": "warning", "I": "info"}
_SHORT_PAIRS = {"models-migrations": "mm", "migrations-database": "md"}


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A finding that has to come."""

    pair: str
    code: str
    place: str
    severity: str

    def is_met_by(self, finding: Finding) -> bool:
        """Tell whether a finding says this."""
        return (
            finding.pair == self.pair
            and fnmatch.fnmatchcase(finding.code, self.code)
            and finding.place == self.place
            and finding.severity == self.severity
        )

    def __str__(self) -> str:
        return f"{self.pair} {self.code} {self.place} {self.severity}"


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A mutation of a catalog, or a change that is none.

    Attributes:
        group: The class of differences it belongs to; ``no-op`` if nothing may be said.
        wants: What has to be said, as ``code place severity``. ``E/W`` is an error where the
            mutated side is the one that has to follow, and a warning where it is the one that is
            followed (models before migrations before a database). ``lite=I`` says what it is on
            one engine, ``mm=I`` between models and migrations; ``lite=-`` that it is none.
        engines: Where it can be made.
    """

    name: str
    group: str
    edit: Edit
    wants: tuple[str, ...]
    engines: tuple[str, ...] = ENGINES

    def is_for(self, engine: str) -> bool:
        """Tell whether the case can be made on an engine."""
        return SHORT[engine] in self.engines

    def expect(self, engine: str, source: str) -> list[Wanted]:
        """Say what has to be found when one source is mutated."""
        sides = {
            "models": (("models-migrations", True),),
            "migrations": (("models-migrations", False), ("migrations-database", True)),
            "database": (("migrations-database", False),),
        }
        return [
            wanted
            for pair, is_left in sides[source]
            for text in self.wants
            if (wanted := read(text, pair, SHORT[engine], is_left=is_left)) is not None
        ]


def read(text: str, pair: str, engine: str, *, is_left: bool) -> Wanted | None:
    """Read an expectation for one engine and one side; ``None`` if there is none."""
    code, place, severity, *others = text.split()
    for other in others:
        name, _, value = other.partition("=")
        severity = value if name in (engine, _SHORT_PAIRS.get(pair)) else severity
    if severity == "-":
        return None
    right, _, left = severity.partition("/")
    place = "" if place == NOWHERE else place
    letter = (left or right) if is_left else right
    return None if letter == "-" else Wanted(pair, code, place, _SEVERITIES[letter])


def case(group: str, name: str, edit: Edit, *wants: str, on: str = "lite pg my") -> Case:
    """Make a case; ``on`` names the engines."""
    return Case(name, group, edit, wants, tuple(on.split()))


def select(cases: Iterable[Case], engine: str, only: Iterable[str]) -> list[Case]:
    """Choose the cases of an engine, and of some classes if any are named."""
    groups = set(only)
    return [each for each in cases if each.is_for(engine) and (not groups or each.group in groups)]
