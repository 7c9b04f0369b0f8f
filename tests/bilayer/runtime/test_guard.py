"""The guard: who may take a connection, what it is told, and the time that it gives."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    CircuitOpen,
    ConnectionLost,
    Database,
    DeadlineExceeded,
    LockTimeout,
    OutcomeUnknown,
    PoolTimeout,
    StatementTimeout,
    TransactionAborted,
    TransactionMisuse,
    UniqueViolation,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import SLOW, Statements, backend, only, wait_until
from tests.bilayer.runtime.guards import Watchman
from tests.bilayer.runtime.owners import add, names
from tests.bilayer.runtime.threads import other_thread
from tests.support.proxy import Proxy


@pytest.fixture
def guard() -> Watchman:
    return Watchman()


@pytest.fixture
def guarded(guard: Watchman, tables_url: str) -> Iterator[Database]:
    with schema.connect(tables_url, guard=guard, pool_size=1, max_overflow=0) as database:
        yield database


# -- who may take a connection


def test_guard_hears_of_each_connection_once(guard: Watchman, guarded: Database) -> None:
    query = guarded.dal(guarded.dal.owners)

    query.count()
    query.count()
    assert guard.told == ["admit", "connected"]
    guarded.release()
    guarded.release()

    assert guard.told == ["admit", "connected", "leave"]


def test_guard_can_refuse_and_nothing_is_sent(guard: Watchman, guarded: Database) -> None:
    guard.is_open = False

    with pytest.raises(CircuitOpen) as refusal:
        guarded.dal(guarded.dal.owners).count()

    assert refusal.value.retry_after == 7
    assert isinstance(refusal.value, ConnectionLost)
    assert guard.told == []
    assert not guarded.in_transaction


def test_errors_of_statements_are_no_failures(guard: Watchman, guarded: Database) -> None:
    key = uuid.uuid4()
    guarded.dal.owners.insert(id=key)
    guarded.release()
    guard.told.clear()

    with pytest.raises(UniqueViolation):
        guarded.dal.owners.insert(id=key)

    assert guard.told == ["admit", "connected"]


def test_thread_that_dies_has_left(guard: Watchman, guarded: Database) -> None:
    thread = threading.Thread(target=guarded.dal(guarded.dal.owners).count)
    thread.start()
    thread.join()

    wait_until(lambda: guard.told == ["admit", "connected", "leave"])


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_server_that_is_not_there_is_a_failure(scheme: str, guard: Watchman) -> None:
    url = f"{scheme}://someone@127.0.0.1:1/nothing"
    with Database.connect(url, guard=guard) as database, pytest.raises(ConnectionLost):
        database.dal.executesql("SELECT 1")

    assert guard.told == ["admit", "failed", "leave"]


@only("postgresql", "mariadb")
def test_connection_that_never_answers_is_a_failure(guard: Watchman, tables_url: str) -> None:
    # As behind PgBouncer, which takes connections also when its server is down.
    with Proxy(tables_url) as proxy, schema.connect(proxy.url, guard=guard) as database:
        query = database.dal(database.dal.owners)
        query.count()
        database.release()
        guard.told.clear()
        proxy.lose_answer_to("SELECT", times=9)

        with pytest.raises(ConnectionLost):
            query.count()

        # The first had answered before; the second was asked, and did not.
        assert guard.told == ["admit", "leave", "admit", "failed", "leave"]


@only("postgresql", "mariadb")
def test_connection_that_answered_and_breaks_is_no_failure(
    guard: Watchman, tables_url: str
) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url, guard=guard) as database:
        query = database.dal(database.dal.owners)
        query.count()
        proxy.lose_answer_to("SELECT COUNT")

        with pytest.raises(ConnectionLost):
            query.count()

        assert guard.told == ["admit", "connected", "leave"]


def test_full_pool_is_no_failure(guard: Watchman, guarded: Database) -> None:
    guard.give(0.4)
    query = guarded.dal(guarded.dal.owners)
    with other_thread(guarded, query.count, transaction=False):
        guard.told.clear()
        began = time.monotonic()
        with pytest.raises((PoolTimeout, DeadlineExceeded)):
            query.count()
        waited = time.monotonic() - began

        assert guard.told == ["admit", "leave"]

    assert waited < 5  # The pool itself would have waited half a minute.


def test_pool_keeps_its_own_wait_when_it_is_renewed(guard: Watchman, guarded: Database) -> None:
    guard.give(0.5)
    guarded.engine.dispose()

    guard.ends_at = None

    assert isinstance(guarded.engine.pool, sa.QueuePool)
    assert guarded.engine.pool.timeout() == 30.0


# -- how long it may take


def test_nothing_is_sent_when_the_time_is_over(guard: Watchman, guarded: Database) -> None:
    query = guarded.dal(guarded.dal.owners)
    query.count()
    sent = Statements(guarded).sent
    guard.give(0)

    with pytest.raises(DeadlineExceeded) as refusal:
        query.count()

    assert isinstance(refusal.value, StatementTimeout)
    assert sent == []


def test_no_connection_is_taken_when_the_time_is_over(guard: Watchman, guarded: Database) -> None:
    guard.give(0)

    with pytest.raises(DeadlineExceeded), guarded.transaction():
        pass

    assert guard.told == []


@only("sqlite", "mariadb")
def test_transaction_that_could_not_begin_leaves_no_settings(
    guard: Watchman, guarded: Database, core: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.dal(guarded.dal.owners).count()
    left = iter([5.0, 0.0])
    with monkeypatch.context() as patch:
        patch.setattr(guard, "remaining", lambda: next(left))

        with pytest.raises(DeadlineExceeded), guarded.transaction("SERIALIZABLE", readonly=True):
            pass

    add(guarded.dal, "written")
    assert names(core) == {"written"}
    assert guard.told == ["admit", "connected", "leave", "admit", "connected"]


def test_commit_is_never_refused(guard: Watchman, guarded: Database, core: sa.Engine) -> None:
    with guarded.transaction():
        add(guarded.dal, "kept")
        guard.give(0)

    assert names(core) == {"kept"}


def test_savepoint_ends_after_the_time_too(
    guard: Watchman, guarded: Database, core: sa.Engine
) -> None:
    with guarded.transaction(), guarded.transaction():
        add(guarded.dal, "kept")
        guard.give(0)

    assert names(core) == {"kept"}


def test_refused_statement_dooms_its_transaction(
    guard: Watchman, guarded: Database, core: sa.Engine
) -> None:
    with pytest.raises(TransactionAborted), guarded.transaction():
        add(guarded.dal, "half")
        guard.give(0)
        with pytest.raises(DeadlineExceeded):
            add(guarded.dal, "other half")

    assert names(core) == set()
    assert guard.told == ["admit", "connected"]


def test_running_statement_is_cut_at_the_end_of_the_time(
    guard: Watchman, guarded: Database
) -> None:
    same = backend(guarded)
    guard.give(0.3)
    began = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        guarded.dal.executesql(SLOW[guarded.engine_name])

    assert time.monotonic() - began < 4
    assert "failed" not in guard.told
    guard.ends_at = None
    assert (backend(guarded) == same) is (guarded.engine_name == "sqlite")


@only("postgresql", "mariadb")
def test_write_that_is_cut_has_an_unknown_outcome_and_is_no_failure(
    guard: Watchman, guarded: Database, core: sa.Engine
) -> None:
    owners = guarded.dal.owners
    key = owners.insert(id=uuid.uuid4(), name="old")
    with core.begin() as other:
        other.execute(schema.owners.update().values(name="theirs"))
        guard.give(0.3)

        with pytest.raises(OutcomeUnknown):
            guarded.dal(owners.id == key).update(name="new")

    assert "failed" not in guard.told


@only("postgresql", "mariadb")
def test_silent_server_is_a_failure_if_it_had_its_time(guard: Watchman, tables_url: str) -> None:
    options: Any = {"statement_timeout": 0.4, "read_timeout": 0.8, "connect_timeout": 1}
    with Proxy(tables_url) as proxy, schema.connect(proxy.url, guard=guard, **options) as database:
        query = database.dal(database.dal.owners)
        query.count()
        database.release()
        guard.give(30)
        proxy.fall_silent()

        with pytest.raises(ConnectionLost):
            query.count()

        proxy.recover()
        assert guard.told == ["admit", "connected", "leave", "admit", "failed", "leave"]


@only("postgresql", "mariadb")
def test_new_connection_takes_no_longer_than_the_time(guard: Watchman, tables_url: str) -> None:
    with (
        Proxy(tables_url) as proxy,
        schema.connect(proxy.url, guard=guard, connect_timeout=8, read_timeout=9) as database,
    ):
        proxy.fall_silent()
        guard.give(1)
        began = time.monotonic()

        with pytest.raises(DeadlineExceeded):
            database.dal.executesql("SELECT 1")

        assert time.monotonic() - began < 6
        assert guard.told == ["admit", "leave"]


@only("postgresql", "mariadb")
def test_ping_of_a_pooled_connection_takes_no_longer_than_the_time(
    guard: Watchman, tables_url: str
) -> None:
    with (
        Proxy(tables_url) as proxy,
        schema.connect(proxy.url, guard=guard, connect_timeout=8, read_timeout=9) as database,
    ):
        database.dal.executesql("SELECT 1")
        database.release()
        guard.told.clear()
        proxy.fall_silent()
        guard.give(0.4)
        began = time.monotonic()

        with pytest.raises(DeadlineExceeded):
            database.dal.executesql("SELECT 1")

        assert time.monotonic() - began < 5
        assert guard.told == ["admit", "leave"]


@only("sqlite")
def test_wait_for_the_writer_of_sqlite_ends_with_the_time(
    guard: Watchman, guarded: Database, core: sa.Engine
) -> None:
    owners = guarded.dal.owners
    add(guarded.dal, "first")
    with core.connect() as writer:
        writer.exec_driver_sql("BEGIN IMMEDIATE")
        guard.give(0.3)
        began = time.monotonic()
        with pytest.raises((LockTimeout, DeadlineExceeded)):
            owners.insert(id=uuid.uuid4())
        waited = time.monotonic() - began
        writer.rollback()
    guard.ends_at = None
    add(guarded.dal, "second")

    assert waited < 3  # It would be five seconds.
    assert guarded.dal.executesql("PRAGMA busy_timeout") == [(5000,)]


# -- throwing a connection away


def test_connection_can_be_thrown_away(guard: Watchman, guarded: Database) -> None:
    before = backend(guarded)
    guarded.dal(guarded.dal.owners).count()

    guarded.discard()

    assert guard.told == ["admit", "connected", "leave"]
    assert backend(guarded) != before


def test_connection_of_a_transaction_is_not_thrown_away(guarded: Database) -> None:
    with guarded.transaction():
        with pytest.raises(TransactionMisuse):
            guarded.discard()
        add(guarded.dal, "kept")

    assert guarded.dal(guarded.dal.owners).count() == 1
