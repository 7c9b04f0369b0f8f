"""The harness keeps its promises: engines are named, servers die, the network is closed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid

import pytest
import sqlalchemy as sa

from app.db.models import Profile, User
from tests.support.databases import ROOT, Database
from tests.support.network import NetworkClosedError
from tests.support.processes import find_postgresql
from tests.support.run import Run, is_alive
from tests.support.servers import Server

WITHOUT_MARIADB = """
import sys
from tests.support import run
run.find_mariadb = lambda: None
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/architecture/test_repository.py"]))
"""
START_AND_WAIT = """
import sys, time
from pathlib import Path
from tests.support.servers import new_postgresql
server = new_postgresql(Path(sys.argv[1]))
server.prepare()
server.start()
print(server.process.child.pid, flush=True)
time.sleep(60)
"""
MISSING_ENGINE = 4  # pytest's exit code for wrong use.


def run_without_mariadb(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_MARIADB],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_engine_that_is_not_to_be_had_is_named() -> None:
    ran = run_without_mariadb()

    assert ran.returncode == 0, ran.stdout
    assert "mariadb: NOT RUN" in ran.stdout
    assert "sqlite: 0 tests" in ran.stdout


@pytest.mark.parametrize(
    ("required", "sentence"),
    [
        ("sqlite,mariadb", "REQUIRE_ENGINES demands mariadb"),
        ("oracle", "REQUIRE_ENGINES names 'oracle'"),
    ],
)
def test_a_run_without_a_required_engine_fails(required: str, sentence: str) -> None:
    ran = run_without_mariadb(REQUIRE_ENGINES=required)

    assert ran.returncode == MISSING_ENGINE
    assert sentence in ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.skipif(find_postgresql() is None, reason="PostgreSQL is not installed")
def test_a_killed_run_leaves_no_server(suite_run: Run) -> None:
    # Below the run's folder, where the servers' user may look.
    folder = suite_run.folder / suite_run.new_name()
    run = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    server = int(run.stdout.readline())
    assert is_alive(server)

    run.kill()
    run.wait()
    run.stdout.close()

    deadline = time.monotonic() + 10
    while is_alive(server):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_of_our_own_survives_what_tests_do_to_it(server: Server) -> None:
    engine = sa.create_engine(server.url)
    connection = engine.connect()
    connection.exec_driver_sql("SELECT 1")

    server.kill_connections()

    with pytest.raises(sa.exc.DBAPIError):
        connection.exec_driver_sql("SELECT 1")
    connection.invalidate()
    connection.close()
    server.restart()
    with engine.connect() as again:
        assert again.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


def test_a_database_is_emptied_children_first(migrated_database_url: str) -> None:
    engine = sa.create_engine(migrated_database_url, poolclass=sa.NullPool)
    user = uuid.uuid4()
    with engine.begin() as connection:
        connection.execute(sa.insert(User).values(id=user, user_type="guest"))
        connection.execute(sa.insert(Profile).values(user_id=user))

    Database.at(migrated_database_url).empty()

    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(User)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(Profile)) == 0


def test_other_machines_cannot_be_reached() -> None:
    with pytest.raises(NetworkClosedError):
        socket.create_connection(("192.0.2.1", 80), 1)
    with pytest.raises(NetworkClosedError):
        socket.getaddrinfo("example.org", 80)
