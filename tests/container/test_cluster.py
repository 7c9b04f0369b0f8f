"""The scripts of Compose's other containers, run here: the roles, a replica, PgBouncer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.container.conftest import PASSWORDS, SQL, Roles, psql
from tests.container.processes import bare
from tests.support.databases import ROOT
from tests.support.pgbouncer import find_pgbouncer
from tests.support.processes import find_postgresql
from tests.support.run import Run
from tests.support.servers import Server

NOBODY = 65534 if os.geteuid() == 0 else None
pytestmark = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


@pytest.fixture
def folder(suite_run: Run) -> Iterator[Path]:
    """Secrets, and the scripts, where an unprivileged user reads and writes."""
    folder = suite_run.folder / f"cluster-{os.getpid()}"
    shutil.copytree(ROOT / "compose", folder / "compose")
    (folder / "secrets").mkdir()
    for name, word in PASSWORDS.items():
        (folder / f"secrets/{name}_password").write_text(word)
    (folder / "secrets/superuser_password").write_text("none is asked for")
    (folder / "secrets/replicator_password").write_text("follows")
    if NOBODY is not None:
        shutil.chown(folder, NOBODY)
    yield folder
    shutil.rmtree(folder)


def environment(server: Server, folder: Path, **variables: str) -> dict[str, str]:
    programs = [str(Path(psql()).parent), str(find_postgresql()), os.environ["PATH"]]
    address = {"PGHOST": str(server.maintenance.host), "PGPORT": str(server.maintenance.port)}
    secrets = {"SECRETS": str(folder / "secrets"), "PATH": os.pathsep.join(programs)}
    return bare() | secrets | address | variables


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Ask until it is so; a process that ends or half a minute is a failure."""
    deadline = time.monotonic() + 30
    while True:
        try:
            if is_so():
                return
        except sa.exc.OperationalError:
            pass
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def make(roles: Roles, folder: Path) -> None:
    variables = environment(
        roles.server, folder, PGUSER="postgres", PGDATABASE=roles.database, SQL=str(SQL)
    )
    command: list[str | Path] = ["sh", folder / "compose/make_roles.sh"]
    made = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")


def test_roles_get_the_passwords_of_the_files(roles: Roles, folder: Path) -> None:
    make(roles, folder)
    make(roles, folder)

    question = (
        "SELECT rolname, rolsuper, rolreplication, rolpassword LIKE 'SCRAM%%' FROM pg_authid"
        " WHERE rolname ~ '^(app_|replicator)' ORDER BY rolname"
    )
    with roles.server.connect() as connection:
        made = [tuple(row) for row in connection.exec_driver_sql(question)]
    assert made == [
        ("app_owner", False, False, True),
        ("app_ro", False, False, True),
        ("app_rw", False, False, True),
        ("replicator", False, True, True),
    ]


def test_replica_follows_and_copies_only_once(roles: Roles, folder: Path) -> None:
    make(roles, folder)
    port = free_port()
    data = folder / "data"
    url = sa.make_url(roles.url("ro")).set(port=port)
    replica = sa.create_engine(url, poolclass=sa.NullPool)

    def follow() -> subprocess.Popen[bytes]:
        variables = environment(roles.server, folder, PGUSER="replicator", PGDATA=str(data))
        settings = [f"port={port}", "unix_socket_directories=", "listen_addresses=127.0.0.1"]
        settings.append("max_connections=300")  # At least those of the server it follows.
        options = [part for setting in settings for part in ("-c", setting)]
        command: list[str | Path] = ["sh", folder / "compose/replica.sh", *options]
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, env=variables, stdout=log, stderr=log, user=NOBODY, group=NOBODY
            )

    def has(key: str) -> bool:
        with replica.connect() as connection:
            question = sa.text("SELECT pg_is_in_recovery() FROM login_attempts WHERE key = :key")
            return bool(connection.scalar(question, {"key": key}))

    copied = set()
    for key in ("first start", "second start"):
        roles.execute("rw", f"INSERT INTO login_attempts (key) VALUES ('{key}')")
        process = follow()
        try:
            wait_until(lambda: has(key), process)  # noqa: B023 - called within the turn
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        copied.add((data / "PG_VERSION").stat().st_mtime_ns)
    roles.execute("rw", "DELETE FROM login_attempts")

    assert len(copied) == 1
    assert not (folder / "data.new").exists()


def test_interrupted_copy_is_made_again(roles: Roles, folder: Path) -> None:
    make(roles, folder)
    (folder / "data.new").mkdir()
    (folder / "data.new/half").touch()
    if NOBODY is not None:
        shutil.chown(folder / "data.new", NOBODY)
    variables = environment(roles.server, folder, PGUSER="replicator", PGDATA=f"{folder}/data")

    # The server itself refuses this, after the copy.
    command: list[str | Path] = ["sh", folder / "compose/replica.sh", "--no-such-option"]
    ended = subprocess.run(
        command, env=variables, capture_output=True, check=False, user=NOBODY, group=NOBODY
    )

    assert b"no-such-option" in ended.stderr
    assert (folder / "data/standby.signal").exists()
    assert not (folder / "data/half").exists()


def test_pooler_lets_the_service_in(roles: Roles, folder: Path) -> None:
    program = find_pgbouncer() or pytest.skip("pgbouncer is not installed")
    port = free_port()
    users = folder / "secrets/pgbouncer_users"
    users.write_text(f'"app_rw" "{PASSWORDS["rw"]}"\n')
    there = roles.server.maintenance
    text = (folder / "compose/pgbouncer.ini").read_text()
    for given, here in {
        "host=database port=5432 dbname=app": f"host={there.host} port={there.port}"
        f" dbname={roles.database}",
        "listen_port = 6432": f"listen_port = {port}",
        "/run/secrets/pgbouncer_users": str(users),
    }.items():
        assert given in text
        text = text.replace(given, here)
    (folder / "pgbouncer.ini").write_text(text)
    url = sa.make_url(roles.url("rw")).set(port=port, database="app")
    pooled = sa.create_engine(url, poolclass=sa.NullPool)

    def answers() -> bool:
        with pooled.connect() as connection:
            return bool(connection.scalar(sa.text("SELECT current_user = 'app_rw'")))

    process = subprocess.Popen(
        [program, folder / "pgbouncer.ini"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=NOBODY,
        group=NOBODY,
    )
    try:
        wait_until(answers, process)
        wrong = sa.create_engine(url.set(password="mistaken"), poolclass=sa.NullPool)
        with pytest.raises(sa.exc.OperationalError):
            wrong.connect()
    finally:
        process.kill()
        process.wait()
