"""The benches over HTTP: who is compared does the same, and who does not is found out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from scripts.bench import http, http_features
from scripts.bench.accounts import Credits, make_people
from scripts.bench.databases import new_database
from scripts.bench.frame import CannotMeasure, Comparison, Goal, Options, Turn, judge
from scripts.bench.http_checks import require_same_answers
from scripts.bench.http_requests import ROUTES, STORE, fill_histories, kind_of, open_heads
from scripts.bench.http_rows import require_whole_rows
from scripts.bench.servers import is_installed
from tests.support.run import Run

MOMENT = Options(1, 1, "postgresql", (), has_peers=True)
TAMPERINGS = {
    "has a digest that is not its own": "UPDATE audit_log SET changed_by = 'nobody'",
    "'told': 0": "UPDATE audit_log SET new_value = new_value - 'version'",
    "'audited': 0": "DELETE FROM audit_log",
    "without a version of their own": "UPDATE sync_heads SET version = version + 1",
}
"""What is found out, and what it is done by; none of them is undone."""
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


# One test, because each starts every server.
@pytest.mark.slow
def test_all_answer_the_same_and_write_whole_rows(suite_run: Run) -> None:
    with new_database(suite_run, "postgresql") as url:
        (person,) = make_people(url, 1, Credits(daily=20, prepaid=0))
        fill_histories(url, [person])
        open_heads(url)
        with http.contestants(url, has_peers=is_installed()) as servers:
            for route in ROUTES:
                able = [server for server in servers if route.fits(server.name)]
                require_same_answers(able, route, person)
            with pytest.raises(CannotMeasure, match="service answers 200"):
                require_same_answers(servers, replace(ROUTES[0], status=201), person)
            kinds = [kind_of(server.name) for server in servers if STORE.fits(server.name)]

        assert require_whole_rows(url, dict.fromkeys(kinds, 1)) == dict.fromkeys(kinds, 1)
        with pytest.raises(CannotMeasure, match="2 actions answered"):
            require_whole_rows(url, {kinds[0]: 2})
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        for sentence, statement in TAMPERINGS.items():
            with engine.begin() as connection:
                connection.exec_driver_sql(statement)
            with pytest.raises(CannotMeasure, match=sentence):
                require_whole_rows(url, {kinds[0]: 1})


@pytest.mark.slow
@needs_wrk
def test_writes_are_measured_with_and_without_each_feature(
    suite_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ROUTES", (STORE,))
    monkeypatch.setattr(http, "READERS", 1)
    for bench in (http, http_features):  # So few that they wait for each other.
        monkeypatch.setattr(bench, "ACCOUNTS", 4)

    features = http_features.measure(suite_run, MOMENT)
    (stored,) = http.measure(suite_run, replace(MOMENT, has_peers=False)).results

    assert [one.figures["ratio"]["median"] > 0 for one in features.results] == [True] * 3
    assert features.facts["rows"]["keyed"]["keyed"] > 0
    assert list(stored.figures["contestants"]) == ["service", "limit", "limit-observed"]
    assert [one["beside"] for one in stored.figures["verdicts"]] == ["limit", "limit-observed"]


def turns(rate: int, cpu_seconds: float) -> list[Turn]:
    return [Turn(rate, 1.0, cpu_seconds)]


@pytest.mark.parametrize(
    ("cpu_seconds", "limit", "is_good"), [(1.0, 150, True), (1.1, 150, False), (1.0, 160, False)]
)
def test_every_promise_beside_somebody_who_is_there_counts(
    cpu_seconds: float, limit: int, *, is_good: bool
) -> None:
    more = (Goal("cpu", 0.8, "peer"), Goal("speed", 0.85, "limit"), Goal("speed", 9, "nobody"))
    comparison = Comparison("read", (), Goal("speed", 1.3, "peer"), None, more)
    taken = {
        "service": turns(130, cpu_seconds),
        "peer": turns(100, 1.0),
        "limit": turns(limit, 1.0),
    }

    result = judge(comparison, taken)

    assert result.is_good is is_good
    assert [one["beside"] for one in result.figures["verdicts"]] == ["peer", "peer", "limit"]


def test_a_ratio_without_a_promise_is_told_and_is_neither_good_nor_bad() -> None:
    taken: dict[str, Any] = {"with": turns(100, 2.0), "without": turns(200, 1.0)}

    result = judge(Comparison("write", (), Goal("cost"), more=(Goal("cpu"),)), taken)

    assert result.is_good is None
    assert "cost 2.00 (2.00 to 2.00); cpu 4.00" in result.sentence
