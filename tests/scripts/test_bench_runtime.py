"""``scripts/bench/run runtime``: contestants that did not do the same are not compared.

Figures are judged where a machine has time for them; here each contestant has one turn.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from scripts.bench import runtime
from scripts.bench.frame import CannotMeasure, Options
from scripts.bench.runtime_ours import Plain
from scripts.bench.runtime_raw import DRIVERS
from scripts.bench.runtime_table import Row, Stored
from scripts.bench.runtime_turns import take_turns
from tests.support.run import Run

ONE_TURN = Options(0, 1, "sqlite", (), has_peers=False)


def test_all_contestants_do_the_same_on_each_engine(suite_run: Run, engine: str) -> None:
    options = Options(0, 1, engine, (engine,), has_peers=False)

    bench = runtime.measure(suite_run, options)

    assert [one.name for one in bench.results] == [
        f"{engine}, {operation.name}" for operation in runtime.OPERATIONS
    ]
    for result in bench.results:
        ways = result.figures["ways"]
        assert list(ways) == ["prepared", "plain", "Core", "raw"]
        assert all(
            way["times"]["least"] > 0 and way["cpu_ms"]["least"] > 0 for way in ways.values()
        )
        assert (result.is_good is not None) == (result.figures["goal"] is not None)


class Forgetful(Plain):
    """Reads and writes, and leaves something out."""

    def row(self, key: Row) -> Row | None:
        row = super().row(key)
        return row and {**row, "version": float(row["version"])}

    def insert(self, row: Row) -> None:
        super().insert(row | {"version": row["version"] % 7})


@pytest.mark.parametrize("method", ["row", "insert"])
def test_whoever_does_something_else_is_not_measured(tmp_path: Path, method: str) -> None:
    operation = next(each for each in runtime.OPERATIONS if each.method == method)
    url = f"sqlite:///{tmp_path}/file"
    stored = Stored(url)

    with (
        closing(Forgetful(url, UUID(int=1))) as ours,
        closing(DRIVERS["sqlite"](url, UUID(int=2))) as raw,
        pytest.raises(CannotMeasure),
    ):
        take_turns("sqlite", operation, (ours, raw), stored, ONE_TURN)
