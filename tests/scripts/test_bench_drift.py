"""The drift check's bench: a part of it runs, and it can tell a miss and a false alarm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bilayer.drift.findings import Finding
from scripts.bench.drift import cost, truth
from scripts.bench.drift.cases import Wanted, read, select
from scripts.bench.drift.catalogs import MUTATIONS
from scripts.bench.drift.edits import CannotEdit, drop, swap
from scripts.bench.drift.noops import NOOPS
from scripts.bench.drift.runtime_cases import CASES
from scripts.bench.drift.schema import SHORT, TABLES, choose_lines
from scripts.bench.drift.scoring import Score, judge, rate
from scripts.bench.frame import Options
from tests.support.databases import ROOT

FOUND = Finding("BL205", "length-mismatch", "warning", "models-migrations", "users", "name", "...")


def test_a_part_of_it_runs_and_finds_everything(tmp_path: Path) -> None:
    file = tmp_path / "drift.json"
    classes = ("--only", "checks", "--only", "lengths", "--only", "no-op of PyDAL")

    done = subprocess.run(
        [
            *(sys.executable, "-m", "scripts.bench.runner", "drift", "--engine", "sqlite"),
            *("--without-peers", "--json", str(file), *classes),
        ],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    results = {one["name"]: one for one in json.loads(file.read_text())["benches"][0]["results"]}
    figures = results["drift, sqlite"]["figures"]
    assert (figures["recall"], figures["precision"], figures["misses"]) == (100, 100, [])
    assert figures["classes"]["checks"]["cases"] > 1
    alembic = results["drift, alembic on the same live databases"]["figures"]
    assert alembic["default"]["mutations"] < alembic["of mutations"]


def test_there_are_enough_mutations_and_changes_that_are_none() -> None:
    quiet = [each for each in CASES if each.group == "no-op of PyDAL"]

    assert len(MUTATIONS) + len(CASES) - len(quiet) >= 150
    assert len(NOOPS) + len(quiet) >= 60


@pytest.mark.parametrize("engine", SHORT)
def test_every_mutation_changes_the_text_it_is_made_for(engine: str) -> None:
    text = choose_lines(TABLES, engine)

    for each in select([*MUTATIONS, *NOOPS], engine, ()):
        assert each.edit(text) != text, each.name


def test_a_mutation_of_what_is_not_there_is_refused() -> None:
    with pytest.raises(CannotEdit):
        swap("users", "no such text", "other")(TABLES)
    with pytest.raises(CannotEdit):
        drop("ghosts", "name")(TABLES)


def test_what_is_missed_and_what_is_wrong_are_counted() -> None:
    wanted = Wanted("models-migrations", "BL205", "users.name", "warning")
    other = Wanted("models-migrations", "BL205", "users.name", "error")

    right = Score("c", "n", "e", "s", **judge([wanted], [FOUND]))
    wrong = Score("c", "n", "e", "s", **judge([other], [FOUND]))

    assert right.is_right
    assert (len(wrong.missed), len(wrong.wrong)) == (1, 1)
    assert rate([right, wrong]) == {"cases": 1, "trials": 2, "recall": 50.0, "precision": 50.0}
    assert rate([Score("c", "n", "e", "s", error="crash")])["recall"] == 0


@pytest.mark.parametrize(
    ("engine", "is_left", "severity"),
    [("pg", False, "error"), ("pg", True, "warning"), ("lite", True, "info"), ("my", True, None)],
)
def test_expectation_is_of_an_engine_and_a_side(
    engine: str, *, is_left: bool, severity: str | None
) -> None:
    wanted = read("BL202 t.c E/W lite=I my=-", "models-migrations", engine, is_left=is_left)

    assert (wanted.severity if wanted else None) == severity


def test_truth_wants_an_error_for_what_fails_and_none_for_what_works() -> None:
    assert truth.weigh(truth.Truth(fails="x"), {"warning"})["missed"]
    assert not truth.weigh(truth.Truth(fails="x"), {"error"})["missed"]
    assert truth.weigh(truth.Truth(warns="x"), {"info"})["missed"]
    assert truth.weigh(truth.Truth(), {"error"})["wrong"]
    assert not truth.weigh(truth.Truth(), {"warning"})["wrong"]


def test_cost_is_measured_of_a_project_that_is_clean() -> None:
    options = Options(1, 1, "sqlite", (), has_peers=False)

    measured, growth = cost.measure(options, sizes=(2,))

    assert measured.figures["ratio"]["median"] > 0
    assert growth.figures["seconds"]["2"] > 0
