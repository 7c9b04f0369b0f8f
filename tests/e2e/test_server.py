"""The server itself: its processes, connections and logs."""

import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from tests.e2e.test_journey import PASSWORD, register
from tests.support.backend import Backend, running
from tests.support.databases import migrated_database
from tests.support.production import PRODUCTION
from tests.support.run import Run
from tests.support.servers import Server


def open_files(pid: int) -> list[str]:
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:  # Closed while we looked.
            continue
    return links


def connections(url: str) -> int:
    """Count the connections to this database but ours."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if engine.dialect.name == "postgresql":
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    else:
        query = "SELECT count(*) FROM information_schema.processlist WHERE db = database()"
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(query)) or 0) - 1


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as listener:
            listener.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_w10_nothing_is_connected_before_the_fork(own_backend: Backend) -> None:
    with own_backend.client() as client:
        register(client)

    master = open_files(own_backend.process.pid)

    assert len([link for link in master if link.startswith("socket:")]) == 1, "the listener only"
    assert not [link for link in master if ".db" in link and "metrics-" not in link]


def test_connections_are_given_back(backend: Backend, database_url: str, engine: str) -> None:
    with backend.client() as client:
        register(client)
        token = client.headers["Authorization"]

    def ask(number: int) -> int:
        with backend.client(headers={"Authorization": token}) as client:
            if number % 4 == 0:
                return client.get("/api/v1/history/not-an-id").status_code
            if number % 4 == 1:
                return client.get("/api/v1/nothing").status_code
            if number % 4 == 2:
                body = {"action_type": "A", "payload": {}}
                return client.post("/api/v1/history", json=body).status_code
            return client.get("/api/v1/users/me").status_code

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(ask, range(300)))

    # A busy machine may keep a writer waiting for its lock too long; that is an answer, too.
    assert [{503: 201}.get(status, status) for status in statuses] == [422, 404, 201, 200] * 75
    assert statuses.count(503) < 75
    with backend.client() as client:
        assert "database_connections_in_use 0.0" in client.get("/metrics").text
    if engine != "sqlite":
        assert connections(database_url) <= 2 * 10, "no more than both workers' pools"


def test_crowd_beyond_the_pool_is_answered_or_asked_to_wait(
    database_url: str, tmp_path: Path
) -> None:
    settings = {"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0", "THREADS": "16"}
    with running(database_url, tmp_path, **settings) as backend:
        with backend.client() as client:
            register(client)
            token = client.headers["Authorization"]

        def write(_: int) -> httpx.Response:
            with backend.client(headers={"Authorization": token}) as client:
                body = {"action_type": "A", "payload": {}}
                return client.post("/api/v1/history", json=body)

        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(write, range(300)))
        with backend.client(headers={"Authorization": token}) as client:
            rows = client.get("/api/v1/history", params={"limit": 200}).json()["items"]
            metrics = client.get("/metrics").text

    assert {answer.status_code for answer in answers} <= {201, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.is_error)
    assert len(rows) == min(200, sum(answer.is_success for answer in answers))
    assert "database_connections_in_use 0.0" in metrics


def test_metrics_add_up_over_workers_and_outlive_them(own_backend: Backend) -> None:
    def ask(_: int) -> int:
        with own_backend.client() as client:
            return client.get("/healthz").status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(100))) == {200}
    for pid in own_backend.workers():
        os.kill(pid, signal.SIGTERM)
    time.sleep(1)
    with own_backend.client() as client:
        text = client.get("/metrics").text

    assert 'http_requests_total{method="GET",route="/healthz",status="200"} 100.0' in text


def test_log_has_one_line_a_request_and_nothing_personal(own_backend: Backend) -> None:
    with own_backend.client() as client:
        body = register(client, "canary@example.com")
        client.post(
            "/api/v1/history?canary=1",
            json={"action_type": "canary", "payload": {"canary": "canary"}},
        )
        client.get("/api/v1/history?action_type=canary")
        client.get("/canary/canary@example.com")
        client.post(
            "/api/v1/auth/login", json={"email": "canary@example.com", "password": "canary!!"}
        )
        last = client.get(
            "/healthz", headers={"X-Request-ID": "the-last-one", "User-Agent": "canary"}
        )
    own_backend.stop()

    lines = [event for event in own_backend.log if event["event"] == "request"]
    text = json.dumps(own_backend.log)
    assert [line["route"] for line in lines] == [
        "/api/v1/auth/register", "/api/v1/history", "/api/v1/history", None, "/api/v1/auth/login",
        "/healthz",
    ]  # fmt: skip
    assert last.headers["X-Request-ID"] == lines[-1]["request_id"] == "the-last-one"
    assert "canary" not in text
    assert "Pool" not in text, "what SQLAlchemy says of connections"
    assert PASSWORD not in text
    assert body["access_token"] not in text
    assert all(line["level"] in ("info", "warning") for line in own_backend.log)


def test_echo_logs_statements_without_their_values(database_url: str, tmp_path: Path) -> None:
    with running(database_url, tmp_path, DB_ECHO_SQL="true") as backend:
        with backend.client() as client:
            register(client, "canary@example.com")
        backend.stop()

    text = json.dumps(backend.log)
    assert "INSERT INTO" in text
    assert "canary" not in text


def test_production_refuses_more_connections_than_the_database_allows(
    server: Server, tmp_path: Path
) -> None:
    url = _with_password(server)
    settings = PRODUCTION | {"WORKERS": "50"}

    with pytest.raises(AssertionError) as refused, running(url, tmp_path, **settings):
        pass

    assert "WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW) is 1500" in str(refused.value)


def test_production_starts_within_the_limit(server: Server, tmp_path: Path) -> None:
    url = _with_password(server)
    with running(url, tmp_path, **PRODUCTION) as backend, backend.client() as client:
        answers = [client.get(path).status_code for path in ("/healthz", "/readyz", "/docs")]

    assert answers == [200, 503, 404]


def test_free_port_is_taken_and_told(backend: Backend) -> None:
    with backend.client() as client:
        assert client.get("/healthz").status_code == 200
    assert backend.port > 1024


def test_push_of_a_device_is_waited_for_though_other_bodies_are_shorter(
    sqlite_backend: Backend,
) -> None:
    fields = {"action_type": "A", "payload": {"text": "x" * 60_000}}
    mutations = [
        {"mutation_id": str(n), "table": "history", "op": "upsert", "id": str(uuid4())}
        | {"fields": fields}
        for n in range(30)
    ]
    with sqlite_backend.client() as client:
        token = client.post("/api/v1/auth/guest").json()["access_token"]
        answer = client.post(
            "/api/v1/sync",
            json={"client_id": "phone", "mutations": mutations},
            headers={"Authorization": f"Bearer {token}"},
        )

    assert answer.status_code == 200, answer.text
    assert [result["verdict"] for result in answer.json()["results"]] == ["applied"] * 30


def test_server_listens_on_an_address_of_ipv6(tmp_path: Path, suite_run: Run) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")

    with (
        migrated_database(suite_run, "sqlite") as url,
        running(url, tmp_path, HOST="::1") as backend,
        backend.client() as client,
    ):
        assert backend.url.startswith("http://[::1]:")
        assert client.get("/healthz").status_code == 200


def _with_password(server: Server) -> str:
    """Make a role with a password nobody guesses, and return the URL of an empty database."""
    if server.engine == "postgresql":
        server.execute("DROP ROLE IF EXISTS production")
        server.execute("CREATE ROLE production LOGIN PASSWORD 'unguessable'")
    else:
        server.execute("CREATE OR REPLACE USER production IDENTIFIED BY 'unguessable'")
        server.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO production")
    url = sa.make_url(server.url).set(username="production", password="unguessable")
    return url.render_as_string(hide_password=False)
