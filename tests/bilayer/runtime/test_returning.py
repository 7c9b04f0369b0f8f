"""Writes that give back their rows: as they are stored, on each engine, past the subscribers."""

from __future__ import annotations

from typing import Any

import pytest

from bilayer.runtime import Database, InvalidValue, UnsupportedDefinition
from tests.bilayer.runtime.engines import Statements
from tests.bilayer.runtime.owners import Refused, add
from tests.bilayer.runtime.subscribers import Counter, Objector, Witness


@pytest.mark.parametrize("is_watched", [False, True])
def test_row_that_was_inserted_is_given_as_it_is_stored(
    db: Any, database: Database, is_watched: bool
) -> None:
    witness = Witness()
    if is_watched:
        database.subscribe(witness, "things", "members")
    owner = add(db, "Ada")

    thing = db.things.insert_returning(big=1, title="first")
    member = db.members.insert_returning(owner_id=str(owner), place=2)

    assert thing == db(db.things.id == thing["id"]).one()
    assert member == db(db.members.owner_id == owner).one()
    assert (thing["title"], thing["small"], member["label"]) == ("first", None, "none")
    assert [change.after for change in witness.seen] == ([thing, member] if is_watched else [])


@pytest.mark.parametrize("is_watched", [False, True])
def test_rows_that_were_updated_are_given_as_they_are_then(
    db: Any, database: Database, is_watched: bool
) -> None:
    witness = Witness()
    if is_watched:
        database.subscribe(witness, "things", "members")
    keys = [db.things.insert(big=big) for big in (1, 2, 3)]
    db.members.insert(owner_id=add(db, "Ada"), place=2)
    things, members = db.things, db.members

    moved = db(things.big < 3).update_returning(big=things.big + 10)
    one = db((things.id == keys[2]) & (things.big == 3)).update_returning(big=4)
    rekeyed = db((members.owner_id == add(db, "Bob")) | (members.place == 2)).update_returning(
        place=5
    )

    assert sorted((row["id"], row["big"]) for row in moved) == [(keys[0], 11), (keys[1], 12)]
    assert [(row["id"], row["big"]) for row in one] == [(keys[2], 4)]
    assert rekeyed == db(members).dicts()
    assert db(things.id == -1).update_returning(big=5) == []
    assert db((things.id == keys[2]) & (things.big == 3)).update_returning(big=5) == []
    with pytest.raises(InvalidValue):
        db(things.id == keys[2]).update_returning()


def test_row_whose_whole_key_is_given_is_found_under_its_new_one(db: Any) -> None:
    ada, bob = add(db, "Ada"), add(db, "Bob")
    db.members.insert(owner_id=ada, place=1)
    members = db.members
    mine = (members.owner_id == str(ada)) & (members.place == 1)

    [row] = db(mine).update_returning(owner_id=bob, label="moved")

    assert row == db(members).one()
    assert (row["owner_id"], row["label"]) == (bob, "moved")
    if db._adapter.dbengine == "mysql":
        with db.transaction(), pytest.raises(UnsupportedDefinition):
            db(members.owner_id == bob)(members.place == 1).update_returning(
                place=members.place + 1
            )
        assert db(members).dicts() == [row]


def test_they_are_prepared_once_and_cost_one_statement_each(db: Any, database: Database) -> None:
    counter = Counter("small")
    database.subscribe(counter, "things")

    with database.transaction():
        sent = Statements(database).sent
        row = db.things.insert_returning(big=1)
        [changed] = db(db.things.id == row["id"]).update_returning(big=2)

    assert (row["small"], changed["small"], changed["big"]) == (1, 1, 2)
    assert [action for action, _ in counter.asked] == ["insert", "update"]
    told = 1 if database.engine_name == "mysql" else 0
    assert [text.split()[0] for text in sent if "things" in text] == [
        "INSERT",
        "UPDATE",
        *["SELECT"] * told,
    ]


@pytest.mark.parametrize("write", ["insert", "update"])
def test_watcher_that_objects_undoes_them_inside_a_transaction_too(
    db: Any, database: Database, write: str
) -> None:
    key = db.things.insert(big=1)
    database.subscribe(Objector(), "things")

    with database.transaction(), pytest.raises(Refused), database.transaction():
        if write == "insert":
            db.things.insert_returning(big=2)
        else:
            db(db.things.id == key).update_returning(big=2)

    assert [row["big"] for row in db(db.things).dicts()] == [1]
