"""Upsert: one row by the key that was named, whoever else writes at the same time."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Database,
    DatabaseError,
    Field,
    SerializationFailure,
    UniqueViolation,
    UnsupportedDefinition,
    json_merge,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.subscribers import Witness
from tests.bilayer.runtime.threads import outcome, run_together


def test_concurrent_upserts_lose_nothing(db: Any, database: Database) -> None:
    _upsert_together(db, database)

    assert _sums(db) == {f"key {n}": 40 for n in range(10)}


def test_concurrent_watched_upserts_lose_nothing(
    db: Any, database: Database, witness: Witness
) -> None:
    _upsert_together(db, database)

    assert _sums(db) == {f"key {n}": 40 for n in range(10)}
    assert len(witness.seen) == 400
    assert sum(change.action == "insert" for change in witness.seen) == 10


def test_upserts_that_race_with_deletes_raise_nothing(db: Any, database: Database) -> None:
    def put() -> None:
        for turn in range(40):
            db.things.upsert({"code": "contested", "big": turn}, conflict=["code"])

    def take_away() -> None:
        for _ in range(60):
            db(db.things.code == "contested").delete()

    run_together(database, [put] * 4 + [take_away] * 2)

    assert db(db.things).count() <= 1


def test_key_of_a_table_whose_name_is_quoted_is_found(db: Any, database: Database) -> None:
    mark = "`" if database.engine_name == "mysql" else '"'
    fields = Field("id", "id", rname=f"{mark}id{mark}"), Field("small", "integer")
    db.define_table("quoted", *fields, rname=f"{mark}things{mark}")

    for small in (1, 2):
        db.quoted.upsert({"id": 7, "small": small}, conflict=["id"])

    assert db(db.quoted).dicts() == [{"id": 7, "small": 2}]


def test_upsert_touches_no_row_that_shares_another_unique_key(db: Any) -> None:
    first = db.things.insert(code="taken", small=1)

    with pytest.raises(UniqueViolation) as refusal:
        db.things.upsert({"id": first + 1, "code": "taken", "small": 2}, conflict=["id"])

    assert refusal.value.constraint == "uq_things_code"
    assert db(db.things).dicts(db.things.id, db.things.small) == [{"id": first, "small": 1}]


def test_watched_upsert_touches_no_row_that_shares_another_unique_key(
    db: Any, witness: Witness
) -> None:
    first = db.things.insert(code="taken", small=1)
    witness.calls.clear()

    with pytest.raises(UniqueViolation):
        db.things.upsert({"id": first + 1, "code": "taken", "small": 2}, conflict=["id"])

    assert witness.calls == []
    assert db(db.things).dicts(db.things.id, db.things.small) == [{"id": first, "small": 1}]


def test_upsert_of_a_composite_key_merges_a_document(db: Any, database: Database) -> None:
    owner = db.owners.insert(id=uuid.uuid4())
    key = {"owner_id": owner, "place": 1}
    for visits in (1, 2):
        db.members.upsert(
            {**key, "visits": visits},
            conflict=["owner_id", "place"],
            update={"visits": db.members.visits + visits},
        )
    thing = {"code": "doc", "document": {"a": 1}}
    for patch in ({"b": 2}, {"c": 3}):
        db.things.upsert(
            thing, conflict=["code"], update={"document": json_merge(db.things.document, patch)}
        )

    assert db(db.members).one(db.members.visits) == {"visits": 3}
    assert db(db.things).one(db.things.document) == {"document": {"a": 1, "c": 3}}


@pytest.mark.parametrize("is_watched", [False, True])
def test_upsert_changes_the_columns_that_decided(
    db: Any, database: Database, *, is_watched: bool
) -> None:
    if is_watched:
        database.subscribe(Witness(), "things")
    db.things.insert(id=10, code="a", small=1)
    row = {"id": 10, "code": "a"}

    db.things.upsert(row, conflict=["id"], update={"id": 11, "small": 2})
    assert db(db.things).one(db.things.id, db.things.small) == {"id": 11, "small": 2}

    db.things.upsert(row, conflict=["code"], update={"code": "b", "small": db.things.small + 1})
    assert db(db.things).one(db.things.id, db.things.code, db.things.small) == {
        "id": 11,
        "code": "b",
        "small": 3,
    }

    db.things.upsert(row | {"id": 11}, conflict=["id"], update={"id": 12, "code": "c"})
    assert db(db.things).one(db.things.id, db.things.code, db.things.small) == {
        "id": 12,
        "code": "c",
        "small": 3,
    }


@only("mariadb")
def test_upsert_that_changes_every_column_is_refused(db: Any) -> None:
    db.define_table("things_by_code", Field("code", length=60), primarykey=["code"], rname="things")
    row = {"code": "a"}

    db.things_by_code.upsert(row, conflict=["code"], update={})
    with pytest.raises(UnsupportedDefinition):
        db.things_by_code.upsert(row, conflict=["code"], update={"code": "b"})

    assert [each["code"] for each in db(db.things).dicts()] == ["a"]


@only("postgresql", "mariadb")
def test_upsert_in_an_old_snapshot_raises_what_can_be_retried(
    db: Any, database: Database, core: sa.Engine
) -> None:
    def upsert_later() -> None:
        with database.transaction("REPEATABLE READ"):
            db(db.things).count()
            with core.begin() as connection:
                connection.execute(schema.things.insert().values(id=1, code="a", small=1))
            db.things.upsert({"code": "a", "small": 2}, conflict=["code"], update={})

    failure = outcome(upsert_later)()

    assert failure is None or isinstance(failure, SerializationFailure)


def test_upsert_fails_when_its_row_breaks_another_rule(db: Any, core: sa.Engine) -> None:
    db.things.insert(code="a", small=1)

    with pytest.raises(DatabaseError):
        db.things.upsert({"code": "a", "small": 13}, conflict=["code"])

    with core.connect() as connection:
        assert connection.scalars(sa.select(schema.things.c.small)).all() == [1]


def _upsert_together(db: Any, database: Database) -> None:
    def put(start: int) -> None:
        for turn in range(50):
            code = f"key {(start + turn) % 10}"
            db.things.upsert(
                {"code": code, "big": 1}, conflict=["code"], update={"big": db.things.big + 1}
            )

    run_together(database, [partial(put, start) for start in range(8)])


def _sums(db: Any) -> dict[str, int]:
    return {row["code"]: row["big"] for row in db(db.things).dicts(db.things.code, db.things.big)}
