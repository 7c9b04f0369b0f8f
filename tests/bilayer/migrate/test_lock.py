"""One process migrates; the others wait, and a lock never outlives its holder."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from bilayer.migrate import Limits, LockNotAcquired, MigrationError, migration_lock
from bilayer.migrate.lock import MAX_LOCK_NAME, lock_name, require_held
from bilayer.urls import parse_url
from tests.bilayer.migrate.project import Project, only, wait_until

BRIEF = Limits(wait=0.2)


def test_second_holder_is_refused_after_the_wait_without_naming_the_database(
    project: Project,
) -> None:
    first, second = migration_lock(project.url, BRIEF), migration_lock(project.url, BRIEF)

    with first, pytest.raises(LockNotAcquired, match="another process") as refusal, second:
        pytest.fail("two processes hold the lock")

    assert "//" not in str(refusal.value)


def test_lock_can_be_taken_again_after_its_end(project: Project) -> None:
    with migration_lock(project.url, BRIEF):
        pass

    with migration_lock(project.url, Limits(wait=10)) as lock:
        require_held(lock)


def test_waiter_gets_the_lock_when_its_holder_ends(project: Project) -> None:
    with ExitStack() as holder:
        holder.enter_context(migration_lock(project.url, BRIEF))
        timer = threading.Timer(0.5, holder.close)
        timer.start()

        with migration_lock(project.url, Limits(wait=10)) as lock:
            require_held(lock)

    timer.join()


def test_databases_of_one_server_do_not_wait_for_each_other(
    project: Project, suite_run: object, engine: str
) -> None:
    others = {"sqlite": f"{project.url.database}.other", "postgresql": "postgres"}
    other = project.url.set(database=others.get(engine, "mysql"))

    with migration_lock(project.url, BRIEF), migration_lock(other, BRIEF) as lock:
        require_held(lock)


def test_killed_holder_leaves_no_lock(project: Project) -> None:
    project.add("one", "time.sleep(60)")
    process = project.spawn("upgrade", "head")
    with ExitStack() as probe:
        wait_until(lambda: _is_taken(project.url), process)

        process.send_signal(signal.SIGKILL)
        process.communicate()

        lock = probe.enter_context(migration_lock(project.url, Limits(wait=10)))
        require_held(lock)


@only("postgresql", "mariadb")
def test_lost_connection_of_the_lock_stops_the_migration(project: Project) -> None:
    project.add("one", f"{CUT_OTHER_SESSIONS}\nop.create_table('t', sa.Column('id', sa.Integer))")
    project.add("two", "op.create_table('u', sa.Column('id', sa.Integer))")

    with pytest.raises(MigrationError, match="migration lock was lost"):
        project.upgrade()

    assert project.tables() == {"t"}


@only("postgresql")
def test_waiter_holds_no_snapshot(project: Project) -> None:
    project.add("one", "op.create_table('t', sa.Column('id', sa.Integer))")
    with migration_lock(project.url, Limits()), project.connect() as connection:
        waiter = project.spawn("upgrade", "head")
        wait_until(lambda: len(_sessions_that_asked(connection)) == 2, waiter)

        sessions = _sessions_that_asked(connection)

    waiter.communicate()
    assert waiter.returncode == 0
    assert {(row.state, row.backend_xmin) for row in sessions} == {("idle", None)}


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"],
)
def test_database_in_memory_needs_no_lock(url: str) -> None:
    with migration_lock(parse_url(url), BRIEF), migration_lock(parse_url(url), BRIEF) as lock:
        require_held(lock)


def test_lock_names_of_long_databases_differ() -> None:
    names = {lock_name("d" * 63 + last) for last in "ab"}

    assert len(names) == 2
    assert max(map(len, names)) <= MAX_LOCK_NAME


CUT_OTHER_SESSIONS = """
connection = op.get_bind()
if connection.dialect.name == 'postgresql':
    connection.exec_driver_sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()")
else:
    for process in connection.exec_driver_sql(
        "SELECT id FROM information_schema.processlist"
        " WHERE db = DATABASE() AND id <> CONNECTION_ID()").scalars().all():
        connection.exec_driver_sql(f"KILL {process}")
"""


def _is_taken(url: sa.URL) -> bool:
    try:
        with migration_lock(url, Limits(wait=0)):
            return False
    except LockNotAcquired:
        return True


def _sessions_that_asked(connection: sa.Connection) -> list[sa.Row[tuple[str, str | None]]]:
    """List the sessions between two questions for the lock: its holder, and who waits."""
    statement = sa.text(
        "SELECT state, backend_xmin FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state <> 'active' AND query LIKE '%try_advisory_lock%'"
    )
    return list(connection.execute(statement))
