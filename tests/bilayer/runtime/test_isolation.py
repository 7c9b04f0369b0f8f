"""What a transaction sees of others: isolation levels and read-only blocks."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Database,
    Deadlock,
    ReadOnly,
    SerializationFailure,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.owners import Refused, add, names
from tests.bilayer.runtime.threads import other_thread, outcome, run_together


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
