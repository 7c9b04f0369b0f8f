"""``scripts/bench/run``: every bench runs, writes down what it found, and says what it is not for.

Figures are judged where a machine has time for them; here each turn is a moment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.frame import Comparison, Goal, Options, Turn, compare
from scripts.bench.wallet_races import Race
from tests.support.databases import ROOT
from tests.support.run import Run

MEASURED = (0, 1)
WRONG_USE = 2
has_environment = pytest.mark.skipif(
    not (ROOT / ".venv/dev.stamp").exists(),
    reason="scripts/bench/run would make .venv anew; start the suite with scripts/test",
)
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


def run_bench(run: Run, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run benches as scripts/bench/run does, in the environment there is."""
    lent = {"TEST_POSTGRESQL_URL": run.server("postgresql").url}
    return subprocess.run(
        [sys.executable, "-m", "scripts.bench.runner", *arguments],
        cwd="/",
        env={**os.environ, **lent, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/bench/run", *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@needs_wrk
def test_spend_measures_the_service_and_says_why_nobody_else(
    suite_run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "bench.json"
    turns = ("--seconds", "0.3", "--rounds", "1")

    done = run_bench(suite_run, "spend", *turns, "--without-peers", "--json", str(file))

    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    many, one, ledger = found["benches"][0]["results"]
    assert all(
        case["figures"]["contestants"]["service"]["rate"]["least"] > 0 for case in (many, one)
    )
    assert many["is_good"] is None
    assert "--without-peers" in many["sentence"]
    assert ledger["figures"]["spends"] > 0
    assert ledger["figures"]["differences"] == 0
    assert found["machine"]["cores"] > 0
    assert many["sentence"] in done.stdout


@pytest.mark.slow
@needs_wrk
def test_cache_compares_hits_with_rows(suite_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    turns = ("--seconds", "0.3", "--rounds", "1")

    done = run_bench(suite_run, "cache", *turns, "--without-peers", "--json", str(file))

    assert done.returncode in MEASURED, done.stderr
    results = json.loads(file.read_text())["benches"][0]["results"]
    assert [set(case["figures"]["contestants"]) for case in results] == [{"hit", "row"}] * 3


@pytest.mark.slow
def test_races_find_the_credits_they_began_with(suite_run: Run) -> None:
    done = run_bench(suite_run, "wallet-races", "--rounds", "1", "--engine", "sqlite")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": right") == 5


@pytest.mark.parametrize(
    ("counts", "differences"), [({"done": 101}, []), ({"done": 100}, ["a balance"])]
)
def test_a_race_is_wrong_with_a_credit_too_many_or_books_that_differ(
    counts: dict[str, int], differences: list[str]
) -> None:
    race = Race({"done": 100}, Counter(counts), differences=differences)

    assert not race.is_right


class Counted:
    """Somebody who does so many things a second."""

    def __init__(self, name: str, rate: int) -> None:
        self.name = name
        self._rate = rate

    def take_turn(self, seconds: float) -> Turn:
        return Turn(self._rate, 1.0, cpu_seconds=0.5)


@pytest.mark.parametrize(
    ("rate", "measure", "is_good"),
    [(130, "speed", True), (129, "speed", False), (77, "cost", True), (76, "cost", False)],
)
def test_goal_is_met_from_its_bound_on(rate: int, measure: Any, *, is_good: bool) -> None:
    contestants = (Counted("service", rate), Counted("reference", 100))
    comparison = Comparison("spend", contestants, Goal(measure, 1.3))

    result = compare(comparison, Options(1, 3, "sqlite", (), has_peers=True))

    assert result.is_good is is_good


def test_help_has_an_example_and_the_exit_codes() -> None:
    told = call("--help")

    assert told.returncode == 0
    assert "Exit codes:" in told.stdout
    assert "scripts/bench/run spend" in told.stdout


@has_environment
@pytest.mark.parametrize(
    "arguments", [(), ("speed",), ("spend", "--seconds", "0"), ("spend", "--engine", "oracle")]
)
def test_wrong_use_is_refused(arguments: tuple[str, ...]) -> None:
    refused = call(*arguments)

    assert refused.returncode == WRONG_USE
    assert refused.stdout == ""
