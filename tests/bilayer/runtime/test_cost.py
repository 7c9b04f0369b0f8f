"""What reads and writes cost in statements: without subscribers never more than one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from bilayer.runtime import (
    Database,
)
from tests.bilayer.runtime.engines import Statements
from tests.bilayer.runtime.subscribers import Witness


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
