"""What subscribers add to a write before it is sent, the timestamps first of all."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from bilayer.runtime import (
    Database,
    InvalidValue,
    Param,
    Timestamps,
    prepared,
    update,
)
from tests.bilayer.runtime.notes import other_tables
from tests.bilayer.runtime.subscribers import Stamp

NEW_YEAR = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def test_stamp_is_added_to_inserts_and_updates(db: Any, database: Database) -> None:
    stamp = Stamp(label="stamped")
    owner = db.owners.insert(id=uuid.uuid4())
    database.subscribe(stamp, "members")
    place = prepared(lambda db: update(db.members.place == Param("place"), visits=Param("visits")))

    db.members.insert(owner_id=owner, place=1, label="mine")
    db.members.insert_many([{"owner_id": owner, "place": n} for n in (2, 3)])
    db(db.members.place == 1).update(visits=5)
    place.run(db, place=2, visits=6)
    db.members.upsert({"owner_id": owner, "place": 3}, conflict=["owner_id", "place"], update={})

    assert [action for _, action, _ in stamp.asked] == ["insert"] * 3 + ["update"] * 2 + ["insert"]
    assert stamp.asked[3] == ("members", "update", {"visits": 5})
    assert {row["label"] for row in db(db.members).dicts()} == {"stamped"}


def test_stamp_is_checked_like_any_value(db: Any, database: Database) -> None:
    database.subscribe(Stamp(small="not a number"), "things")

    with pytest.raises(InvalidValue, match=r"things\.small"):
        db.things.insert(big=1)


def test_timestamps_are_kept_unless_the_writer_gives_them(
    empty_database_url: str,
) -> None:
    clock = iter(NEW_YEAR + dt.timedelta(seconds=n) for n in range(99))
    with other_tables(empty_database_url) as database:
        database.subscribe(Timestamps(lambda: next(clock)), "notes")
        notes = database.dal.notes

        def times(key: int) -> tuple[int, int]:
            row = database.dal(notes.id == key).one()
            return tuple(
                round((row[name] - NEW_YEAR).total_seconds())
                for name in ("created_at", "updated_at")
            )

        first = notes.insert(text="a")
        assert times(first) == (0, 0)
        database.dal(notes.id == first).update(text="b")
        assert times(first) == (0, 1)
        notes.upsert({"id": first, "text": "c"}, conflict=["id"])
        assert times(first)[0] == 0
        assert times(first)[1] > 1
        before = times(first)
        notes.upsert({"id": first, "text": "d"}, conflict=["id"], update={})
        assert times(first) == before
        second = notes.insert(text="e", created_at=NEW_YEAR, updated_at=NEW_YEAR)
        assert times(second) == (0, 0)
        database.dal(notes.id == second).update(updated_at=NEW_YEAR + dt.timedelta(hours=1))
        assert times(second) == (0, 3600)


def test_timestamps_leave_other_tables_alone(db: Any, database: Database) -> None:
    database.subscribe(Timestamps(lambda: NEW_YEAR), "owners")

    db.owners.insert(id=uuid.uuid4(), name="x")

    assert db(db.owners).one(db.owners.name) == {"name": "x"}
