"""What turns come to: their figures, their ratios, and whether these are what was promised."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.bench.frame import Goal, Turn


def decide(goal: Goal, turns: Mapping[str, Sequence[Turn]]) -> dict[str, Any]:
    """Tell whether a promise is kept, in figures and in words."""
    """Tell whether a promise is kept, in figures and in words."""
    ratio = ratios(goal, turns)
    is_met = goal.is_met(ratio["median"])
    sentence = f"{goal.measure} {ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"
    sentence += f" beside {goal.beside}" if goal.beside else ""
    if is_met is not None:
        bound = f"{'at least' if goal.measure == 'speed' else 'at most'} {goal.bound}"
        sentence += f", wanted {bound}: {'met' if is_met else 'MISSED'}"
    return {**asdict(goal), "ratio": ratio, "is_met": is_met, "sentence": sentence}


def ratios(goal: Goal, turns: Mapping[str, Sequence[Turn]]) -> dict[str, float]:
    """Compare the subject with another, round by round."""
    subject, second, *_ = turns
    pairs = zip(turns[subject], turns[goal.beside or second], strict=True)
    return spread([goal.ratio(mine, theirs) for mine, theirs in pairs])


def shorten(rate: float) -> str:
    """Write a rate without digits that say nothing."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2f}"  # noqa: PLR2004 - three digits in any case


def describe(turns: Sequence[Turn]) -> dict[str, Any]:
    """Return the figures of some turns."""
    described: dict[str, Any] = {
        "rate": spread([turn.rate for turn in turns]),
        "cpu_ms": spread([turn.cpu_ms for turn in turns]),
    }
    for name in ("p50_ms", "p99_ms"):
        values = [value for turn in turns if (value := getattr(turn, name)) is not None]
        if values:
            described[name] = spread(values)
    return described


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the middle of some values and their ends."""
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }
