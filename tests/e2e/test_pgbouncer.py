"""The service behind PgBouncer in transaction mode: the journey of a client, unchanged.

Sessions are shared by whoever comes, so nothing here may rest on one; time-outs and time zone
stand on the database, as they do on the role in production.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from alembic.config import Config

from app.config import ALEMBIC_INI
from bilayer import migrate
from bilayer.urls import parse_url
from tests.e2e import test_journey
from tests.e2e.test_journey import register
from tests.operations.conftest import diagnose, run_sql, settings_with
from tests.support.backend import Backend
from tests.support.databases import Database, migrated_database
from tests.support.pgbouncer import find_pgbouncer, pooling
from tests.support.run import Run, sources
from tests.support.servers import render

POOL_SIZE = 4
CLIENTS = 24
STANDING = {
    "statement_timeout": "'5s'",
    "lock_timeout": "'2s'",
    "idle_in_transaction_session_timeout": "'10s'",
    "timezone": "'UTC'",
}


def upgrade_what_is_at_the_head(url: str) -> None:
    """Do what the entry point of the container does at each start."""
    migrate.upgrade(Config(ALEMBIC_INI), url=url)


def rows(url: str, question: str) -> list[tuple[object, ...]]:
    with sa.create_engine(parse_url(url), poolclass=sa.NullPool).connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(question)]


pytestmark = [
    pytest.mark.skipif(find_pgbouncer() is None, reason="pgbouncer is not installed"),
    pytest.mark.skipif("postgresql" not in sources(), reason="there is no PostgreSQL"),
]

# The whole journey, whatever is added to it.
globals().update({name: one for name, one in vars(test_journey).items() if name[:5] == "test_"})


@pytest.fixture(scope="session", params=["postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """PgBouncer speaks PostgreSQL only."""
    return str(request.param)


@pytest.fixture(scope="session")
def direct(suite_run: Run, engine: str) -> Iterator[Database]:
    """A migrated database for this file alone, without the pooler."""
    with migrated_database(suite_run, engine) as url:
        yield Database.at(url)


@pytest.fixture(scope="session")
def pooler_port(suite_run: Run, direct: Database) -> Iterator[int]:
    """The port of a PgBouncer with fewer connections than the service has threads."""
    folder = suite_run.folder / f"pgbouncer-{suite_run.new_name()}"
    with pooling(parse_url(direct.url), folder, pool_size=POOL_SIZE) as port:
        yield port


@pytest.fixture
def database_url(direct: Database, pooler_port: int) -> str:
    """The database, emptied, through the pooler."""
    direct.empty()
    url = parse_url(direct.url)
    standing = STANDING.items()
    run_sql(
        direct.url,
        *(f'ALTER DATABASE "{url.database}" SET {one} = {value}' for one, value in standing),
    )
    return render(url.set(port=pooler_port))


def test_more_clients_than_connections_are_all_served(backend: Backend) -> None:
    tokens = []
    for number in range(CLIENTS):
        with backend.client() as client:
            register(client, f"client{number}@example.com")
            tokens.append(client.headers["Authorization"])

    def use(number: int) -> list[int]:
        with backend.client(headers={"Authorization": tokens[number]}) as client:
            body = {"action_type": "WRITE", "payload": {"n": number}}
            made = [answered(client, "POST", json=body).status_code for _ in range(5)]
            listed = answered(client, "GET").json()["items"]
            return [*made, len(listed), *(item["payload"]["n"] for item in listed)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(use, range(CLIENTS)))

    assert answers == [[201] * 5 + [5] + [number] * 5 for number in range(CLIENTS)]


def answered(client: httpx.Client, method: str, **body: Any) -> httpx.Response:
    """Ask until there is an answer: on a machine with two busy cores a service may be busy too."""
    deadline = time.monotonic() + 60
    key = {"Idempotency-Key": str(uuid4())}
    while (
        answer := client.request(method, "/api/v1/history", headers=key, **body)
    ).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    return answer


@pytest.mark.parametrize("ask", [migrate.current, upgrade_what_is_at_the_head])
def test_who_asks_for_the_revision_leaves_sessions_as_they_were(
    ask: Callable[[str], object], direct: Database, suite_run: Run, database_url: str
) -> None:
    folder = suite_run.folder / f"pgbouncer-{suite_run.new_name()}"
    url = parse_url(direct.url)
    with pooling(url, folder, pool_size=1) as port:
        pooled = render(url.set(port=port))

        ask(pooled)

        assert rows(pooled, "SHOW statement_timeout") == [("5s",)]


def test_the_doctor_finds_time_outs_that_stand_on_the_database(
    database_url: str, direct: Database, tmp_path: Path
) -> None:
    standing = diagnose(settings_with(tmp_path, database_url))
    name = parse_url(database_url).database
    run_sql(direct.url, f'ALTER DATABASE "{name}" SET lock_timeout = 0')
    # The pooler keeps sessions, which keep what stood there when they began.
    run_sql(
        direct.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    # Whoever is given a connection that has ended is told so; the pooler has one for each place.
    for _ in range(20):
        with suppress(sa.exc.OperationalError):
            run_sql(database_url, "SELECT 1")
    without = diagnose(settings_with(tmp_path, database_url))

    assert standing["database_timeouts"].outcome == "ok"
    assert without["database_timeouts"].outcome == "problem"
    assert "ALTER ROLE" in without["database_timeouts"].fix


def test_a_pooler_that_refuses_parameters_is_told(
    direct: Database, suite_run: Run, tmp_path: Path
) -> None:
    folder = suite_run.folder / f"pgbouncer-{suite_run.new_name()}"
    url = parse_url(direct.url)
    with pooling(url, folder, pool_size=1, ignore_startup_parameters="extra_float_digits") as port:
        found = diagnose(settings_with(tmp_path, render(url.set(port=port))))["database_login"]

    assert found.outcome == "problem"
    assert "ignore_startup_parameters" in found.fix
