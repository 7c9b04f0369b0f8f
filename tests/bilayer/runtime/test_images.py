"""What watchers are shown is what a reader sees, in whatever form values were given."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import JSON_NULL, Database
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.corpus import OWNERS
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.subscribers import Witness

FULL_ROW: dict[str, Any] = {
    "flag": True,
    "small": -5,
    "big": 2**63 - 1,
    "ratio": 0.1 + 0.2,
    "price": decimal.Decimal("12345678901234.5678"),
    "code": "it's \\ 50%_",
    "body": "é😀\n" * 1000,
    "day": dt.date(2024, 2, 29),
    "hour": dt.time(12, 34, 56, 789012),
    "moment": dt.datetime(2024, 1, 1, 12, 0, 0, 123457, tzinfo=dt.UTC),
    "document": {"k": [1, None, 1.5, "é😀", "it's %"]},
    "data": bytes(range(256)),
    "token": uuid.UUID(int=7),
    "words": ["a", "b|c"],
    "numbers": [1, -2],
}


class Word(str):
    __slots__ = ()


class Key(uuid.UUID):
    __slots__ = ()


class Count(enum.IntEnum):
    ONE = 1


MANY_FORMS: list[dict[str, Any]] = [
    {},
    FULL_ROW,
    dict.fromkeys(FULL_ROW),
    {
        "flag": 1,
        "small": Count.ONE,
        "big": True.__int__(),
        "ratio": 3,
        "price": decimal.Decimal("1.5"),
        "code": Word("code"),
        "title": "",
        "moment": dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5.5))),
        "document": {Word("k"): Word("v"), "n": Count.ONE, "f": [1.0, 1e22, 1e-7, True, None]},
        "data": bytearray(b"\x00\xff"),
        "token": str(uuid.UUID(int=9)),
        "words": ("a", Word("b")),
        "numbers": (Count.ONE, 2),
    },
    {"document": JSON_NULL, "price": 7, "ratio": -0.0, "words": [], "numbers": []},
    {"document": Word("text"), "token": Key(int=9)},
    {"document": 5},
]


def test_images_are_exact_for_every_type(db: Any, witness: Witness) -> None:
    key = db.things.insert(**FULL_ROW)
    db(db.things.id == key).update(**dict.fromkeys(FULL_ROW))
    db(db.things.id == key).delete()

    nothing = {**dict.fromkeys(db.things.fields), "id": key}
    full = {**nothing, **FULL_ROW}
    assert [(c.action, c.before, c.after) for c in witness.seen] == [
        ("insert", None, full),
        ("update", full, nothing),
        ("delete", nothing, None),
    ]
    shown = witness.seen[0].after or {}
    assert {name: type(value) for name, value in shown.items()} == {
        name: type(value) for name, value in full.items()
    }


def spell(row: Any) -> str:
    """Write a row so that values differ if their types do; objects have no order."""
    typed = [(name, type(value).__name__, value) for name, value in row.items()]
    return json.dumps(typed, sort_keys=True, default=repr).replace("-0.0", "0.0")


@pytest.mark.parametrize("form", range(len(MANY_FORMS)))
def test_images_are_what_a_reader_sees_in_whatever_form_values_were_given(
    db: Any, witness: Witness, form: int
) -> None:
    given = MANY_FORMS[form]

    def stored() -> list[str]:
        return sorted(map(spell, db(db.things).dicts()))

    whole = {**dict.fromkeys(db.things.fields), **given, "owner": None}
    for key in (-1, -2):
        db.things.insert(**{**whole, "id": key, "code": f"c{key}"})
    db.things.insert_many([{**whole, "id": key, "code": f"c{key}"} for key in (-3, -4)])
    db.things.insert_many([{**given, "code": f"c{key}"} for key in (5, 6)])
    inserted = stored()

    assert sorted(spell(change.after) for change in witness.seen) == inserted
    witness.calls.clear()

    changed = given or {"small": None}
    rows = db(db.things).update_returning(**changed | {"code": None})
    assert sorted(spell(row) for row in rows) == stored()
    assert sorted(spell(change.after) for change in witness.seen) == stored()
    assert sorted(spell(change.before) for change in witness.seen) == inserted


@pytest.mark.parametrize("is_told", [False, True])
@only("sqlite", "mariadb")  # PostgreSQL makes no key where NULL is given, and refuses it
def test_key_that_is_given_as_null_is_known_as_the_database_makes_it(
    db: Any, database: Database, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    adapter = db._adapter
    holder = adapter if "returning" in vars(adapter) else type(adapter)
    monkeypatch.setattr(holder, "returning", is_told)
    nothing = dict.fromkeys(db.things.fields)
    rows = [db.things.insert_ahead(**nothing), db.things.insert_ahead(id=None, small=1)]
    witness = Witness()
    database.subscribe(witness, "things")

    keys = [db.things.insert(**nothing), db.things.insert(id=None, small=2)]
    for some in (
        [nothing, nothing],
        [{"id": None, "small": 3}] * 2,
        [nothing, nothing | {"id": 90}],
    ):
        db.things.insert_many(some)

    stored = {row["id"]: row for row in db(db.things).dicts()}
    told = {change.key["id"]: change.after for change in witness.seen}
    assert stored == {row["id"]: row for row in rows} | told
    assert len(witness.seen) == len(told) == 8
    assert keys == list(told)[:2]


@pytest.mark.parametrize("is_computed", [False, True])
def test_update_whose_condition_ends_meanwhile_is_not_told(
    db: Any,
    witness: Witness,
    core: sa.Engine,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_computed: bool,
) -> None:
    if core.dialect.name == "sqlite":
        pytest.skip("one writer at a time: nothing changes between the two statements")
    db.owners.insert(id=OWNERS[0], name="x")
    key = db.things.insert(owner=OWNERS[0], small=1)
    images, things = db._adapter.pipeline._images, db.things
    lock = images.lock

    def lock_and_lose(table: Any, query: Any) -> Any:
        rows = lock(table, query)
        with core.begin() as connection:
            connection.execute(schema.owners.update().values(name="y"))
        return rows

    monkeypatch.setattr(images, "lock", lock_and_lose)
    witness.calls.clear()
    of_x = db(db.owners.name == "x").nested_select(db.owners.id)
    query = (things.id == key) & things.owner.belongs(of_x)

    assert db(query).update(small=things.small + 1 if is_computed else 2) == 0
    assert witness.seen == []
    assert db(things).one()["small"] == 1
