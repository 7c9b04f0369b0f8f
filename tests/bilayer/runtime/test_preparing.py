"""Subscribers that write before a write: once a transaction, and undone with it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from bilayer.runtime import Database, Param, TransactionMisuse, prepared, update
from tests.bilayer.runtime.owners import Refused
from tests.bilayer.runtime.subscribers import Asked, Counter

NUMBER = prepared(lambda db: update(db.things.id == Param("id"), big=Param("big")))


@pytest.fixture
def counter(database: Database) -> Counter:
    counter = Counter("small")
    database.subscribe(counter, "things")
    return counter


def numbers(db: Any) -> list[int]:
    return sorted(row["small"] for row in db(db.things).dicts())


def test_writes_of_one_transaction_are_prepared_together(
    db: Any, database: Database, counter: Counter
) -> None:
    with database.transaction():
        key = db.things.insert(big=1)
        db.things.insert_many([{"big": 2}, {"big": 3}])
        db(db.things.id == key).update(big=4)
    db.things.insert(big=5)

    assert numbers(db) == [1, 1, 1, 2]
    assert db(db.owners).count() == 2


def test_every_kind_of_write_is_prepared(db: Any, counter: Counter) -> None:
    key = db.things.insert(big=1)
    db(db.things.id == key).update(big=2)
    assert NUMBER.run(db, id=key, big=3) == 1
    [row] = NUMBER.changed(db, id=key, big=4)
    assert (row["small"], row["big"]) == (4, 4)
    db(db.things.id == key).delete()

    assert [action for action, _ in counter.asked] == ["insert", *["update"] * 3, "delete"]
    assert counter.asked[0][1] == {"big": 1}
    assert all(known == {"id": key} for _, known in counter.asked[1:])


def test_only_what_must_hold_is_known(db: Any, counter: Counter) -> None:
    things = db.things
    for query in (
        (things.id == 1) | (things.big == 2),
        ~(things.id == 1),
        things.big > 1,
        things.id == things.big,
    ):
        db(query).update(big=3)
    db((things.big == 7) & (things.id == 1) & (things.small > 0)).update(big=3)

    assert [known for _, known in counter.asked] == [{}, {}, {}, {}, {"big": 7, "id": 1}]


def test_what_is_known_has_the_values_of_the_column(db: Any, database: Database) -> None:
    asked = Asked()
    database.subscribe(asked, "owners")
    owner = uuid.uuid4()

    db.owners.upsert({"id": str(owner), "name": "x"}, conflict=["id"])

    assert asked.seen == [
        ("insert", {"id": owner, "name": "x"}),
        ("update", {"id": owner}),
    ]


def test_refused_write_takes_its_preparation_back(db: Any, counter: Counter) -> None:
    with pytest.raises(ValueError, match="big"):
        db.things.insert(big="no number")
    db(db.things.id == -1).update(big=1)

    assert db(db.things).count() == 0


def test_savepoint_that_is_rolled_back_is_forgotten(
    db: Any, database: Database, counter: Counter
) -> None:
    with database.transaction():
        with pytest.raises(Refused), database.transaction():
            db.things.insert(big=1)
            raise Refused
        assert "number" not in db.memory
        with database.transaction():
            db.things.insert(big=2)
        assert db.memory["number"] == 1
        db.things.insert(big=3)

    assert numbers(db) == [1, 1]
    assert db(db.owners).count() == 1


def test_memory_ends_with_its_transaction(db: Any, database: Database) -> None:
    with database.transaction():
        db.memory["kept"] = 1
    with database.transaction():
        assert "kept" not in db.memory
    with pytest.raises(TransactionMisuse):
        _ = db.memory
