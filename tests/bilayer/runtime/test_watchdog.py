"""The deadline of each statement: a server that falls silent costs a wait, never a thread."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    ConnectionLost,
    Database,
    OutcomeUnknown,
    StatementTimeout,
    TransactionAborted,
)
from bilayer.runtime.watchdog import CHECK_INTERVAL_SECONDS
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import backend, only, wait_until
from tests.bilayer.runtime.threads import other_thread, run_together
from tests.support.proxy import Proxy

READ_TIMEOUT = 1.0
PATIENCE = READ_TIMEOUT + 1.5
"""The deadline, how often the watchdog looks, and what a busy machine adds."""

networked = only("postgresql", "mariadb")


@pytest.fixture
def proxy(tables_url: str) -> Iterator[Proxy]:
    """A wire to this engine's server that can fall silent."""
    with Proxy(tables_url) as wire:
        yield wire


@pytest.fixture
def remote(proxy: Proxy) -> Iterator[Database]:
    """The runtime at the other end of the wire, with short deadlines."""
    with schema.connect(
        proxy.url, connect_timeout=1, statement_timeout=0.5, read_timeout=READ_TIMEOUT
    ) as database:
        yield database


def seconds_of(action: Callable[[], Any]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def fails(action: Callable[[], Any], error: type[Exception] = ConnectionLost) -> None:
    with pytest.raises(error):
        action()


@networked
def test_silent_server_costs_the_read_timeout_and_is_forgiven(
    proxy: Proxy, remote: Database
) -> None:
    count = remote.dal(remote.dal.owners).count
    count()
    proxy.fall_silent()

    waited = seconds_of(partial(fails, count))

    proxy.recover()
    assert READ_TIMEOUT * 0.9 <= waited < PATIENCE
    assert count() == 0


@networked
def test_silence_in_a_transaction_dooms_it(proxy: Proxy, remote: Database, core: sa.Engine) -> None:
    owners = remote.dal.owners

    def work() -> None:
        with remote.transaction():
            owners.insert(id=uuid.uuid4())
            proxy.fall_silent()
            fails(lambda: owners.insert(id=uuid.uuid4()))
            fails(lambda: owners.insert(id=uuid.uuid4()), TransactionAborted)

    waited = seconds_of(partial(fails, work, TransactionAborted))

    proxy.recover()
    assert waited < PATIENCE
    assert not remote.in_transaction
    assert remote.dal(owners).count() == 0


@networked
def test_silence_at_commit_leaves_the_outcome_unknown(proxy: Proxy, remote: Database) -> None:
    def work() -> None:
        with remote.transaction():
            remote.dal.owners.insert(id=uuid.uuid4())
            proxy.fall_silent()

    waited = seconds_of(partial(fails, work, OutcomeUnknown))

    proxy.recover()
    assert waited < PATIENCE
    assert not remote.in_transaction


@networked
def test_silence_met_by_a_connection_of_the_pool_has_an_end(proxy: Proxy, remote: Database) -> None:
    # The ping that tests a pooled connection is the first to meet the silence, and a new
    # connection in its place the second.
    count = remote.dal(remote.dal.owners).count
    count()
    remote.release()
    proxy.fall_silent()

    waited = seconds_of(partial(fails, count))

    proxy.recover()
    assert waited < PATIENCE + 2
    assert count() == 0


@networked
def test_server_that_never_greets_costs_the_connect_timeout(proxy: Proxy) -> None:
    proxy.fall_silent()
    with schema.connect(proxy.url, connect_timeout=2, read_timeout=8) as database:
        waited = seconds_of(partial(fails, database.dal(database.dal.owners).count))

    assert 1.8 <= waited < 4


@networked
def test_other_threads_and_databases_do_not_notice(
    proxy: Proxy, remote: Database, database: Database
) -> None:
    remote_count = remote.dal(remote.dal.owners).count
    local_count = database.dal(database.dal.owners).count
    silent = threading.Event()
    waits: list[float] = []

    def suffer() -> None:
        remote_count()
        proxy.fall_silent()
        silent.set()
        fails(remote_count)
        silent.clear()

    def go_on() -> None:
        silent.wait(5)
        while silent.is_set():
            waits.append(seconds_of(local_count))
            time.sleep(0.02)
        database.release()

    run_together(remote, [suffer, go_on, go_on])

    proxy.recover()
    assert len(waits) > 20
    assert max(waits) < READ_TIMEOUT * 0.7


@networked
def test_every_silent_statement_is_cut_at_its_own_time(proxy: Proxy, remote: Database) -> None:
    count = remote.dal(remote.dal.owners).count
    all_connected = threading.Barrier(5, action=proxy.fall_silent)
    waits: list[float] = []

    def suffer(delay: float) -> None:
        count()
        all_connected.wait(10)
        time.sleep(delay)
        waits.append(seconds_of(partial(fails, count)))

    run_together(remote, [partial(suffer, 0.2 * n) for n in range(5)])

    proxy.recover()
    assert all(READ_TIMEOUT * 0.9 <= waited < PATIENCE for waited in waits)


def test_statement_within_its_deadline_is_left_alone(tables_url: str, engine: str) -> None:
    slow = {
        "postgresql": "SELECT pg_sleep(0.4)",
        "mariadb": "SELECT sleep(0.4)",
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000)"
        " SELECT count(*) FROM n",
    }
    options = {"statement_timeout": 0.6, "read_timeout": 0.7}
    with schema.connect(tables_url, **options) as database:
        same = backend(database)
        for _ in range(3):
            database.dal.executesql(slow[engine])

        assert backend(database) == same


@only("sqlite")
def test_endless_sqlite_statement_is_interrupted(tables_url: str) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    with schema.connect(tables_url, statement_timeout=0.4, read_timeout=0.5) as database:
        for query in ("SELECT count(*) FROM n", "SELECT i FROM n WHERE i % 1000000 = 0"):
            run = partial(database.dal.executesql, endless + query)

            waited = seconds_of(partial(fails, run, StatementTimeout))

            assert 0.3 < waited < 2

        assert database.dal(database.dal.owners).count() == 0


@only("sqlite")
def test_interrupted_sqlite_statement_dooms_its_transaction(
    tables_url: str, core: sa.Engine
) -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )
    with schema.connect(tables_url, statement_timeout=0.4, read_timeout=0.5) as database:

        def work() -> None:
            with database.transaction():
                database.dal.owners.insert(id=uuid.uuid4())
                fails(partial(database.dal.executesql, endless), StatementTimeout)

        fails(work, TransactionAborted)

        assert database.dal(database.dal.owners).count() == 0


def test_dead_thread_leaves_no_watch(database: Database) -> None:
    count = database.dal(database.dal.owners).count

    def watched() -> int:
        return len(database.dal._adapter.watchdog._watches)

    count()
    with other_thread(database, count, transaction=False):
        assert watched() == 2

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    wait_until(lambda: gc.collect() >= 0 and watched() == 1)


def test_closed_database_leaves_no_thread(tables_url: str) -> None:
    before = threading.active_count()

    for _ in range(3):
        with schema.connect(tables_url) as database:
            database.dal(database.dal.owners).count()

    wait_until(lambda: threading.active_count() <= before)


@only("postgresql")
def test_server_that_falls_silent_after_its_greeting_costs_the_connect_timeout(
    proxy: Proxy, remote: Database
) -> None:
    # What SQLAlchemy asks of a server it sees for the first time has a deadline too.
    proxy.fall_silent_after(b"ReadyForQuery")

    assert seconds_of(lambda: fails(lambda: remote.dal.executesql("SELECT 1"))) < PATIENCE + 1
    proxy.recover()
    assert remote.dal.executesql("SELECT 1") == [(1,)]


@only("sqlite")
def test_watchdog_survives_a_connection_that_was_closed_meanwhile(database: Database) -> None:
    watchdog = database._adapter.watchdog
    closed = sqlite3.connect(":memory:")
    closed.close()
    with watchdog.deadline(closed, -1):
        time.sleep(3 * CHECK_INTERVAL_SECONDS)

    database.dal(database.dal.owners).count()
    assert watchdog._thread.is_alive()


@only("sqlite")
def test_watchdog_of_other_threads_outlives_the_close_of_one(database: Database) -> None:
    with other_thread(database, lambda: database.dal(database.dal.owners).count()):
        database.close()

        assert database._adapter.watchdog._thread.is_alive()
