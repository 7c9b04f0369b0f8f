"""What a bench is made of: contestants that take turns, what they did, and what was promised.

Measures nothing itself and prints nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from scripts.bench.verdicts import decide, describe, ratios, shorten

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
            many times as long as one of the other's. ``cpu``: one uses at most so many times as
            much of a processor.
        bound: How many times; None: nothing is promised, and the ratio is told.
        beside: Whose, by name; None: those of whoever comes second.
    """

    measure: Literal["speed", "cost", "cpu"]
    bound: float | None = None
    beside: str | None = None

    def is_met(self, ratio: float) -> bool | None:
        """Tell whether a ratio keeps the promise; None if there is none."""
        if self.bound is None:
            return None
        return ratio >= self.bound if self.measure == "speed" else ratio <= self.bound

    def ratio(self, subject: Turn, other: Turn) -> float:
        """Compare two turns."""
        if self.measure == "cpu":
            return subject.cpu_ms / other.cpu_ms
        speed = subject.rate / other.rate
        return speed if self.measure == "speed" else 1 / speed


@dataclass(frozen=True, slots=True)
class Comparison:
    """A subject and whom it is compared with.

    Attributes:
        name: What is done.
        contestants: The subject first; nobody else if there is nobody to compare it with.
        goal: What is promised.
        note: Why somebody is missing, or what else must be known.
        more: What else is promised. What is promised beside somebody who is missing is left out.
    """

    name: str
    contestants: Sequence[Contestant]
    goal: Goal
    note: str | None = None
    more: Sequence[Goal] = ()


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
        requests: After how many a worker's memory is looked at.
    """

    seconds: int
    rounds: int
    engine: str
    engines: Sequence[str]
    has_peers: bool
    rows: int = 1_000_000
    only: Sequence[str] = ()
    requests: int = 100_000


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
    """Let the contestants take turns, and judge them."""
    return judge(comparison, take_turns(comparison.name, comparison.contestants, options))


def take_turns(
    name: str, contestants: Sequence[Contestant], options: Options
) -> dict[str, list[Turn]]:
    """Let any number of contestants take turns, each round in the other order."""
    turns: dict[str, list[Turn]] = {one.name: [] for one in contestants}
    for one in contestants if options.rounds > 1 else ():
        progress(f"{name}: {one.name} warms up")
        one.take_turn(min(options.seconds, 2))
    for number in range(1, options.rounds + 1):
        for one in contestants if number % 2 else reversed(contestants):
            turn = one.take_turn(options.seconds)
            turns[one.name].append(turn)
            progress(
                f"{name}: round {number} of {options.rounds}, {one.name}"
                f" {shorten(turn.rate)}/s, {turn.cpu_ms:.3f} ms of a processor each"
            )
    return turns


def progress(sentence: str) -> None:
    """Tell whoever waits what is going on."""
    print(sentence, file=sys.stderr, flush=True)


def judge(comparison: Comparison, turns: dict[str, list[Turn]]) -> Result:
    """Compare what was done, and tell whether it is what was promised."""
    goal, name = comparison.goal, comparison.name
    figures: dict[str, Any] = {
        "goal": asdict(goal),
        "contestants": {name: describe(taken) for name, taken in turns.items()},
        "note": comparison.note,
    }
    rates = ", ".join(
        f"{name} {shorten(entry['rate']['median'])}/s ({entry['cpu_ms']['median']:.2f} ms CPU)"
        for name, entry in figures["contestants"].items()
    )
    present = {None, *turns} if len(turns) > 1 else set()
    promises = [one for one in (goal, *comparison.more) if one.beside in present]
    verdicts = [decide(promise, turns) for promise in promises]
    if not verdicts:
        sentence = f"{name}: {rates}; nothing to compare with: {comparison.note}"
        return Result(name, figures, sentence, None)
    figures |= {"ratio": verdicts[0]["ratio"], "cpu_ratio": ratios(Goal("cpu"), turns)}
    figures["verdicts"] = verdicts
    sentence = f"{name}: {'; '.join(one['sentence'] for one in verdicts)}; {rates}"
    kept = [one["is_met"] for one in verdicts if one["is_met"] is not None]
    return Result(name, figures, sentence, all(kept) if kept else None)
