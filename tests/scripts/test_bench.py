"""``scripts/bench/run``: every bench runs, writes down what it found, and says what it is not for.

Figures are judged where a machine has time for them; here each turn is a moment.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.arguments import read_arguments
from scripts.bench.frame import Comparison, Goal, Options, Turn, compare
from scripts.bench.wallet_races import RACES, Race
from tests.architecture.documents import blocks, pages
from tests.support.databases import ROOT
from tests.support.run import Run

MEASURED = (0, 1)
WRONG_USE = 2
WRITTEN_DOWN = [
    line
    for page in pages()
    for block in blocks(page)
    for line in re.findall(r"^\$ scripts/bench/run (\w.*)$", block.text, re.MULTILINE)
]
"""What the documentation says behind the command's name."""
has_environment = pytest.mark.skipif(
    not (ROOT / ".venv/dev.stamp").exists(),
    reason="scripts/bench/run would make .venv anew; start the suite with scripts/test",
)
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/bench/run", *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def run_shortly(run: Run, file: Path) -> str:
    """Run every bench as scripts/bench/run does, in the environment there is."""
    names = ("spend", "cache", "wallet-races", "sync-pull", "sync-hot", "copying", "import")
    shortly = (
        "--engine",
        "postgresql",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--without-peers",
        "--rows",
        "20000",
    )
    lent = {"TEST_POSTGRESQL_URL": run.server("postgresql").url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "scripts.bench.runner", *names, *shortly, "--json", str(file)],
        cwd="/",
        env={**os.environ, **lent},
        capture_output=True,
        text=True,
        check=False,
    )
    # Whether a target is met says nothing here.
    assert done.returncode in MEASURED, done.stderr
    return done.stdout


# One run, because each starts servers and makes 10,000 accounts.
@pytest.mark.slow
@needs_wrk
def test_every_bench_measures_and_writes_down_what_it_found(suite_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"

    told = run_shortly(suite_run, file)

    document = json.loads(file.read_text())
    results = {one["name"]: one for bench in document["benches"] for one in bench["results"]}
    assert document["machine"]["cores"] > 0
    assert all(result["sentence"] in told for result in results.values())
    for name in ("spend, 10,000 accounts", "spend, one hot account"):
        assert results[name]["figures"]["contestants"]["service"]["rate"]["least"] > 0
        assert results[name]["figures"]["note"] == "--without-peers"
        assert results[name]["is_good"] is None
    assert results["ledger"]["figures"]["spends"] > 0
    assert results["ledger"]["is_good"]
    for name in ("private, called", "public, called", "HTTP"):
        assert results[f"cache hit, {name}"]["figures"]["ratio"]["median"] > 0
    for name in (
        "pull 1,000 changes",
        "import of JSON files, rows",
    ):
        assert results[name]["figures"]["ratio"]["median"] > 0
    assert results["one hot account"]["figures"]["rate"]["least"] > 0
    assert results["copy from SQLite to PostgreSQL"]["figures"]["ratio"]["median"] > 0
    for name in RACES:
        assert results[f"postgresql, {name}"]["is_good"], results[f"postgresql, {name}"]


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


@pytest.mark.parametrize("words", WRITTEN_DOWN)
def test_what_is_written_down_can_be_asked_for(words: str) -> None:
    assert read_arguments(shlex.split(words)).names


@has_environment
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("speed",),
        ("spend", "--seconds", "0"),
        ("spend", "--engine", "oracle"),
        ("sync-pull", "--rows", "19999"),
        ("memory", "--requests", "999"),
    ],
)
def test_wrong_use_is_refused(arguments: tuple[str, ...]) -> None:
    refused = call(*arguments)

    assert refused.returncode == WRONG_USE
    assert refused.stdout == ""
