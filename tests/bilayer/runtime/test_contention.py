"""Writers that meet: deadlocks, waits with an end, interrupts, and counters that stay exact."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Database,
    Deadlock,
    LockTimeout,
    StatementTimeout,
    TransactionAborted,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import SLOW, backend, only
from tests.bilayer.runtime.owners import Refused, add, names
from tests.bilayer.runtime.threads import other_thread, outcome, run_together

CANCEL = {"postgresql": "SELECT pg_cancel_backend({})", "mysql": "KILL QUERY {}"}

# -- waiting for others


@only("postgresql", "mariadb")
def test_deadlock_ends_one_of_two_and_its_block_cannot_go_on(
    db: Any, database: Database, core: sa.Engine
) -> None:
    first, second = add(db, "first"), add(db, "second")
    both_hold_one = threading.Barrier(2)
    refused_afterwards: list[bool] = []

    def cross(mine: uuid.UUID, other: uuid.UUID, name: str) -> str:
        with database.transaction():
            db(db.owners.id == mine).update(name=name)
            both_hold_one.wait(10)
            try:
                db(db.owners.id == other).update(name=name)
            except Deadlock:
                with pytest.raises(TransactionAborted):
                    add(db, "after the deadlock")
                refused_afterwards.append(True)
        return name

    outcomes = run_together(
        database,
        [
            outcome(lambda: cross(first, second, "winner of one")),
            outcome(lambda: cross(second, first, "winner of two")),
        ],
    )

    assert refused_afterwards == [True]
    (winner,) = (result for result in outcomes if isinstance(result, str))
    assert [type(result) for result in outcomes].count(TransactionAborted) == 1
    assert names(core) == {winner}


@only("mariadb")
def test_deadlock_in_an_inner_block_takes_the_outer_one_with_it(
    db: Any, database: Database, core: sa.Engine
) -> None:
    # InnoDB rolls the whole transaction back; the savepoints are gone, and what came after would
    # commit by itself.
    first, second = add(db, "first"), add(db, "second")
    both_hold_one = threading.Barrier(2)

    def cross(mine: uuid.UUID, other: uuid.UUID) -> None:
        with database.transaction():
            db(db.owners.id == mine).update(name="changed")
            both_hold_one.wait(10)
            with suppress(Deadlock), database.transaction():
                db(db.owners.id == other).update(name="changed")
            add(db, "went on")

    results = run_together(
        database,
        [outcome(lambda: cross(first, second)), outcome(lambda: cross(second, first))],
    )

    assert sorted(type(result).__name__ for result in results) == ["NoneType", "TransactionAborted"]
    with core.connect() as connection:
        found = connection.scalars(sa.select(schema.owners.c.name)).all()
    assert sorted(map(str, found)) == ["changed", "changed", "went on"]


def test_wait_for_a_lock_ends_in_time_and_dooms_the_block(
    db: Any, database: Database, tables_url: str, core: sa.Engine
) -> None:
    key = add(db, "one")

    def change() -> None:
        db(db.owners.id == key).update(name="theirs")

    with schema.connect(tables_url, lock_timeout=1) as impatient:
        with other_thread(database, change):
            began = time.monotonic()
            with pytest.raises(LockTimeout), impatient.transaction():
                query = impatient.dal.owners.id == key
                impatient.dal(query).update(name="ours")
            waited = time.monotonic() - began

        assert not impatient.in_transaction
    assert 0.8 < waited < 4
    assert names(core) == {"theirs"}


@only("mariadb")
def test_swallowed_lock_timeout_commits_nothing(
    db: Any, database: Database, tables_url: str, core: sa.Engine
) -> None:
    # MariaDB undoes the statement only, and would commit the rest of the block.
    key = add(db, "one")
    with schema.connect(tables_url, lock_timeout=1) as impatient:
        other = impatient.dal

        def change() -> None:
            db(db.owners.id == key).update(name="theirs")

        with (
            other_thread(database, change),
            pytest.raises(TransactionAborted),
            impatient.transaction(),
        ):
            add(other, "half")
            with suppress(LockTimeout):
                other(other.owners.id == key).update(name="ours")

    assert names(core) == {"theirs"}


def test_statement_that_runs_too_long_is_stopped(tables_url: str) -> None:
    with schema.connect(tables_url, statement_timeout=0.5) as database:
        began = time.monotonic()
        with pytest.raises(StatementTimeout):
            database.dal.executesql(SLOW[database.engine_name])
        waited = time.monotonic() - began

        with pytest.raises(StatementTimeout), database.transaction():
            database.dal.executesql(SLOW[database.engine_name])
        assert database.dal(database.dal.owners).count() == 0
    assert 0.4 < waited < 2.5


@only("postgresql", "mariadb")
def test_statement_that_an_administrator_stops_is_like_one_that_took_too_long(
    tables_url: str, core: sa.Engine
) -> None:
    with schema.connect(tables_url, statement_timeout=20, read_timeout=25) as database:
        running: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def run() -> None:
            running.put(backend(database))
            while True:  # MariaDB's SLEEP may also end early, and well.
                database.dal.executesql(SLOW[database.engine_name])

        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(run)
            victim = running.get(timeout=10)
            while not stopped.done():  # It may not have begun yet.
                with core.connect() as connection:
                    connection.exec_driver_sql(CANCEL[database.engine_name].format(victim))
                time.sleep(0.05)

    assert isinstance(stopped.exception(), StatementTimeout)


@only("postgresql", "mariadb")
def test_interrupted_statement_throws_its_connection_away(tables_url: str) -> None:
    # libpq resumes its wait after a signal, so there the interrupt comes with the answer.
    with schema.connect(tables_url, statement_timeout=0.7) as database:
        db = database.dal
        before = backend(database)
        pool: Any = database.engine.pool

        with pytest.raises(KeyboardInterrupt), _interrupted_after(0.2), database.transaction():
            add(db, "lost")
            db.executesql(SLOW[database.engine_name])

        assert not database.in_transaction
        assert pool.checkedout() == 0
        assert db(db.owners).count() == 0
        assert backend(database) != before


# -- many at once


def test_no_update_is_lost(db: Any, database: Database) -> None:
    key = db.things.insert(big=0)

    def count_up() -> None:
        for _ in range(60):
            db(db.things.id == key).update(big=db.things.big + 1)

    run_together(database, [count_up] * 8)

    assert db.things(key).big == 480


def test_no_update_is_lost_by_readers_that_lock_what_they_read(db: Any, database: Database) -> None:
    key = db.things.insert(big=0)

    def count_up() -> None:
        for _ in range(20):
            with database.transaction():
                (row,) = db.lock_rows(db.things.id == key)
                db(db.things.id == key).update(big=row["big"] + 1)

    run_together(database, [count_up] * 8)

    assert db.things(key).big == 160


@only("sqlite")
def test_twelve_sqlite_writers_get_their_turn(db: Any, database: Database) -> None:
    def write(writer: int) -> None:
        for turn in range(20):
            if turn % 2:
                add(db, f"{writer}")
            else:
                with database.transaction():
                    count = db(db.owners).count()
                    db.things.insert(big=count + 100)

    run_together(database, [partial(write, n) for n in range(12)])

    assert (db(db.owners).count(), db(db.things).count()) == (120, 120)


def test_blocks_of_different_threads_do_not_know_each_other(
    db: Any, database: Database, core: sa.Engine
) -> None:
    # SQLite has one writer at a time, so one of the two only reads there.
    with (
        other_thread(database, lambda: add(db, "theirs")),
        suppress(Refused),
        database.transaction(readonly=True),
    ):
        assert db(db.owners).count() == 0
        raise Refused

    assert names(core) == {"theirs"}


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Send this process Ctrl-C after some seconds."""
    # A run that a shell put into the background was started to ignore it.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, previous)
