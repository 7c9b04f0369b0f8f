"""The benches of growth, memory and start-up: what they measure is there, and is what they say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from scripts.bench import growth, growth_clients, memory, startup
from scripts.bench.databases import new_database
from scripts.bench.frame import CannotMeasure, Options, Turn
from scripts.bench.memory import Sample
from scripts.bench.servers import enduring_service, service
from scripts.bench.startup import Program
from tests.support.run import Run

MOMENT = Options(1, 1, "postgresql", (), has_peers=False)
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


@needs_wrk
@pytest.mark.slow
def test_growth_reaches_the_last_page_and_asks_for_every_number_of_clients(
    suite_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth_clients, "CLIENTS", (1, 4))
    monkeypatch.setattr(growth_clients, "WORKERS", (2,))
    with new_database(suite_run, "postgresql") as url:
        stock = growth._fill(url, growth.FEWEST)
        with service(url) as server:
            pages = growth._measure_pages(stock, server, tmp_path, MOMENT)
        endpoints = growth._endpoints(stock, tmp_path)
        name = "store an action"
        (clients,) = growth_clients.measure_clients(url, {name: endpoints[name]}, MOMENT)

    assert len(stock.owners) * growth.LENGTH == growth.FEWEST
    assert list(pages.figures["contestants"]) == ["page 500", "page 1"]
    assert list(clients.figures["loads"]) == ["2 workers, 1 client", "2 workers, 4 clients"]
    assert all(each["rate"]["least"] > 0 for each in clients.figures["loads"].values())


@pytest.mark.slow
def test_startup_starts_each_of_its_programs(suite_run: Run) -> None:
    bench = startup.measure(suite_run, Options(0, 1, "sqlite", (), has_peers=False))

    ratios = {one.name: one.figures["ratio"]["median"] for one in bench.results}
    assert bench.facts["routes"] > 0
    assert {"serve until ready", "create_app() again", "import bilayer", "backend --help"} <= {
        *ratios
    }
    assert all(ratio > 0 for ratio in ratios.values())


@pytest.mark.slow
def test_memory_is_measured_of_refusals_and_not_of_failures(
    suite_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PEOPLE", 2)
    with new_database(suite_run, "sqlite") as url, enduring_service(url) as server:
        loads = memory._make_mix(server, url, tmp_path)
        memory._require_refusals(loads)
        with pytest.raises(CannotMeasure, match="invalid: 415 is answered, not 422"):
            memory._require_refusals([replace(loads[-2], body="")])


def test_a_program_that_fails_is_not_measured() -> None:
    failing = Program("failing", "raise SystemExit(3)", os.environ)

    with pytest.raises(CannotMeasure, match="failing ended with 3"):
        failing.take_turn(1)


@pytest.mark.parametrize(
    ("sizes", "is_good"),
    [
        ([50, 60, 69.9], True),
        ([50, 60, 70], False),
        ([50, 90, 69.9], True),  # What is given back is no growth.
    ],
)
def test_memory_grows_from_the_first_tenth_of_the_requests_on(
    sizes: Sequence[float], *, is_good: bool
) -> None:
    counts = (0, 100, 1000)
    samples = [Sample(count, size, size) for count, size in zip(counts, sizes, strict=True)]

    assert memory._judge(samples).is_good is is_good


def test_memory_is_looked_at_again_after_it_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_look", lambda _, requests: Sample(requests, requests, requests))
    server, load = Mock(workers=lambda: [1]), Mock(take_turn=lambda _: Turn(5000, 1.0, 1.0))

    samples = memory._ask(server, [load], 1000)

    assert [one.requests for one in samples] == [0, 5000, 10000]
    assert not memory._judge(samples).is_good


def test_memory_of_a_process_is_its_own_and_its_part_of_the_rest() -> None:
    kept = bytearray(os.urandom(50 * 2**20))

    sample = memory._look(os.getpid(), 0)

    assert len(kept) / 2**20 < sample.own <= sample.shared
