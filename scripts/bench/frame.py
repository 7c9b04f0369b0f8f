"""What a bench is made of: contestants that take turns, what they did, and what was promised.

Measures nothing itself and prints nothing.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

GOOD, MISSED, BROKEN = 0, 1, 2
"""Exit codes."""


class CannotMeasure(Exception):
    """Something that a bench needs is not there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a contestant did in one turn.

    Attributes:
        count: How many requests, or calls, were answered as they should be.
        seconds: How long it took.
        cpu_seconds: What of a processor its processes used.
        p50_ms: How long half of the requests took at most.
        p99_ms: How long all but one in a hundred took at most.
    """

    count: int
    seconds: float
    cpu_seconds: float
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def rate(self) -> float:
        """How many in a second."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """What one costs of a processor, in milliseconds."""
        return 1000 * self.cpu_seconds / self.count


class Contestant(Protocol):
    """Something that can be asked again and again."""

    @property
    def name(self) -> str:
        """Who it is, in the results."""

    def take_turn(self, seconds: int) -> Turn:
        """Ask for so long."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is promised of the subject of a comparison.

    Attributes:
        measure: ``speed``: at least so many times the other's rate. ``cost``: one takes at most so
            many times as long as one of the other's.
        bound: How many times.
    """

    measure: Literal["speed", "cost"]
    bound: float

    def is_met(self, ratio: float) -> bool:
        """Tell whether a ratio keeps the promise."""
        return ratio >= self.bound if self.measure == "speed" else ratio <= self.bound

    def ratio(self, subject: float, other: float) -> float:
        """Compare two rates."""
        return subject / other if self.measure == "speed" else other / subject


@dataclass(frozen=True, slots=True)
class Comparison:
    """A subject and whom it is compared with.

    Attributes:
        name: What is done.
        contestants: The subject first; nobody else if there is nobody to compare it with.
        goal: What is promised.
        note: Why somebody is missing, or what else must be known.
    """

    name: str
    contestants: Sequence[Contestant]
    goal: Goal
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a comparison, or of a race, as it is written down.

    Attributes:
        name: Of the comparison.
        figures: Everything that was found.
        sentence: The same for people, in one line.
        is_good: Whether the promise is kept; None if nobody can say.
    """

    name: str
    figures: dict[str, Any]
    sentence: str
    is_good: bool | None


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks of a bench.

    Attributes:
        seconds: How long a turn is.
        rounds: How many each has.
        engine: Where a bench runs that runs on one engine.
        engines: Where one runs that runs on each.
        has_peers: Whether others are measured too.
        rows: How many rows a large table has.
        only: Classes of cases, where a bench has some; all if there are none.
    """

    seconds: int
    rounds: int
    engine: str
    engines: Sequence[str]
    has_peers: bool
    rows: int = 1_000_000
    only: Sequence[str] = ()


@dataclass
class Bench:
    """The results of one bench.

    Attributes:
        name: Its name on the command line.
        results: What was found so far.
        facts: What must be known of where it ran.
    """

    name: str
    results: list[Result] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def compare(comparison: Comparison, options: Options) -> Result:
    """Let the contestants take turns, each round in the other order, and judge them."""
    contestants = list(comparison.contestants)
    turns: dict[str, list[Turn]] = {one.name: [] for one in contestants}
    for one in contestants if options.rounds > 1 else ():
        progress(f"{comparison.name}: {one.name} warms up")
        one.take_turn(min(options.seconds, 2))
    for number in range(1, options.rounds + 1):
        for one in contestants if number % 2 else reversed(contestants):
            turn = one.take_turn(options.seconds)
            turns[one.name].append(turn)
            progress(
                f"{comparison.name}: round {number} of {options.rounds}, {one.name}"
                f" {turn.rate:.0f}/s, {turn.cpu_ms:.3f} ms of a processor each"
            )
    return _judge(comparison, turns)


def progress(sentence: str) -> None:
    """Tell whoever waits what is going on."""
    print(sentence, file=sys.stderr, flush=True)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the middle of some values and their ends."""
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }


def _judge(comparison: Comparison, turns: dict[str, list[Turn]]) -> Result:
    goal = comparison.goal
    figures: dict[str, Any] = {
        "goal": {"measure": goal.measure, "bound": goal.bound},
        "contestants": {name: _describe(taken) for name, taken in turns.items()},
        "note": comparison.note,
    }
    rates = ", ".join(
        f"{name} {entry['rate']['median']:.0f}/s ({entry['cpu_ms']['median']:.2f} ms CPU)"
        for name, entry in figures["contestants"].items()
    )
    if len(turns) == 1:
        sentence = f"{comparison.name}: {rates}; nothing to compare with: {comparison.note}"
        return Result(comparison.name, figures, sentence, None)
    subject, other = turns.values()
    pairs = list(zip(subject, other, strict=True))
    ratio = spread([goal.ratio(mine.rate, theirs.rate) for mine, theirs in pairs])
    figures["ratio"] = ratio
    figures["cpu_ratio"] = spread([mine.cpu_ms / theirs.cpu_ms for mine, theirs in pairs])
    is_good = goal.is_met(ratio["median"])
    bound = f"{'at least' if goal.measure == 'speed' else 'at most'} {goal.bound}"
    sentence = (
        f"{comparison.name}: {goal.measure} {ratio['median']:.2f}"
        f" ({ratio['least']:.2f} to {ratio['most']:.2f}), wanted {bound}:"
        f" {'met' if is_good else 'MISSED'}; {rates}"
    )
    return Result(comparison.name, figures, sentence, is_good)


def _describe(turns: Sequence[Turn]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "rate": spread([turn.rate for turn in turns]),
        "cpu_ms": spread([turn.cpu_ms for turn in turns]),
    }
    for name in ("p50_ms", "p99_ms"):
        values = [value for turn in turns if (value := getattr(turn, name)) is not None]
        if values:
            described[name] = spread(values)
    return described
