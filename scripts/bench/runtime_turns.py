"""Contestants that take short turns with the very same inputs, and what that comes to.

A turn is some hundredths of a second of the same calls for everybody, the order of the contestants
is another one each time, and times are compared within a turn only. So whatever else the machine
does meets all of them, and what it does to single turns leaves the medians alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final
from uuid import UUID

from scripts.bench.frame import CannotMeasure, Goal, Options, Result, Turn, progress
from scripts.bench.runtime_table import Stored, Way
from scripts.bench.verdicts import spread

_TURN_SECONDS: Final = 0.04
_MOST_CALLS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that all contestants do.

    Attributes:
        name: What is done, in the results.
        method: The contestants' name for it.
        make: Gives the input of a contestant's call with that number.
        writes: Whether rows are written, which are compared afterwards; else answers are.
        goal: What is promised on PostgreSQL of the subject, against the reference.
    """

    name: str
    method: str
    make: Callable[[UUID, int], Any]
    writes: bool = True
    goal: Goal | None = None


def take_turns(
    engine: str, operation: Operation, ways: Sequence[Way], stored: Stored, options: Options
) -> Result:
    """Let contestants do an operation, prove that they did the same, and compare their times.

    Args:
        engine: Where.
        operation: What.
        ways: The subject first, the reference last.
        stored: The table.
        options: ``seconds`` is the time of a round of all contestants.

    Raises:
        CannotMeasure: One has not done what the others did.
    """
    owners = [way.owner for way in ways]
    stored.fill(owners)
    calls = _calibrate(operation, ways[-1])
    stored.fill(owners)
    if not operation.writes:
        _require_same_answers(operation, ways)
    race = _Race(operation, ways, calls)
    if options.rounds > 1:
        race.run_turn()  # warms up
    rounds = []
    for number in range(1, options.rounds + 1):
        rounds.append(race.run_round(options.seconds))
        progress(f"{engine}, {operation.name}: round {number} of {options.rounds}")
    compared = stored.require_same(owners)
    return _judge(engine, operation, rounds, compared)


class _Race:
    """Turns, one after the other; each goes on where the one before ended."""

    def __init__(self, operation: Operation, ways: Sequence[Way], calls: int) -> None:
        self._operation = operation
        self._ways = ways
        self._calls = calls
        self._turns = 0

    def run_round(self, seconds: float) -> dict[str, list[Turn]]:
        """Take turns for so long, and at least one each."""
        taken: dict[str, list[Turn]] = defaultdict(list)
        end = time.perf_counter() + seconds
        while True:
            for name, turn in self.run_turn().items():
                taken[name].append(turn)
            if time.perf_counter() >= end:
                return taken

    def run_turn(self) -> dict[str, Turn]:
        """Let each contestant do the same once."""
        first = self._turns * self._calls
        shift = self._turns % len(self._ways)
        ways = [*self._ways[shift:], *self._ways[:shift]]
        self._turns += 1
        taken = {
            way.name: _do(self._operation, way, range(first, first + self._calls))
            for way in (ways if self._turns // len(ways) % 2 else reversed(ways))
        }
        return {way.name: taken[way.name] for way in self._ways}


def _do(operation: Operation, way: Way, numbers: range) -> Turn:
    """Call a contestant; what it is called with is made before the clocks are read."""
    call = getattr(way, operation.method)
    given = [operation.make(way.owner, number) for number in numbers]
    began, used = time.perf_counter(), time.process_time()
    for each in given:
        call(each)
    return Turn(len(given), time.perf_counter() - began, time.process_time() - used)


def _calibrate(operation: Operation, way: Way) -> int:
    """Find out how many calls make a turn."""
    calls, begin = 1, 0
    while True:
        turn = _do(operation, way, range(begin, begin + calls))
        if turn.seconds > _TURN_SECONDS / 4 or calls >= _MOST_CALLS:
            return max(1, min(_MOST_CALLS, round(turn.rate * _TURN_SECONDS)))
        begin, calls = begin + calls, calls * 2


def _require_same_answers(operation: Operation, ways: Sequence[Way]) -> None:
    """Compare what contestants read, with the types of all values.

    Raises:
        CannotMeasure: One reads something else than another, or nothing.
    """
    for number in range(10):
        answers = [
            getattr(way, operation.method)(operation.make(way.owner, number)) for way in ways
        ]
        wanted = _typed(answers[-1])
        for way, answer in zip(ways, answers, strict=True):
            if not answer or _typed(answer) != wanted:
                raise CannotMeasure(f"{operation.name}: {way.name} reads something else")


def _typed(value: Any) -> Any:
    """Give a value together with the types of all that is in it, and the order of its keys."""
    if type(value) is dict:
        return [(key, _typed(each)) for key, each in value.items()]
    if type(value) is list:
        return [_typed(each) for each in value]
    return type(value), value, getattr(value, "tzinfo", None)


def _judge(
    engine: str, operation: Operation, rounds: Sequence[dict[str, list[Turn]]], compared: int
) -> Result:
    names = list(rounds[0])
    subject, reference = names[0], names[-1]
    ways = {name: _describe(name, reference, rounds) for name in names}
    goal = operation.goal if engine == "postgresql" else None
    is_good = goal.is_met(ways[subject]["times"]["median"]) if goal else None
    figures = {
        "engine": engine,
        "operation": operation.name,
        "goal": {"measure": goal.measure, "bound": goal.bound} if goal else None,
        "reference": reference,
        "ways": ways,
        "turns": sum(len(taken[reference]) for taken in rounds),
        "rows": compared,
    }
    promise = f", wanted at most {goal.bound}: {'met' if is_good else 'MISSED'}" if goal else ""
    others = "; ".join(_tell(name, ways[name]) for name in names[1:-1])
    sentence = (
        f"{engine}, {operation.name}: {_tell(subject, ways[subject])}{promise}; {others};"
        f" {reference} {ways[reference]['rate']['median']:.0f}/s,"
        f" {ways[reference]['cpu_ms']['median']:.3f} ms CPU"
    )
    return Result(f"{engine}, {operation.name}", figures, sentence, is_good)


def _describe(
    name: str, reference: str, rounds: Sequence[dict[str, list[Turn]]]
) -> dict[str, dict[str, float]]:
    """Say how long a contestant took, in each round, and how many times as long as the other."""
    pairs = [list(zip(taken[name], taken[reference], strict=True)) for taken in rounds]
    return {
        "times": spread([median(a.seconds / b.seconds for a, b in each) for each in pairs]),
        "cpu_times": spread([median(a.cpu_ms / b.cpu_ms for a, b in each) for each in pairs]),
        "rate": spread([median(turn.rate for turn in taken[name]) for taken in rounds]),
        "cpu_ms": spread([median(turn.cpu_ms for turn in taken[name]) for taken in rounds]),
    }


def _tell(name: str, way: dict[str, dict[str, float]]) -> str:
    times, cpu = way["times"], way["cpu_times"]
    return (
        f"{name} {times['median']:.2f} ({times['least']:.2f} to {times['most']:.2f},"
        f" CPU {cpu['median']:.2f})"
    )
