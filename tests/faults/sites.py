"""A service on a wire: one worker of the real server, and between it and its database a proxy."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa

from bilayer.urls import parse_url
from tests.e2e.test_journey import register
from tests.support.backend import Backend, running
from tests.support.databases import migrate
from tests.support.proxy import Proxy
from tests.support.servers import Server, render

HISTORY: Final = "/api/v1/history"
ROLE: Final = "clerk"
RECOVERY_SECONDS: Final = 20
_GRANTS: Final = {
    "postgresql": (
        f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}",
    ),
    "mariadb": (
        f"CREATE USER IF NOT EXISTS {ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {{name}}.* TO {ROLE}",
    ),
}


@dataclass
class Site:
    """A running service, its database and the wire between them.

    Attributes:
        server: The database server, which a test may hurt.
        url: The database's, as its superuser and without the wire.
        backend: The service.
        token: What somebody who is signed in sends.
        acknowledged: The ids of the rows whose write was answered with success.
        wire: The wire, if there is one.
    """

    server: Server
    url: str
    backend: Backend
    token: str
    acknowledged: list[str] = field(default_factory=list)
    wire: Proxy | None = None

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self.server.engine

    @property
    def proxy(self) -> Proxy:
        """The wire."""
        assert self.wire is not None
        return self.wire

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Give somebody who is signed in."""
        with self.backend.client(headers={"Authorization": self.token}) as client:
            yield client

    def execute(self, *statements: str) -> None:
        """Run statements in the database as its superuser, each by itself."""
        engine = sa.create_engine(
            parse_url(self.url), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a transaction of somebody else, which is rolled back."""
        engine = sa.create_engine(parse_url(self.url), poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection
            connection.rollback()

    def write(self, client: httpx.Client, **body: Any) -> httpx.Response:
        """Write a row, and remember it if that was acknowledged."""
        body = {"id": str(uuid4()), "action_type": "WRITE", "payload": {"a": 1}} | body
        answer = client.post(HISTORY, json=body)
        if answer.status_code in (200, 201):
            self.acknowledged.append(body["id"])
        return answer

    def stored(self) -> set[str]:
        """Return the ids of all rows of the history, as the database itself has them."""
        engine = sa.create_engine(parse_url(self.url), poolclass=sa.NullPool)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT CAST(id AS char(36)) FROM history").scalars()
            return {str(UUID(row)) for row in rows}

    def wait_until_ready(self, *states: str) -> None:
        """Wait until the service has recovered by itself, or is in one of these states."""
        # Of a storage that failed is told for a minute.
        wanted = states or ("ready", "storage_failed", "storage_full")
        with self.client() as client:
            self._wait(client, wanted)

    def metric(self, line: str) -> float:
        """Return a number of ``/metrics``, 0 if it is not there."""
        with self.client() as client:
            for found in client.get("/metrics").text.splitlines():
                name, _, value = found.rpartition(" ")
                if name == line:
                    return float(value)
        return 0.0

    def _wait(self, client: httpx.Client, states: tuple[str, ...]) -> None:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            answer = client.get("/readyz")
            if answer.status_code == 200 and answer.json()["state"] in states:
                return
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)


@contextmanager
def site_on(server: Server, folder: Path) -> Iterator[Site]:
    """Run a service on a new database of a server, with a wire between them."""
    url = prepare_database(server, f"faults_{os.getpid()}_{uuid4().hex[:8]}")
    role_url = render(parse_url(url).set(username=ROLE, password=None))
    with Proxy(role_url) as wire, on_url(server, url, wire.url, folder) as site:
        site.wire = wire
        yield site


def prepare_database(server: Server, name: str) -> str:
    """Make and migrate a database for the service's role; return its URL as the superuser's."""
    url = server.create_database(name)
    migrate(url)
    engine = sa.create_engine(parse_url(url), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for grant in _GRANTS[server.engine]:
            connection.exec_driver_sql(grant.format(name=name))
    return url


@contextmanager
def on_url(server: Server, url: str, service_url: str, folder: Path) -> Iterator[Site]:
    """Run a service that reaches a prepared database by another URL, and sign somebody in."""
    with running(service_url, folder, WORKERS="1", THREADS="8") as backend:
        with backend.client() as client:
            register(client)
            token = client.headers["Authorization"]
        yield Site(server, url, backend, token)
