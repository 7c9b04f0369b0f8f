"""The write pipeline: what subscribers see of each write, and that it is one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Change,
    Database,
    InvalidValue,
    Param,
    ReadOnly,
    TransactionAborted,
    UniqueViolation,
    UnsupportedDefinition,
    prepared,
    update,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import Statements, only
from tests.bilayer.runtime.notes import other_tables
from tests.bilayer.runtime.owners import Refused
from tests.bilayer.runtime.subscribers import Journal, Objector, Witness
from tests.bilayer.runtime.threads import run_together

# -- images


def test_insert_shows_the_row_with_what_the_database_added(db: Any, witness: Witness) -> None:
    owner = db.owners.insert(id=uuid.UUID(int=1), name="ada")
    db.members.insert(owner_id=owner, place=3)

    assert witness.seen == [
        Change("owners", "insert", {"id": owner}, None, {"id": owner, "name": "ada"}),
        Change(
            "members",
            "insert",
            {"owner_id": owner, "place": 3},
            None,
            {"owner_id": owner, "place": 3, "label": "none", "visits": 0},
        ),
    ]


def test_insert_many_shows_rows_whose_keys_are_given(db: Any, witness: Witness) -> None:
    rows = [{"id": uuid.UUID(int=n), "name": f"n{n}"} for n in range(1, 1203)]

    assert db.owners.insert_many(rows) == 1202

    assert [(change.key, change.after) for change in witness.seen] == [
        ({"id": row["id"]}, row) for row in rows
    ]
    assert len(witness.calls) == 1


def test_insert_many_shows_rows_whose_keys_the_database_makes(db: Any, witness: Witness) -> None:
    db.things.insert_many([{"small": n} for n in range(20, 25)])

    stored = {row["id"]: row for row in db(db.things).dicts()}
    assert [(change.after or {})["small"] for change in witness.seen] == [20, 21, 22, 23, 24]
    assert {change.key["id"]: change.after for change in witness.seen} == stored


def test_update_shows_before_and_after(db: Any, witness: Witness) -> None:
    first, second = db.things.insert(small=1), db.things.insert(small=2)
    witness.calls.clear()

    assert db(db.things.small < 9).update(small=db.things.small + 10, code=None) == 2

    images = {
        change.key["id"]: ((change.before or {})["small"], (change.after or {})["small"])
        for change in witness.seen
    }
    assert images == {first: (1, 11), second: (2, 12)}


@pytest.mark.parametrize("count", [1, 1200])
def test_write_of_many_rows_shows_each_once(db: Any, witness: Witness, count: int) -> None:
    db.things.insert_many([{"id": n, "big": n} for n in range(1, count + 1)])
    witness.calls.clear()

    updated = db(db.things.big > 0).update(big=db.things.big * 2)
    deleted = db(db.things).delete()

    assert (updated, deleted) == (count, count)
    changes = {(c.action, c.key["id"]): c for c in witness.seen}
    assert len(witness.seen) == len(changes) == 2 * count
    assert all((changes["update", n].after or {})["big"] == 2 * n for n in range(1, count + 1))
    assert db(db.things).count() == 0


def test_write_that_meets_no_row_tells_nobody(db: Any, witness: Witness) -> None:
    assert db(db.things.small == 1).update(small=2) == 0
    assert db(db.things.small == 1).delete() == 0
    assert db.things.insert_many([]) == 0

    assert witness.calls == []


def test_update_that_changes_nothing_is_still_shown_alike_on_each_engine(
    db: Any, witness: Witness
) -> None:
    db.things.insert(small=1)
    witness.calls.clear()

    assert db(db.things.small == 1).update(small=1) == 1

    (change,) = witness.seen
    assert change.before == change.after


def test_key_change_is_shown_under_the_old_key(db: Any, witness: Witness) -> None:
    owner, other = uuid.UUID(int=1), uuid.UUID(int=2)
    for key in (owner, other):
        db.owners.insert(id=key)
    db.members.insert(owner_id=owner, place=1, label="moves")
    witness.calls.clear()

    db((db.members.owner_id == owner) & (db.members.place == 1)).update(owner_id=other, place=9)

    (change,) = witness.seen
    assert change.key == {"owner_id": owner, "place": 1}
    assert (change.before or {})["place"] == 1
    assert change.after == {"owner_id": other, "place": 9, "label": "moves", "visits": 0}


def test_key_set_by_an_expression_is_refused_and_changes_nothing(db: Any, witness: Witness) -> None:
    key = db.things.insert(small=1)
    witness.calls.clear()

    with pytest.raises(UnsupportedDefinition):
        db(db.things.id == key).update(id=db.things.id + 1)

    assert witness.calls == []
    assert db.things(key).small == 1


def test_key_may_be_given_as_text(db: Any, witness: Witness) -> None:
    old, new = uuid.UUID(int=1), uuid.UUID(int=2)

    db.owners.insert(id=str(old))
    db.owners.insert_many([{"id": str(uuid.UUID(int=3))}])
    db(db.owners.id == str(old)).update(id=str(new))

    assert [change.key["id"] for change in witness.seen] == [old, uuid.UUID(int=3), old]
    assert (witness.seen[-1].after or {})["id"] == new


def test_write_through_a_row_is_seen(db: Any, witness: Witness) -> None:
    key = db.things.insert(small=1)
    row = db(db.things.id == key).select().first()
    witness.calls.clear()

    row.update_record(small=2)
    row.delete_record()

    assert [change.action for change in witness.seen] == ["update", "delete"]


def test_write_through_referencing_rows_is_seen(empty_database_url: str) -> None:
    with other_tables(empty_database_url) as database:
        db, watcher = database.dal, Witness()
        database.subscribe(watcher, "children")
        parent = db.parents.insert(text="parent")
        child = db.children.insert(parent=parent, text="one")
        db.children.insert(parent=None, text="orphan")
        watcher.calls.clear()

        row = db(db.parents.id == parent).select().first()
        row.children.update(text="two")
        row.children.delete()

        assert [(change.action, change.key) for change in watcher.seen] == [
            ("update", {"id": child}),
            ("delete", {"id": child}),
        ]


def test_prepared_update_is_seen(db: Any, witness: Witness) -> None:
    key = db.things.insert(small=1)
    witness.calls.clear()
    change_small = prepared(
        lambda db: update(db.things.id == Param("key"), small=Param("small"), code="fixed")
    )

    assert change_small.run(db, key=key, small=2) == 1
    assert change_small.run(db, key=key + 1, small=3) == 0

    (change,) = witness.seen
    assert ((change.before or {})["small"], (change.after or {})["small"]) == (1, 2)


def test_update_or_insert_is_seen(db: Any, witness: Witness) -> None:
    db.things.update_or_insert(db.things.code == "a", code="a", small=1)
    db.things.update_or_insert(db.things.code == "a", code="a", small=2)

    assert [change.action for change in witness.seen] == ["insert", "update"]


def test_upsert_shows_which_of_the_two_it_was(db: Any, witness: Witness) -> None:
    db.things.upsert({"code": "a", "small": 1}, conflict=["code"])
    db.things.upsert({"code": "a", "small": 2}, conflict=["code"])
    db.things.upsert({"code": "a", "small": 3}, conflict=["code"], update={})
    db.things.upsert(
        {"code": "a", "small": 4}, conflict=["code"], update={"small": db.things.small + 100}
    )

    assert [
        (c.action, (c.before or {}).get("small"), (c.after or {}).get("small"))
        for c in witness.seen
    ] == [("insert", None, 1), ("update", 1, 2), ("update", 2, 102)]


def test_two_tables_with_one_subscriber_are_told_apart(db: Any, database: Database) -> None:
    watcher = Witness()
    database.subscribe(watcher, "owners")

    db.things.insert(small=1)
    db.owners.insert(id=uuid.uuid4())

    assert [change.table for change in watcher.seen] == ["owners"]


# -- one transaction


def test_subscriber_that_raises_undoes_the_write(
    db: Any, database: Database, core: sa.Engine
) -> None:
    key = db.things.insert(small=1, code="kept")
    database.subscribe(Objector(), "things")
    writes: list[Callable[[], Any]] = [
        lambda: db.things.insert(small=2),
        lambda: db.things.insert_many([{"small": 2}, {"small": 3}]),
        lambda: db(db.things.id == key).update(small=2),
        lambda: db(db.things.id == key).delete(),
        lambda: db.things.upsert({"code": "new", "small": 2}, conflict=["code"]),
        lambda: db.things.upsert({"code": "kept", "small": 2}, conflict=["code"]),
    ]

    for write in writes:
        with pytest.raises(Refused):
            write()

    assert not database.in_transaction
    with core.connect() as connection:
        rows = connection.execute(sa.select(schema.things.c.id, schema.things.c.small)).all()
    assert rows == [(key, 1)]


@pytest.mark.parametrize("is_inside", [False, True])
def test_subscriber_that_raises_dooms_the_innermost_block_like_a_failed_statement(
    db: Any, database: Database, is_inside: bool
) -> None:
    database.subscribe(Objector(), "things")

    with nullcontext() if is_inside else pytest.raises(TransactionAborted), database.transaction():
        db.owners.insert(id=uuid.uuid4())
        with suppress(Refused), database.transaction() if is_inside else nullcontext():
            db.things.insert(small=1)

    assert (db(db.owners).count(), db(db.things).count()) == (int(is_inside), 0)


def test_rows_a_subscriber_writes_commit_with_the_change(
    db: Any, database: Database, core: sa.Engine
) -> None:
    database.subscribe(Journal(), "owners")
    with suppress(Refused), database.transaction():
        db.owners.insert(id=uuid.uuid4())
        raise Refused
    assert db(db.things).count() == 0

    db.owners.insert(id=uuid.UUID(int=1))
    db.owners.upsert({"id": uuid.UUID(int=1), "name": "x"}, conflict=["id"])
    db(db.owners).delete()

    with core.connect() as connection:
        journal = connection.scalars(sa.select(schema.things.c.body).order_by("id")).all()
    assert journal == ["insert owners", "update owners", "delete owners"]


def test_watched_write_in_a_readonly_block_is_refused(
    db: Any, database: Database, witness: Witness
) -> None:
    key = db.things.insert(small=1)

    with pytest.raises(ReadOnly), database.transaction(readonly=True):
        db(db.things.id == key).update(small=2)

    assert db.things(key).small == 1


# -- many writers


def test_images_of_concurrent_writers_form_one_chain(db: Any, database: Database) -> None:
    key = db.things.insert(big=0)
    watcher = Witness()
    database.subscribe(watcher, "things")

    def count_up() -> None:
        for _ in range(25):
            db(db.things.id == key).update(big=db.things.big + 1)

    run_together(database, [count_up] * 8)

    steps = sorted(((c.before or {})["big"], (c.after or {})["big"]) for c in watcher.seen)
    assert steps == [(n, n + 1) for n in range(200)]


@only("postgresql", "mariadb")
def test_row_that_appears_between_image_and_statement_is_left_alone(
    db: Any, database: Database, core: sa.Engine
) -> None:
    old = db.things.insert(small=1)
    watcher = Witness()
    database.subscribe(watcher, "things")
    spy = Statements(database)

    def insert_another(sql: str) -> None:
        if sql.startswith("UPDATE"):
            with core.begin() as connection:
                connection.execute(schema.things.insert().values(id=old + 1, small=1))

    spy.before = insert_another
    updated = db(db.things.small == 1).update(small=2)

    assert updated == 1
    assert [change.key["id"] for change in watcher.seen] == [old]
    assert db.things(old + 1).small == 1


# -- insert_many


def test_insert_many_inserts_all_or_nothing(db: Any) -> None:
    rows = [{"code": f"c{n}", "small": 1} for n in range(3000)]
    rows[2500]["code"] = "c0"

    with pytest.raises(UniqueViolation):
        db.things.insert_many(rows)

    assert db(db.things).count() == 0


def test_insert_many_refuses_a_bad_value_before_anything_is_sent(
    db: Any, database: Database
) -> None:
    rows: list[dict[str, Any]] = [{"small": n} for n in range(20, 5000)]
    rows[-1]["small"] = "x"

    with pytest.raises(InvalidValue, match=r"things\.small"):
        db.things.insert_many(rows)

    assert db(db.things).count() == 0


def test_rows_that_were_selected_can_be_inserted_as_they_are(db: Any) -> None:
    db.things.insert(big=1, title="first")
    copies = db(db.things).select(db.things.big, db.things.title)

    assert db.things.insert_many(copies) == 1

    found = db(db.things).dicts(db.things.big, db.things.title)
    assert found == [{"big": 1, "title": "first"}] * 2


def test_rows_without_any_column_are_refused(db: Any, witness: Witness) -> None:
    full = {"small": 1}
    several: list[list[dict[str, int]]] = [[{}], [{}, {}], [{}, full], [full, {}]]

    for rows in several:
        with pytest.raises(UnsupportedDefinition, match=r"needs (a|the same) column"):
            db.things.insert_many(rows)

    assert witness.seen == []
    assert db(db.things).count() == 0


@pytest.mark.parametrize("is_watched", [False, True])
def test_alias_of_a_table_is_written_to_like_the_table(
    db: Any, database: Database, *, is_watched: bool
) -> None:
    witness = Witness()
    if is_watched:
        database.subscribe(witness, "things")
    first, second = db.things.insert(small=1), db.things.insert(small=2)
    witness.calls.clear()
    other = db.things.with_alias("other")

    assert db(other.small == 1).update(small=10) == 1
    assert db(other.small == 10).update(small=other.small + 1) == 1
    assert db(other.small == 11).update_returning(small=12)[0]["small"] == 12
    assert db(other.small == 12).delete() == 1

    assert db(db.things).dicts(db.things.id, db.things.small) == [{"id": second, "small": 2}]
    actions = [(change.table, change.action, change.key) for change in witness.seen]
    key = {"id": first}
    expected = [("things", "update", key)] * 3 + [("things", "delete", key)]
    assert actions == (expected if is_watched else [])
