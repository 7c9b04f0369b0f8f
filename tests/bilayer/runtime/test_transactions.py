"""Transactions: what commits and what does not, alike on each engine."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Database,
    DatabaseError,
    InvalidValue,
    TransactionAborted,
    TransactionMisuse,
    UniqueViolation,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.owners import Refused, add, names

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
        ).all()
    assert states
    # A server that was slow to answer may still be busy with a connection that was given up.
    assert {state for (state,) in states} <= {"idle", "active"}


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
