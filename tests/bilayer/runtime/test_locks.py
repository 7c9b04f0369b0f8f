"""Row locks: who waits, who is refused, who passes by; one meaning on the three engines."""

from __future__ import annotations

import threading
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest

from bilayer.runtime import Database, LockTimeout, ReadOnly, TransactionMisuse
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.threads import other_thread, run_together

WAITING, TAKEN = 1, 2


@pytest.fixture
def keys(db: Any) -> list[int]:
    """Keys of three rows."""
    return [db.things.insert(big=number) for number in range(3)]


def test_lock_gives_the_rows(db: Any, database: Database, keys: list[int]) -> None:
    with database.transaction():
        rows = db.lock_rows(db.things.big > 0)

    assert sorted(row["id"] for row in rows) == keys[1:]
    assert set(rows[0]) == set(db.things.fields)


def test_lock_reads_the_columns_that_are_named(
    db: Any, database: Database, keys: list[int]
) -> None:
    with database.transaction():
        rows = db.lock_rows(db.things.big == 1, db.things.id)

    assert rows == [{"id": keys[1]}]


def test_lock_of_no_row_gives_none(db: Any, database: Database, keys: list[int]) -> None:
    with database.transaction():
        assert db.lock_rows(db.things.big == 77) == []
        assert db.lock_rows(db.things.big == 77, skip_locked=True) == []
        assert db.lock_rows(db.things.big == 77, nowait=True) == []


def test_locked_row_is_waited_for(db: Any, database: Database, keys: list[int]) -> None:
    order: list[str] = []

    def change_slowly() -> None:
        db.lock_rows(db.things.id == keys[0])
        db(db.things.id == keys[0]).update(big=100)

    with other_thread(database, change_slowly) as end:
        threading.Timer(0.3, lambda: (order.append("theirs"), end.set())).start()
        with database.transaction():
            (row,) = db.lock_rows(db.things.id == keys[0])
            order.append("ours")

    assert order == ["theirs", "ours"]
    assert row["big"] == 100


def test_wait_for_a_locked_row_has_an_end(
    db: Any, database: Database, tables_url: str, keys: list[int]
) -> None:
    def lock() -> None:
        db.lock_rows(db.things.id == keys[0])

    with schema.connect(tables_url, lock_timeout=1) as impatient, other_thread(database, lock):
        began = time.monotonic()
        with pytest.raises(LockTimeout):
            lock_first_in(impatient, keys)
        waited = time.monotonic() - began

    assert 0.8 < waited < 4


@only("postgresql", "mariadb")
def test_nowait_refuses_at_once(db: Any, database: Database, keys: list[int]) -> None:
    with other_thread(database, lambda: db.lock_rows(db.things.id == keys[0])):
        began = time.monotonic()
        with pytest.raises(LockTimeout):
            lock_first_in(database, keys, nowait=True)
        waited = time.monotonic() - began

        with database.transaction():
            (row,) = db.lock_rows(db.things.id == keys[1], nowait=True)

    assert waited < 0.5
    assert row["id"] == keys[1]


@only("postgresql", "mariadb")
def test_skip_locked_passes_by(db: Any, database: Database, keys: list[int]) -> None:
    with (
        other_thread(database, lambda: db.lock_rows(db.things.id == keys[0])),
        database.transaction(),
    ):
        free = db.lock_rows(db.things.id > 0, skip_locked=True)
        none = db.lock_rows(db.things.id == keys[0], skip_locked=True)

    assert sorted(row["id"] for row in free) == keys[1:]
    assert none == []


@pytest.mark.parametrize("options", [{}, {"skip_locked": True}, {"nowait": True}])
def test_own_locks_are_no_obstacle(
    db: Any, database: Database, keys: list[int], options: dict[str, bool]
) -> None:
    with database.transaction():
        db.lock_rows(db.things.id == keys[0])
        db(db.things.id == keys[1]).update(big=7)

        rows = db.lock_rows(db.things.id.belongs(keys[:2]), **options)

    assert sorted(row["id"] for row in rows) == keys[:2]


def test_reader_does_not_wait_for_a_lock(db: Any, database: Database, keys: list[int]) -> None:
    with other_thread(database, lambda: db.lock_rows(db.things.id == keys[0])):
        began = time.monotonic()

        assert db(db.things).count() == 3

    assert time.monotonic() - began < 1


def test_locks_end_with_their_transaction(db: Any, database: Database, keys: list[int]) -> None:
    with other_thread(database, lambda: db.lock_rows(db.things.id > 0)):
        pass

    with database.transaction():
        assert len(db.lock_rows(db.things.id > 0, skip_locked=True)) == 3


def test_workers_take_each_job_exactly_once(db: Any, database: Database) -> None:
    jobs = 60
    db.things.insert_many([{"big": WAITING, "code": f"job {n}"} for n in range(jobs)])
    taken: list[int] = []

    def work() -> None:
        while candidates := db(db.things.big == WAITING).dicts(
            db.things.id, orderby=db.things.id, limitby=(0, 5)
        ):
            for candidate in candidates:
                taken.extend(take(candidate["id"]))

    def take(key: int) -> list[int]:
        with database.transaction():
            query = (db.things.id == key) & (db.things.big == WAITING)
            rows = db.lock_rows(query, skip_locked=True)
            for row in rows:
                db(db.things.id == row["id"]).update(big=TAKEN)
        return [row["id"] for row in rows]

    run_together(database, [work] * 6)

    assert len(taken) == jobs
    assert set(Counter(taken).values()) == {1}
    assert db(db.things.big == TAKEN).count() == jobs


def test_lock_outside_a_transaction_is_refused(db: Any, keys: list[int]) -> None:
    with pytest.raises(TransactionMisuse):
        db.lock_rows(db.things.id > 0)


def test_lock_in_a_readonly_transaction_is_refused(
    db: Any, database: Database, keys: list[int]
) -> None:
    with database.transaction(readonly=True):
        with pytest.raises(ReadOnly):
            db.lock_rows(db.things.id > 0)
        assert db(db.things).count() == 3


def test_lock_that_waits_and_does_not_wait_is_refused(
    db: Any, database: Database, keys: list[int]
) -> None:
    with database.transaction():
        lock = partial(db.lock_rows, db.things.id > 0, skip_locked=True, nowait=True)
        with pytest.raises(TransactionMisuse):
            lock()


def test_lock_of_two_tables_is_refused(db: Any, database: Database, keys: list[int]) -> None:
    with database.transaction(), pytest.raises((TransactionMisuse, ValueError, RuntimeError)):
        db.lock_rows(db.things.owner == db.owners.id)


def lock_first_in(database: Database, keys: list[int], **options: Any) -> None:
    """Lock the first row in a transaction of its own."""
    db = database.dal
    with database.transaction():
        db.lock_rows(db.things.id == keys[0], **options)


def test_rows_are_locked_in_the_order_and_number_asked_for(db: Any, database: Database) -> None:
    for small in (3, 1, 2):
        db.things.insert(small=small)

    with database.transaction():
        locked = db.lock_rows(db.things.small > 0, orderby=~db.things.small, limitby=(0, 2))

    assert [row["small"] for row in locked] == [3, 2]
