"""Secrets are rotated as docs/operations says, under a service that goes on answering."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import psycopg2
import pytest

from bilayer.urls import parse_url
from tests.architecture.documents import blocks
from tests.container.conftest import Roles, make_roles
from tests.e2e.test_journey import register
from tests.support.backend import Backend, running
from tests.support.databases import ROOT, migrate, migrated_database
from tests.support.run import Run
from tests.support.servers import Server, render

PAGE = ROOT / "docs/operations/rotate-secrets.md"
pytestmark = pytest.mark.slow


def reload(backend: Backend) -> None:
    """Reload as `systemctl reload` does, and wait until every worker is a new one."""
    before = set(backend.workers())
    backend.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while before & set(backend.workers()):
        assert time.monotonic() < deadline, "the workers were not replaced"
        time.sleep(0.05)


def test_a_former_key_is_believed_until_it_is_taken_away(suite_run: Run, tmp_path: Path) -> None:
    former = tmp_path / "secret_key_fallbacks"
    (tmp_path / "secret_key").write_text("the key of the day before\n")
    former.touch()
    with (
        migrated_database(suite_run, "sqlite") as url,
        running(
            url,
            tmp_path,
            SECRET_KEY_FILE=str(tmp_path / "secret_key"),
            SECRET_KEY_FALLBACKS_FILE=str(former),
        ) as backend,
        backend.client() as client,
    ):
        register(client)
        for number in range(2):
            client.post("/api/v1/history", json={"action_type": "A", "payload": {"n": number}})
        page = {"limit": 1}
        cursor = client.get("/api/v1/history", params=page).json()["next_cursor"]

        environment = {"PATH": os.environ["PATH"], "SECRETS": str(tmp_path)}
        for script in (block.text for block in blocks(PAGE) if block.language == "sh"):
            subprocess.run(["bash", "-euc", script], env=environment, check=True)
            reload(backend)
        believed = client.get("/api/v1/history", params=page | {"cursor": cursor})
        former.write_text("")
        reload(backend)
        refused = client.get("/api/v1/history", params=page | {"cursor": cursor})

    assert believed.status_code == 200, believed.text
    assert refused.json()["code"] == "INVALID_CURSOR"


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_the_password_of_the_role_changes_while_clients_read(
    asks_passwords: Server, suite_run: Run, tmp_path: Path
) -> None:
    roles = Roles(asks_passwords, suite_run.new_name())
    asks_passwords.create_database(roles.database)
    assert make_roles(asks_passwords, roles.database).returncode == 0
    migrate(roles.url("owner"))
    former, later = roles.url("rw"), render(parse_url(roles.url("rw")).set(password="later"))
    file = tmp_path / "database_url"
    file.write_text(former)
    statuses: list[int] = []
    stop = threading.Event()

    with running("", tmp_path, DATABASE_URL_FILE=str(file)) as backend:
        with backend.client() as client:
            register(client)
            token = client.headers["Authorization"]

        def read() -> None:
            while not stop.is_set():
                with backend.client(headers={"Authorization": token}) as client:
                    statuses.append(client.get("/api/v1/users/me").status_code)

        reader = threading.Thread(target=read)
        reader.start()
        asks_passwords.execute("ALTER ROLE app_rw PASSWORD 'later'")
        file.write_text(later)
        reload(backend)
        seen = len(statuses)
        while len(statuses) < seen + 20:
            time.sleep(0.02)
        stop.set()
        reader.join()

    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(former.replace("+psycopg2", ""))
    asks_passwords.drop_database(roles.database)
    assert set(statuses) <= {200, 503}
    assert set(statuses[seen:]) == {200}
