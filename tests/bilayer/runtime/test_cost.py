"""What reads and writes cost in statements: without subscribers never more than one.

A watcher costs the lock of what is updated; what a write gives is known without being read.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from bilayer.runtime import (
    Database,
)
from tests.bilayer.runtime.engines import Statements
from tests.bilayer.runtime.owners import add
from tests.bilayer.runtime.subscribers import Journal, Witness

OWNER = uuid.UUID(int=1)


def test_write_without_subscribers_is_one_statement(db: Any, database: Database) -> None:
    sent = Statements(database).sent
    owner = uuid.uuid4()

    def count(write: Callable[[], Any]) -> int:
        sent.clear()
        write()
        return len(sent)

    assert count(lambda: db.owners.insert(id=owner)) == 1
    assert count(lambda: db.things.insert(small=1)) == 1
    assert count(lambda: db.things.insert_many([{"small": 2}, {"small": 3}])) == 1
    assert count(lambda: db(db.things.small == 1).update(small=4)) == 1
    assert count(lambda: db(db.things.small == 4).delete()) == 1
    if database.engine_name != "mysql":  # Its own upsert would take any unique key for the key.
        assert count(lambda: db.owners.upsert({"id": owner, "name": "x"}, conflict=["id"])) == 1


def test_read_is_one_statement(db: Any, database: Database) -> None:
    sent = Statements(database).sent
    query = db(db.things.small == 1)

    for read in (query.dicts, query.one, query.count, query.isempty, query.select):
        sent.clear()
        read()
        assert len(sent) == 1


def test_table_beside_a_watched_one_pays_nothing(db: Any, database: Database) -> None:
    database.subscribe(Witness(), "things")
    sent = Statements(database).sent

    db.owners.insert(id=uuid.uuid4())

    assert len(sent) == 1


@pytest.fixture
def words(db: Any, database: Database) -> Callable[[Callable[[], Any]], list[str]]:
    """Gives the first word of each statement that a write sends inside a transaction."""
    database.subscribe(Witness(), "owners", "things", "members")
    db.owners.insert(id=OWNER)

    def count(write: Callable[[], Any]) -> list[str]:
        with database.transaction():
            db(db.owners).count()
            sent = Statements(database).sent
            write()
            return [text.split()[0] for text in sent]

    return count


def test_watched_write_of_plain_values_is_not_read_back(
    db: Any, words: Callable[[Callable[[], Any]], list[str]]
) -> None:
    things, members = db.things, db.members
    mine = (members.owner_id == OWNER) & (members.place == 1)
    member = {"owner_id": OWNER, "place": 1, "label": "a", "visits": 0}

    assert words(lambda: things.insert(small=1)) == ["INSERT"]
    assert words(lambda: things.insert_returning(small=2)) == ["INSERT"]
    assert words(lambda: members.insert(**member)) == ["INSERT"]
    assert words(lambda: db(mine).update(label="b")) == ["SELECT", "UPDATE"]
    assert words(lambda: db(mine).update_returning(label="c")) == ["SELECT", "UPDATE"]
    assert words(lambda: db(things.small > 0).update(small=3)) == ["SELECT", "UPDATE"]
    assert words(lambda: db(things.small > 5).update(small=3)) == ["SELECT"]
    assert words(lambda: db(things).delete()) == ["DELETE"]


def test_what_the_database_computes_comes_with_the_statement_where_it_can(
    db: Any, database: Database, words: Callable[[Callable[[], Any]], list[str]]
) -> None:
    key = db.things.insert(small=1)
    told = ["SELECT"] if database.engine_name == "mysql" else []

    assert words(lambda: db(db.things.id == key).update(small=db.things.small + 1)) == [
        *("SELECT", "UPDATE"),
        *told,
    ]


def test_thousands_of_watched_rows_are_few_statements(
    db: Any, database: Database, words: Callable[[Callable[[], Any]], list[str]]
) -> None:
    members = db.members
    many = "COPY" if database.engine_name == "postgresql" else "INSERT"
    rows = [{"owner_id": OWNER, "place": place} for place in range(4_000)]
    bare = [{"small": small} for small in range(20, 4_020)]

    assert words(lambda: members.insert_many(rows)) == [many]
    assert words(lambda: db.things.insert_many(bare)) == ["INSERT"]
    assert words(lambda: db(members.place >= 0).update(visits=1)) == ["SELECT", "UPDATE"]
    assert words(lambda: db(members.visits == 1).delete()) == ["DELETE"]


def test_watched_write_alone_is_one_transaction(db: Any, database: Database) -> None:
    database.subscribe(Journal(), "owners")
    sent = Statements(database).sent

    add(db, "Ada")

    begun = [] if database.engine_name == "postgresql" else ["BEGIN"]
    assert len(sent) == 3 + len(begun)
    assert not any("SAVEPOINT" in text for text in sent)
