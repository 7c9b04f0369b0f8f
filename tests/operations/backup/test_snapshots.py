"""A backup is of one moment, whoever writes meanwhile, and tells nobody a secret."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.models import create_history, release, transaction
from app.operations.backup.engines import ENGINES, mysql, postgresql
from app.operations.backup.errors import BackupError
from bilayer.runtime.errors import DatabaseError
from bilayer.urls import engine_name
from tests.factories import make_user
from tests.operations.backup.conftest import Site

PASSWORD = "a'b\"c#d\\e f"
WRITERS = 3


def test_backup_is_of_one_moment_while_others_write(site: Site) -> None:
    users, done = [make_user()["id"] for _ in range(WRITERS)], threading.Event()
    counts = [0] * WRITERS
    writers = [
        threading.Thread(target=write_pairs, args=(user_id, at, counts, done))
        for at, user_id in enumerate(users)
    ]
    for writer in writers:
        writer.start()
    while not all(counts):
        time.sleep(0.005)
    before = sum(counts)

    made = site.create()

    while sum(counts) == before:
        time.sleep(0.005)
    done.set()
    for writer in writers:
        writer.join()
    site.verify(made.name)
    # Two for each pair, and those of every table.
    assert made.tables["history"]["rows"] % 2 == 0
    assert 2 * before <= made.tables["history"]["rows"] - 2 <= 2 * sum(counts)


def write_pairs(user_id: UUID, at: int, counts: list[int], done: threading.Event) -> None:
    while not done.is_set():
        try:
            with transaction():
                for _ in range(2):
                    create_history(
                        user_id, history_id=uuid4(), action_type="PAIR", payload={"n": counts[at]}
                    )
        except DatabaseError:  # Who waits too long for a lock, as the file has one, begins again.
            continue
        counts[at] += 1
    release()


def test_files_are_closed_to_others_whatever_the_umask(site: Site) -> None:
    before = os.umask(0)
    try:
        made = site.create()
    finally:
        os.umask(before)

    root = site.place.folder.path
    folders = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    files = [path for path in root.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {path.name for path in site.path(made.name).iterdir()} == {
        *made.files,
        "manifest.json",
    }


def test_no_password_stands_on_a_command_line(
    site: Site, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "sqlite":
        pytest.skip("SQLite knows no passwords")
    name = f"backup_{secrets.token_hex(6)}"
    quoted = PASSWORD.replace("'", "''")
    if engine == "mariadb":
        quoted = quoted.replace("\\", "\\\\")
        make = f"GRANT ALL ON *.* TO '{name}'@'%%' IDENTIFIED BY '{quoted}'"
        remove = f"DROP USER '{name}'@'%%'"
    else:
        make, remove = (
            f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{quoted}'",
            f"DROP ROLE {name}",
        )
    started = commands_that_are_started(monkeypatch)
    url = site.url.set(username=name, password=PASSWORD)
    engine_of_root = sa.create_engine(site.url, poolclass=sa.NullPool)
    with engine_of_root.begin() as connection:
        connection.exec_driver_sql(make)
    try:
        with ENGINES[engine_name(url.drivername)].snapshot(url, tmp_path) as snapshot:
            closed = [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.cnf")]
            while snapshot.source.read(1 << 16):
                pass
    finally:
        with engine_of_root.begin() as connection:
            connection.exec_driver_sql(remove)

    assert any("dump" in line and "--version" not in line for line in started)
    assert not any("a'b" in line for line in started)
    assert closed == ([0o600] if engine == "mariadb" else [])
    assert list(tmp_path.glob("*.cnf")) == []


def commands_that_are_started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that takes each command line a program is started with."""
    started: list[str] = []
    start = subprocess.Popen.__init__

    def note(process: Any, command: Any, *args: Any, **options: Any) -> None:
        started.append(" ".join(map(str, command)))
        start(process, command, *args, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", note)
    return started


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True)
def test_dump_that_does_not_begin_lets_writers_go_on(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = tmp_path / "mariadb-dump"
    stuck.write_text("#!/bin/sh\nexec sleep 600\n")
    stuck.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(mysql, "_BEGINNING_SECONDS", 0.2)

    with pytest.raises(BackupError, match="The dump does not begin"):
        site.create()

    make_user()


def test_tool_that_is_older_than_the_server_is_named() -> None:
    with pytest.raises(BackupError) as refusal:
        postgresql._find("pg_dump", 99)

    assert "The server needs pg_dump 99 or newer, and the one here is" in str(refusal.value)
    assert str(refusal.value).endswith(": install postgresql-client-99.")
