"""Probes: alive without a database, ready only with the right one, numbers that add up."""

import os
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from flask import Flask
from flask.testing import FlaskClient

from app import clock, create_app
from app.api.probes import HEALTH
from app.breaker import MAX_FAILURES, BreakerState
from app.config import ALEMBIC_INI
from app.health import (
    TROUBLE_SECONDS,
    BackupWatch,
    Health,
    State,
    known_revisions,
    probe_database,
)
from app.models import get_database
from app.usecases.backups import note
from bilayer.runtime import CircuitOpen, DatabaseError, LockTimeout, StorageFailure, StorageFull
from tests.support.databases import migrate
from tests.support.servers import Server
from tests.support.service import connected, settings_for


def execute(url: str, statement: str) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(statement)


def readiness_of(url: str, folder: Path) -> tuple[int, Any]:
    settings = settings_for(url, folder)
    with connected(settings):
        answer = create_app(settings).test_client().get("/readyz")
        return answer.status_code, answer.json.get("state", answer.json.get("code"))


def test_alive_touches_no_database(edge_client: FlaskClient, tmp_path: Path) -> None:
    answer = edge_client.get("/healthz")

    assert (answer.status_code, answer.json) == (200, {"status": "alive"})
    assert not (tmp_path / "none.db").exists()


def test_ready_on_a_migrated_database(client: FlaskClient) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json) == (200, {"status": "ready", "state": "ready"})


def test_not_ready_on_an_empty_database(empty_database_url: str, tmp_path: Path) -> None:
    assert readiness_of(empty_database_url, tmp_path) == (503, "SCHEMA_BEHIND")


def test_not_ready_while_the_database_is_a_revision_behind(
    migrated_database_url: str, tmp_path: Path
) -> None:
    config = Config(ALEMBIC_INI)
    config.attributes["url"] = migrated_database_url
    command.downgrade(config, "-1")

    assert readiness_of(migrated_database_url, tmp_path) == (503, "SCHEMA_BEHIND")


def test_ready_while_the_database_is_ahead(migrated_database_url: str, tmp_path: Path) -> None:
    execute(migrated_database_url, "UPDATE alembic_version SET version_num = 'ffffffffffff'")

    assert readiness_of(migrated_database_url, tmp_path) == (200, "schema_ahead")


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/none", "mariadb://nobody@127.0.0.1:1/none"]
)
def test_not_ready_without_a_database(url: str, tmp_path: Path) -> None:
    assert readiness_of(url, tmp_path) == (503, "DATABASE_UNAVAILABLE")


def test_ready_and_read_only_where_nothing_can_be_written(server: Server, tmp_path: Path) -> None:
    name = f"readonly_{os.getpid()}"
    url = server.create_database(name)
    migrate(url)
    if server.engine == "postgresql":
        server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    else:
        server.execute("SET GLOBAL read_only = 1")

    readiness = readiness_of(url, tmp_path)
    if server.engine == "mariadb":
        server.execute("SET GLOBAL read_only = 0")

    assert readiness == (200, "read_only")


@pytest.mark.usefixtures("app")
def test_full_pool_is_ready(tmp_path: Path) -> None:
    pool = get_database().engine.pool
    taken = [pool.connect() for _ in range(30)]

    state = probe_database()
    for connection in taken:
        connection.close()

    assert state is State.POOL_FULL
    assert state.is_ready


def test_backup_that_is_too_old_is_told_and_requests_are_served(
    database_url: str, tmp_path: Path
) -> None:
    settings = settings_for(database_url, tmp_path, backup_max_age_hours=26)
    made_at = clock.now() - timedelta(hours=25)
    told = []
    with connected(settings):
        told.append(create_app(settings).test_client().get("/readyz"))
        note("b", verified_at=made_at, **backup_of(made_at))
        told.append(create_app(settings).test_client().get("/readyz"))
        note("c", **backup_of(made_at + timedelta(hours=20)))  # Nobody knows what it is good for.
        with clock.frozen(made_at + timedelta(hours=27)):
            told.append(create_app(settings).test_client().get("/readyz"))
        numbers = create_app(settings).test_client().get("/metrics").text

    assert [answer.status_code for answer in told] == [200, 200, 200]
    assert [answer.json["state"] for answer in told] == [
        "backup_overdue",
        "ready",
        "backup_overdue",
    ]
    assert told[0].json["last_verified_backup"] is None
    assert told[1].json["last_verified_backup"] == f"{made_at:%Y-%m-%dT%H:%M:%S.%f}Z"
    [line] = [one for one in numbers.splitlines() if one.startswith("backup_last_verified")]
    assert float(line.split()[1]) == pytest.approx(made_at.timestamp())


def backup_of(created_at: datetime) -> dict[str, Any]:
    return {
        "engine": "sqlite",
        "revision": "0",
        "size_bytes": 1,
        "sha256": "0" * 64,
        "created_at": created_at,
    }


def test_backups_are_asked_for_once_a_minute_and_not_while_the_database_is_away(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1000.0]
    monkeypatch.setattr("app.health.time.monotonic", lambda: seconds[0])
    watch = BackupWatch(timedelta(hours=1))
    with connected(settings_for(database_url, tmp_path)):
        first = watch.is_overdue()
        note("b", verified_at=clock.now(), **backup_of(clock.now()))
        second = watch.is_overdue()
        seconds[0] += 60
        third = watch.is_overdue()
    seconds[0] += 60
    with connected(settings_for("postgresql://nobody@127.0.0.1:1/none", tmp_path)):
        last = watch.is_overdue()

    assert (first, second, third, last) == (True, True, False, False)


def test_not_ready_while_stopping(edge: Flask) -> None:
    edge.extensions[HEALTH].drain()

    answer = edge.test_client().get("/readyz")

    assert (answer.status_code, answer.json["code"]) == (503, "DRAINING")
    assert answer.headers["Retry-After"]


def test_database_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    seconds = [100.0]
    monkeypatch.setattr("app.health.time.monotonic", lambda: seconds[0])
    health = Health(lambda: (asked.append(seconds[0]), State.READY)[1])

    for moment in (100.0, 100.5, 100.99, 101.0, 101.5):
        seconds[0] = moment
        health.state()

    assert asked == [100.0, 101.0]


def test_slow_database_holds_up_one_prober_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.health.CACHED_SECONDS", 0.0)
    is_asked, may_answer = threading.Event(), threading.Event()
    answers = iter([State.READY, State.DATABASE_UNAVAILABLE])

    def probe() -> State:
        answer = next(answers)
        if answer is not State.READY:
            is_asked.set()
            may_answer.wait(10)
        return answer

    health = Health(probe)
    first = health.state()
    slow = threading.Thread(target=health.state)
    slow.start()
    is_asked.wait(10)
    meanwhile = health.state()
    may_answer.set()
    slow.join()

    assert (first, meanwhile) == (State.READY, State.READY)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (StorageFull("no room"), State.STORAGE_FULL),
        (StorageFailure("damaged"), State.STORAGE_FAILED),
        (LockTimeout("busy"), State.READY),
    ],
)
def test_storage_that_failed_a_request_is_told_for_a_while(
    monkeypatch: pytest.MonkeyPatch, error: DatabaseError, state: State
) -> None:
    seconds = [100.0]
    monkeypatch.setattr("app.health.time.monotonic", lambda: seconds[0])
    health = Health(lambda: State.READY)

    health.note(error)
    soon = health.state()
    seconds[0] += TROUBLE_SECONDS
    later = health.state()

    assert (soon, later) == (state, State.READY)
    assert state.is_ready, "reading works"


def test_service_that_is_down_is_more_than_its_full_storage() -> None:
    health = Health(lambda: State.DATABASE_UNAVAILABLE)

    health.note(StorageFull("no room"))

    assert health.state() is State.DATABASE_UNAVAILABLE


@pytest.mark.usefixtures("app")
def test_readiness_closes_an_open_circuit() -> None:
    guard = get_database().dal._adapter.guard
    for _ in range(MAX_FAILURES):
        guard.failed()
    with pytest.raises(CircuitOpen):
        get_database().dal.executesql("SELECT 1")

    state = probe_database()

    assert state is State.READY
    assert guard.breaker.state is BreakerState.CLOSED


def test_state_is_told_to_prometheus(edge: Flask) -> None:
    edge.extensions[HEALTH] = Health(lambda: State.READ_ONLY)
    client = edge.test_client()

    client.get("/readyz")

    lines = client.get("/metrics").text.splitlines()
    assert 'service_state{state="read_only"} 1.0' in lines
    assert 'service_state{state="ready"} 0.0' in lines


def test_known_revisions_end_in_one_head() -> None:
    head, known = known_revisions()

    assert head in known


def test_metrics_count_requests_by_route(edge_client: FlaskClient) -> None:
    label = 'method="GET",route="/healthz",status="200"'
    before = _value(edge_client, label)
    edge_client.get("/healthz")
    edge_client.get("/healthz")

    assert _value(edge_client, label) == before + 2


def test_metrics_have_no_path_and_no_method_of_the_caller(edge_client: FlaskClient) -> None:
    edge_client.open("/somebody@example.com", method="BREW")

    text = edge_client.get("/metrics").text

    assert "somebody" not in text
    assert "BREW" not in text
    assert 'method="OTHER",route="unmatched",status="404"' in text


def _value(client: FlaskClient, label: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith(f"http_requests_total{{{label}}}")]
    return float(found[0].split()[-1]) if found else 0.0
