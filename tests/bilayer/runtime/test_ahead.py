"""Rows nobody waits for: sent with what comes next, at the latest with COMMIT, or not at all."""

from __future__ import annotations

import time
import uuid
from contextlib import nullcontext
from typing import Any
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Database,
    DatabaseError,
    DeadlineExceeded,
    Field,
    OutcomeUnknown,
    TransactionAborted,
    UniqueViolation,
)
from bilayer.runtime.adapters import running
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import Statements, only
from tests.bilayer.runtime.guards import Watchman
from tests.bilayer.runtime.owners import Refused, names
from tests.support.proxy import Proxy


def add(db: Any, *given: str) -> None:
    db.owners.insert_many([{"id": uuid.uuid4(), "name": name} for name in given], is_awaited=False)


def test_rows_are_there_for_what_comes_next_and_after_the_commit(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with database.transaction():
        add(db, "first")
        add(db, "50 %", "%s")
        add(db, "third")
        assert db.executesql("SELECT '100%'")[0][0] == "100%"
        assert db(db.owners.name.like("%0 %")).count() == 1
        add(db, "last")
    add(db, "alone")

    assert names(core) == {"first", "50 %", "%s", "third", "last", "alone"}


@only("postgresql")
def test_they_cost_no_round_trip(db: Any, database: Database) -> None:
    sent = Statements(database).sent
    with database.transaction():
        db(db.owners).count()
        add(db, "first")
        add(db, "second")

    assert len(sent) == 2
    assert sent[1].count("INSERT") == 2
    assert sent[1].endswith("; COMMIT")


def test_row_is_known_before_it_is_stored(db: Any, database: Database) -> None:
    with database.transaction():
        db(db.owners).count()
        row = db.owners.insert_ahead(id=uuid.uuid4(), name="first")
        stored = db(db.owners.id == row["id"]).one()
    again = db.owners.insert_ahead(**row | {"id": uuid.uuid4()})

    assert stored == row
    assert db(db.owners.id == again["id"]).one() == again


@only("postgresql")
def test_row_that_gives_all_its_columns_costs_no_round_trip(db: Any, database: Database) -> None:
    sent = Statements(database).sent
    with database.transaction():
        db(db.owners).count()
        db.owners.insert_ahead(id=uuid.uuid4(), name="first")

    assert len(sent) == 2
    assert sent[1].endswith("; COMMIT")


@only("postgresql")
def test_long_loop_does_not_wait_with_all_of_it(db: Any, database: Database) -> None:
    sent = Statements(database).sent
    with database.transaction():
        db(db.owners).count()
        for _ in range(250):
            add(db, "one of many")

    assert [sql.count("INSERT") for sql in sent] == [0, 101, 101, 48]
    assert db(db.owners).count() == 250


@only("postgresql")
def test_large_statement_does_not_wait(db: Any, database: Database) -> None:
    sent = Statements(database).sent
    with database.transaction():
        db(db.things).count()
        for body in ("short", "x" * 100_000, "short", "short"):
            db.things.insert_many([{"body": body}], is_awaited=False)
        for _ in range(2):
            db.things.insert_many([{"body": "x" * 2_000}] * 49, is_awaited=False)

    assert [sql.count("INSERT") for sql in sent] == [0, 2, 3, 1, 0]
    assert db(db.things).count() == 102


def test_error_before_anything_is_sent_loses_nothing(
    db: Any, database: Database, core: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db._adapter, "echo", True)

    def fail_to_count() -> None:
        with monkeypatch.context() as patch, pytest.raises(MemoryError):
            patch.setattr(running.log, "info", Mock(side_effect=MemoryError))
            db(db.owners).count()

    with pytest.raises(Refused), database.transaction():
        fail_to_count()
        add(db, "undone")
        raise Refused
    with database.transaction():
        fail_to_count()
        add(db, "first")
        add(db, "second")
        fail_to_count()

    assert names(core) == {"first", "second"}


def test_what_is_wrong_with_them_undoes_all(db: Any, database: Database, core: sa.Engine) -> None:
    twice = uuid.uuid4()
    with pytest.raises(UniqueViolation), database.transaction():
        add(db, "first")
        db(db.owners).count()
        db.owners.insert_many([{"id": twice}, {"id": twice}], is_awaited=False)

    assert names(core) == set()
    add(db, "after")
    assert names(core) == {"after"}


def test_error_that_is_swallowed_dooms_the_block(
    db: Any, database: Database, core: sa.Engine
) -> None:
    twice = uuid.uuid4()
    with pytest.raises(TransactionAborted), database.transaction():
        add(db, "first")
        with pytest.raises(UniqueViolation):
            db.owners.insert_many([{"id": twice}, {"id": twice}], is_awaited=False)
            db(db.owners).count()

    assert names(core) == set()


def test_block_that_is_left_sends_nothing_more(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with pytest.raises(Refused), database.transaction():
        db(db.owners).count()
        add(db, "undone")
        raise Refused
    with database.transaction():
        db(db.owners).count()

    assert names(core) == set()


def test_savepoints_know_what_was_done_before_them(
    db: Any, database: Database, core: sa.Engine
) -> None:
    with database.transaction():
        db(db.owners).count()
        add(db, "before")
        with pytest.raises(Refused), database.transaction():
            add(db, "inside")
            raise Refused
        with database.transaction():
            add(db, "kept")

    assert names(core) == {"before", "kept"}


@only("postgresql")
def test_savepoint_costs_one_round_trip_if_something_may_be_wrong_and_none_if_not(
    db: Any, database: Database
) -> None:
    sent = Statements(database).sent
    with database.transaction():
        db(db.owners).count()
        with database.transaction():
            pass
        with pytest.raises(Refused), database.transaction():
            add(db, "never sent")
            raise Refused
        with database.transaction(), database.transaction():
            db(db.owners).count()
        with database.transaction():
            db(db.owners).count()
            add(db, "kept")

    texts = [sql.partition("SELECT")[0].partition("INSERT")[0] for sql in sent]
    assert texts == [
        "BEGIN; ",
        "SAVEPOINT bilayer_3; SAVEPOINT bilayer_4; ",
        "RELEASE SAVEPOINT bilayer_4; RELEASE SAVEPOINT bilayer_3; SAVEPOINT bilayer_5; ",
        "",
        "COMMIT",
    ]
    assert sent[3].endswith("; RELEASE SAVEPOINT bilayer_5")


def test_statement_that_cannot_be_read_undoes_no_earlier_block(
    db: Any, database: Database, core: sa.Engine
) -> None:
    db.define_table("odd", Field("id", "integer"), primarykey=["id"], rname="no name (")
    is_together = database.engine_name == "postgresql"  # the savepoint could not be read either
    aborted = pytest.raises(TransactionAborted) if is_together else nullcontext()
    with aborted, database.transaction():
        add(db, "before")
        with database.transaction():
            add(db, "kept")
            db(db.owners).count()
        with pytest.raises(DatabaseError) as caught, database.transaction():
            db(db.odd).count()

    assert caught.value.code != "3B001"  # there is no such savepoint
    assert names(core) == (set() if is_together else {"before", "kept"})


def test_what_is_wrong_inside_a_savepoint_undoes_what_is_inside(
    db: Any, database: Database, core: sa.Engine
) -> None:
    twice = uuid.uuid4()
    with database.transaction():
        add(db, "before")
        with pytest.raises(UniqueViolation), database.transaction():
            add(db, "inside")
            with database.transaction():
                add(db, "within")
            db.owners.insert_many([{"id": twice}, {"id": twice}], is_awaited=False)
        with pytest.raises(UniqueViolation), database.transaction():
            db.owners.insert_many([{"id": twice}, {"id": twice}])
        add(db, "after")

    assert names(core) == {"before", "after"}


@only("postgresql", "mariadb")
def test_commit_whose_answer_is_lost_is_unknown_and_done_once(
    tables_url: str, core: sa.Engine
) -> None:
    with (
        Proxy(tables_url) as proxy,
        schema.connect(proxy.url) as database,
        pytest.raises(OutcomeUnknown),
        database.transaction(),
    ):
        database.dal(database.dal.owners).count()
        add(database.dal, "once")
        is_together = database.engine_name == "postgresql"
        proxy.lose_answer_to("INSERT" if is_together else "COMMIT")

    assert names(core) == {"once"}


@only("postgresql")
def test_savepoint_that_takes_rows_along_ends_with_the_time_of_the_caller(
    tables_url: str, core: sa.Engine
) -> None:
    guard, key = Watchman(), uuid.uuid4()
    with schema.connect(tables_url, guard=guard) as database, core.begin() as other:
        db = database.dal
        other.execute(schema.owners.insert().values(id=key, name="theirs"))
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded), database.transaction():
            db(db.owners).count()
            guard.give(0.3)
            with database.transaction():
                db(db.owners).count()
                db.owners.insert_ahead(id=key, name="waits for theirs")

    assert time.monotonic() - began < 1.5
    assert names(core) == {"theirs"}


@only("postgresql")
def test_savepoint_whose_rows_have_no_time_is_undone(tables_url: str, core: sa.Engine) -> None:
    guard = Watchman()
    with schema.connect(tables_url, guard=guard) as database, database.transaction():
        add(database.dal, "before")
        with pytest.raises(DeadlineExceeded), database.transaction():
            database.dal(database.dal.owners).count()
            add(database.dal, "inside")
            guard.give(0)
        guard.ends_at = None
        add(database.dal, "after")

    assert names(core) == {"before", "after"}
