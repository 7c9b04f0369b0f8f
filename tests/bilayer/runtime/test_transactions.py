"""Transactions: what commits, what does not, and what a block may rely on, alike on each engine."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    ConnectionLost,
    Database,
    DatabaseError,
    Deadlock,
    Field,
    ForeignKeyViolation,
    InvalidValue,
    LockTimeout,
    OutcomeUnknown,
    ReadOnly,
    SerializationFailure,
    StatementTimeout,
    TransactionAborted,
    TransactionMisuse,
    UniqueViolation,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import backend, only
from tests.bilayer.runtime.proxy import Proxy
from tests.bilayer.runtime.threads import other_thread, outcome, run_together

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT sleep(30)",
}


class Refused(Exception):
    """Raised inside a block to leave it."""


def names(core: sa.Engine) -> set[str | None]:
    """Read with another connection which owners are committed."""
    with core.connect() as connection:
        return set(connection.scalars(sa.select(schema.owners.c.name)))


def add(db: Any, name: str) -> uuid.UUID:
    key: uuid.UUID = db.owners.insert(id=uuid.uuid4(), name=name)
    return key


# -- outside of a transaction


def test_statement_outside_a_transaction_commits_itself(
    db: Any, database: Database, core: sa.Engine
) -> None:
    key = add(db, "first")
    assert names(core) == {"first"}

    db(db.owners.id == key).update(name="second")
    assert names(core) == {"second"}

    db(db.owners.id == key).delete()
    assert names(core) == set()
    assert not database.in_transaction


def test_reader_outside_a_transaction_sees_what_others_commit(db: Any, core: sa.Engine) -> None:
    assert db(db.owners).count() == 0

    with core.begin() as connection:
        connection.execute(schema.owners.insert().values(id=uuid.uuid4()))

    assert db(db.owners).count() == 1


@only("postgresql")
def test_no_connection_is_left_idle_in_transaction(
    db: Any, database: Database, core: sa.Engine
) -> None:
    add(db, "one")
    db(db.owners).dicts()
    with suppress(Refused), database.transaction():
        db(db.owners).count()
        raise Refused

    with core.connect() as connection:
        states = connection.exec_driver_sql(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'bilayer'"
        ).scalars()
        assert set(states) == {"idle"}


def test_failed_statement_outside_a_transaction_leaves_nothing_behind(
    db: Any, core: sa.Engine
) -> None:
    key = add(db, "one")
    with pytest.raises(UniqueViolation):
        db.owners.insert(id=key, name="two")

    add(db, "three")

    assert names(core) == {"one", "three"}


def test_commit_and_rollback_do_nothing_outside_a_transaction(db: Any, core: sa.Engine) -> None:
    add(db, "one")

    db.rollback()
    db.commit()

    assert names(core) == {"one"}


# -- commit and rollback


def test_block_commits_at_its_end_and_not_before(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with database.transaction():
        add(db, "one")
        add(db, "two")
        assert database.in_transaction
        before = names(core)

    assert before == set()
    assert names(core) == {"one", "two"}
    assert not database.in_transaction


@pytest.mark.parametrize("error", [Refused, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_block_that_raises_is_undone(
    db: Any, database: Database, core: sa.Engine, error: type[BaseException]
) -> None:
    with pytest.raises(error), database.transaction():
        add(db, "one")
        raise error

    assert names(core) == set()
    assert not database.in_transaction


def test_block_left_by_return_commits(db: Any, database: Database, core: sa.Engine) -> None:
    def work() -> uuid.UUID:
        with database.transaction():
            return add(db, "one")

    work()

    assert names(core) == {"one"}


def test_abandoned_generator_is_undone(db: Any, database: Database, core: sa.Engine) -> None:
    def walk() -> Generator[None, None, None]:
        with database.transaction():
            add(db, "one")
            yield

    walker = walk()
    next(walker)
    assert database.in_transaction
    walker.close()

    assert not database.in_transaction
    assert names(core) == set()


def test_blocks_left_in_the_wrong_order_commit_nothing_that_was_undone(
    db: Any, database: Database, core: sa.Engine
) -> None:
    def walk() -> Generator[None, None, None]:
        with database.transaction():
            add(db, "undone")
            yield

    walker = walk()
    next(walker)
    with suppress(DatabaseError, TransactionMisuse), database.transaction():
        add(db, "inner")
        with suppress(DatabaseError, TransactionMisuse):
            walker.close()

    assert not database.in_transaction
    assert "undone" not in names(core)


@pytest.mark.parametrize("word", ["commit", "rollback"])
def test_commit_and_rollback_are_refused_inside_a_block(
    db: Any, database: Database, core: sa.Engine, word: str
) -> None:
    with database.transaction():
        add(db, "one")
        with pytest.raises(TransactionMisuse):
            getattr(db, word)()

    assert names(core) == {"one"}


def test_single_transaction_of_pydal_does_not_swallow_errors(db: Any, core: sa.Engine) -> None:
    with pytest.raises(Refused), db.single_transaction():
        add(db, "one")
        raise Refused
    with db.single_transaction():
        add(db, "two")

    assert names(core) == {"two"}


# -- nesting


def test_inner_block_that_raises_loses_its_own_work_only(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with database.transaction():
        add(db, "outer")
        with suppress(Refused), database.transaction():
            add(db, "inner")
            with database.transaction():
                add(db, "innermost")
            raise Refused
        with database.transaction():
            add(db, "second")

    assert names(core) == {"outer", "second"}


def test_outer_block_that_raises_takes_the_inner_one_with_it(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with suppress(Refused), database.transaction():
        with database.transaction():
            add(db, "inner")
        raise Refused

    assert names(core) == set()


def test_failed_statement_of_an_inner_block_costs_that_block_only(
    db: Any, database: Database, core: sa.Engine
) -> None:
    key = add(db, "taken")
    with database.transaction():
        add(db, "outer")
        with pytest.raises(UniqueViolation), database.transaction():
            add(db, "inner")
            db.owners.insert(id=key, name="again")
        add(db, "after")

    assert names(core) == {"taken", "outer", "after"}


def test_isolation_and_readonly_belong_to_the_outermost_block(database: Database) -> None:
    with database.transaction():
        with pytest.raises(TransactionMisuse), database.transaction("SERIALIZABLE"):
            pass
        with pytest.raises(TransactionMisuse), database.transaction(readonly=True):
            pass
        assert database.in_transaction

    assert not database.in_transaction


def test_unknown_isolation_level_is_refused_before_it_is_sent(database: Database) -> None:
    level: Any = "SERIALIZABLE; DROP TABLE owners"

    with pytest.raises(ValueError, match="isolation is one of"):
        database.transaction(level)


# -- a failed statement


def test_swallowed_error_dooms_the_block(db: Any, database: Database, core: sa.Engine) -> None:
    key = add(db, "taken")

    with pytest.raises(TransactionAborted), database.transaction():
        add(db, "lost")
        with suppress(UniqueViolation):
            db.owners.insert(id=key)

    assert names(core) == {"taken"}
    assert not database.in_transaction


def test_doomed_block_answers_nothing_more(db: Any, database: Database) -> None:
    key = add(db, "taken")

    with pytest.raises(TransactionAborted), database.transaction():
        with suppress(UniqueViolation):
            db.owners.insert(id=key)
        with pytest.raises(TransactionAborted):
            db(db.owners).count()
        with pytest.raises(TransactionAborted), database.transaction():
            pass

    assert db(db.owners).count() == 1


def test_error_swallowed_in_an_inner_block_dooms_that_block(
    db: Any, database: Database, core: sa.Engine
) -> None:
    key = add(db, "taken")
    with database.transaction():
        add(db, "outer")
        with pytest.raises(TransactionAborted), database.transaction():
            add(db, "inner")
            with suppress(UniqueViolation):
                db.owners.insert(id=key)
        add(db, "after")

    assert names(core) == {"taken", "outer", "after"}


def test_refused_value_dooms_nothing_because_it_was_never_sent(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with database.transaction():
        with pytest.raises(InvalidValue):
            db.owners.insert(id=uuid.uuid4(), name="x" * 41)
        add(db, "one")

    assert names(core) == {"one"}


def test_original_error_is_raised_when_the_block_lets_it_out(db: Any, database: Database) -> None:
    key = add(db, "taken")

    with pytest.raises(UniqueViolation), database.transaction():
        db.owners.insert(id=key)

    assert not database.in_transaction


# -- isolation and read only


@only("postgresql")
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_isolation_level_is_set_for_the_block_alone(database: Database, level: Any) -> None:
    with database.transaction(level, readonly=level == "SERIALIZABLE"):
        inside = database.dal.executesql("SHOW transaction_isolation")
    outside = database.dal.executesql("SHOW transaction_isolation")

    assert (inside[0][0], outside[0][0]) == (level.lower(), "read committed")


@only("mariadb")
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_isolation_level_is_set_for_one_transaction(database: Database, level: Any) -> None:
    query = (
        "SELECT trx_isolation_level FROM information_schema.innodb_trx"
        " WHERE trx_mysql_thread_id = connection_id()"
    )
    found = []
    for wanted in (level, None):
        with database.transaction(wanted):
            add(database.dal, "one")
            time.sleep(0.15)  # InnoDB renews what this view shows ten times a second.
            found.append(database.dal.executesql(query)[0][0])

    assert found == [level, "READ COMMITTED"]


def test_repeatable_read_sees_one_state_of_the_database(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with database.transaction("REPEATABLE READ", readonly=True):
        before = db(db.owners).count()
        with core.begin() as connection:
            connection.execute(schema.owners.insert().values(id=uuid.uuid4()))
        after = db(db.owners).count()

    assert (before, after) == (0, 0)
    assert db(db.owners).count() == 1


def test_serializable_transactions_never_skew_what_they_have_read(database: Database) -> None:
    # Two doctors are on call; each leaves if the other stays. One must be refused or see the other.
    db = database.dal
    keys = [db.things.insert(small=1), db.things.insert(small=1)]
    both_have_read = threading.Barrier(2)

    def leave(key: int) -> None:
        with database.transaction("SERIALIZABLE"):
            on_call = db(db.things.small == 1).count()
            with suppress(threading.BrokenBarrierError):
                both_have_read.wait(0.3)
            if on_call > 1:
                db(db.things.id == key).update(small=0)

    results = run_together(database, [outcome(partial(leave, key)) for key in keys])

    assert db(db.things.small == 1).count() >= 1
    errors = {type(result) for result in results if result is not None}
    if database.engine_name == "postgresql":
        assert errors == {SerializationFailure}
    assert errors <= {SerializationFailure, Deadlock}


def test_readonly_block_reads_and_refuses_to_write(
    db: Any, database: Database, core: sa.Engine
) -> None:
    key = add(db, "one")
    writes: list[Callable[[], Any]] = [
        lambda: add(db, "two"),
        lambda: db(db.owners.id == key).update(name="two"),
        lambda: db(db.owners.id == key).delete(),
        lambda: db.owners.upsert({"id": key, "name": "two"}, conflict=["id"]),
    ]

    for write in writes:
        with pytest.raises(ReadOnly), database.transaction(readonly=True):
            assert db(db.owners).count() == 1
            write()

    assert names(core) == {"one"}


def test_writing_is_allowed_again_after_a_readonly_block(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with database.transaction(readonly=True):
        db(db.owners).count()
    with suppress(Refused), database.transaction(readonly=True):
        raise Refused
    add(db, "one")
    with database.transaction():
        add(db, "two")

    assert names(core) == {"one", "two"}


@only("sqlite")
def test_readonly_block_waits_for_no_writer(db: Any, database: Database) -> None:
    with other_thread(database, lambda: add(db, "uncommitted")):
        began = time.monotonic()
        with database.transaction(readonly=True):
            assert db(db.owners).count() == 0

    assert time.monotonic() - began < 1


# -- COMMIT that fails


@only("postgresql", "sqlite")
def test_commit_that_is_refused_commits_nothing(empty_database_url: str) -> None:
    with _deferred_children(empty_database_url) as database:
        db = database.dal
        with pytest.raises(ForeignKeyViolation), database.transaction():
            db.children.insert(id=1, parent=7)
            assert db(db.children).count() == 1

        assert not database.in_transaction
        assert db(db.children).count() == 0
        with database.transaction():
            db.children.insert(id=1, parent=7)
            db.parents.insert(id=7)
        assert db(db.children).count() == 1


@only("postgresql", "mariadb")
def test_commit_without_an_answer_has_an_unknown_outcome(tables_url: str, core: sa.Engine) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        db = database.dal
        db(db.owners).count()
        proxy.lose_answer_to("COMMIT")

        with pytest.raises(OutcomeUnknown), database.transaction():
            add(db, "perhaps")

        assert not database.in_transaction
        assert names(core) == {"perhaps"}
        assert db(db.owners).count() == 1


@only("postgresql", "mariadb")
def test_write_outside_a_transaction_without_an_answer_has_an_unknown_outcome(
    tables_url: str, core: sa.Engine
) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        db = database.dal
        db(db.owners).count()
        proxy.lose_answer_to("INSERT INTO")

        with pytest.raises(OutcomeUnknown):
            add(db, "perhaps")

        assert names(core) == {"perhaps"}


@only("postgresql", "mariadb")
def test_read_outside_a_transaction_without_an_answer_is_a_lost_connection(tables_url: str) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        query = database.dal(database.dal.owners)
        query.count()
        proxy.lose_answer_to("SELECT COUNT")

        with pytest.raises(ConnectionLost) as failure:
            query.count()

        assert not isinstance(failure.value, OutcomeUnknown)
        assert query.count() == 0


@only("postgresql", "mariadb")
def test_statement_without_an_answer_inside_a_block_commits_nothing(
    tables_url: str, core: sa.Engine
) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        db = database.dal
        db(db.owners).count()
        proxy.lose_answer_to("INSERT INTO")

        with pytest.raises(ConnectionLost) as failure, database.transaction():
            add(db, "lost")

        assert not isinstance(failure.value, OutcomeUnknown)
        assert names(core) == set()


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


class _interrupted_after:  # noqa: N801 - reads as the function it is
    """Send this process Ctrl-C after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT])

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()


def _deferred_children(url: str) -> Database:
    """Make a table whose foreign key is checked at COMMIT."""
    tables = sa.MetaData()
    sa.Table("parents", tables, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "children",
        tables,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "parent",
            sa.ForeignKey("parents.id", name="fk_parent", deferrable=True, initially="DEFERRED"),
        ),
    )
    core = sa.create_engine(url)
    tables.create_all(core)
    core.dispose()
    database = Database.connect(url)
    database.dal.define_table("parents", Field("id", "id"))
    database.dal.define_table("children", Field("id", "id"), Field("parent", "integer"))
    return database
