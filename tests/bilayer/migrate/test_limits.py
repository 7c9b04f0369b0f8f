"""A migration gives up a lock soon and comes back later, and never runs a step twice."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bilayer.migrate import Limits, MigrationError, current, engines
from bilayer.urls import parse_url
from tests.bilayer.migrate.project import Project, only

CREATE_T = "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True))"
ADD_COLUMN = "op.add_column('t', sa.Column('added', sa.Integer))"


@pytest.fixture
def project(project: Project) -> Project:
    """The project with a table that others use."""
    # MariaDB counts this limit in whole seconds.
    lock_timeout = 1.0 if project.url.get_backend_name() == "mysql" else 0.2
    project.limits = replace(project.limits, lock_timeout=lock_timeout, statement_timeout=1)
    project.add("one", CREATE_T, "op.drop_table('t')")
    project.upgrade()
    return project


def test_locked_table_is_tried_again_until_it_is_free(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.add("two", ADD_COLUMN)

    with locked(project, lambda _: "attempt 2 follows" in caplog.text):
        project.upgrade()

    assert current(project.url) == ("two",)
    assert "attempt 2 follows" in caplog.text


def test_table_that_stays_locked_ends_the_migration(project: Project) -> None:
    project.add("two", ADD_COLUMN)
    project.limits = replace(project.limits, attempts=2)

    with locked(project), pytest.raises(MigrationError, match="gave up after 2"):
        project.upgrade()

    assert current(project.url) == ("one",)


def test_repeated_attempt_applies_only_the_steps_asked_for(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.add("two", "pass")
    project.add("three", ADD_COLUMN)
    project.add("four", "raise AssertionError('nobody asked for this')")

    with locked(project, lambda _: "attempt 2 follows" in caplog.text):
        project.upgrade("+2")

    assert current(project.url) == ("three",)


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb"])
def test_server_that_says_nothing_is_given_up(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in engines._CONNECT_ARGS["mysql"]:
        monkeypatch.setitem(engines._CONNECT_ARGS["mysql"], name, 2)
    monkeypatch.setitem(engines._CONNECT_ARGS["postgresql"], "connect_timeout", 2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        began = time.monotonic()

        with pytest.raises(sa.exc.OperationalError):
            current(f"{scheme}://app:secret@127.0.0.1:{silent.getsockname()[1]}/app")

    assert time.monotonic() - began < 8


@only("mariadb")
def test_statement_may_take_longer_than_connecting(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines._CONNECT_ARGS["mysql"], "read_timeout", 0.2)
    with engines.migration_engine(parse_url(empty_database_url), Limits()).connect() as connection:
        assert connection.exec_driver_sql("SELECT sleep(0.5)").scalar() == 0


@only("postgresql", "mariadb")
def test_statement_that_runs_too_long_is_stopped(project: Project) -> None:
    sleep = "pg_sleep(9)" if project.url.get_backend_name() == "postgresql" else "SLEEP(9)"
    project.add("two", f"op.execute('SELECT {sleep}')")
    project.limits = replace(project.limits, attempts=2)
    began = time.monotonic()

    with pytest.raises(MigrationError, match="gave up after 2"):
        project.upgrade()

    assert time.monotonic() - began < 9
    assert current(project.url) == ("one",)


def test_error_that_does_not_pass_is_not_tried_again(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.add("two", "op.execute('DELETE FROM nowhere')")

    with pytest.raises(sa.exc.DBAPIError):
        project.upgrade()

    assert "follows in" not in caplog.text


@only("postgresql")
def test_concurrent_index_waits_as_long_as_it_needs(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.add(
        "two",
        """
        with op.get_context().autocommit_block():
            op.create_index("ix_t", "t", ["id"], postgresql_concurrently=True)
        """,
    )

    with locked(project, has_blocked_for(1.3), mode="ROW EXCLUSIVE"):
        project.upgrade()

    assert caplog.messages == []
    with project.connect() as connection:
        assert connection.scalar(
            sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_t'::regclass")
        )


@only("postgresql")
def test_validation_waits_as_long_as_it_needs_and_the_next_statement_does_not(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.add("two", 'op.execute("ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID")')
    project.upgrade()
    project.add(
        "three",
        """
        op.execute("ALTER TABLE t VALIDATE CONSTRAINT c")
        found = op.get_bind().exec_driver_sql("SHOW lock_timeout").scalar()
        assert found == "200ms", found
        """,
    )

    with locked(project, has_blocked_for(1.3), mode="SHARE UPDATE EXCLUSIVE"):
        project.upgrade()

    assert caplog.messages == []


@contextmanager
def locked(
    project: Project,
    is_over: Callable[[sa.Connection], object] = lambda _: False,
    *,
    mode: str = "ACCESS EXCLUSIVE",
) -> Iterator[None]:
    """Let another session keep table t (on SQLite the database) until it is told to let go."""
    statements = {
        "sqlite": ["BEGIN IMMEDIATE"],
        "postgresql": ["BEGIN", f"LOCK TABLE t IN {mode} MODE"],
        "mysql": ["BEGIN", "SELECT * FROM t"],
    }
    has_lock, has_ended = threading.Event(), threading.Event()

    def hold() -> None:
        with project.connect() as connection:
            for statement in statements[project.url.get_backend_name()]:
                connection.exec_driver_sql(statement)
            has_lock.set()
            while not is_over(connection) and not has_ended.wait(0.05):
                pass
            connection.exec_driver_sql("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    has_lock.wait(5)
    try:
        yield
    finally:
        has_ended.set()
        holder.join()


def has_blocked_for(seconds: float) -> Callable[[sa.Connection], bool]:
    """Tell when a session of PostgreSQL has kept another one waiting for so long."""
    began: list[float] = []

    def has_blocked(connection: sa.Connection) -> bool:
        statement = "SELECT pg_backend_pid() = ANY (pg_blocking_pids(pid)) FROM pg_locks"
        if not began and True in connection.execute(sa.text(statement)).scalars().all():
            began.append(time.monotonic())
        return bool(began) and time.monotonic() - began[0] > seconds

    return has_blocked


@pytest.fixture(autouse=True)
def _warnings_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "bilayer.migrate")
