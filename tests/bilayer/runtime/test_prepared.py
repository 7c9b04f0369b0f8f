"""Prepared statements: compiled once a database, called with other values, and otherwise alike."""

from __future__ import annotations

import datetime as dt
import decimal
import gc
import threading
import uuid
import weakref
from functools import partial
from typing import Any

import pytest

from bilayer.runtime import (
    Database,
    InvalidValue,
    Param,
    UnsupportedDefinition,
    json_contains,
    json_text,
    prepared,
    select,
    update,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import Statements, wait_until
from tests.bilayer.runtime.subscribers import Witness
from tests.bilayer.runtime.threads import run_together
from tests.support.databases import new_database
from tests.support.run import Run

VALUES: dict[str, list[Any]] = {
    "flag": [True, False],
    "small": [0, -1, 2**31 - 1],
    "big": [2**63 - 1, -(2**63)],
    "ratio": [0.1 + 0.2, -1.5e300],
    "price": [decimal.Decimal("12345678901234.5678"), decimal.Decimal("-0.0001")],
    "code": ["", "it's", "a\\b", "50%_ %s ? :x", "\x01s\x02\x03a"],
    "body": ["é😀\n", "x" * 70000],
    "day": [dt.date(2024, 2, 29)],
    "hour": [dt.time(12, 34, 56, 789012)],
    "moment": [dt.datetime(2024, 1, 1, 12, 0, 0, 123457, tzinfo=dt.UTC)],
    "data": [b"", bytes(range(256))],
    "token": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)],
}


@pytest.mark.parametrize("column", VALUES)
def test_prepared_select_finds_what_a_plain_one_finds(db: Any, column: str) -> None:
    find = prepared(
        lambda db: select(db.things[column] == Param("value"), db.things.ALL, orderby=db.things.id)
    )
    for value in VALUES[column]:
        db.things.insert(**{column: value})

    for value in VALUES[column]:
        found = find.dicts(db, value=value)

        assert found == db(db.things[column] == value).dicts()
        assert [row[column] for row in found] == [value]
        assert find.one(db, value=value) == found[0]


@pytest.mark.parametrize("column", [*VALUES, "document", "words", "numbers"])
def test_prepared_update_writes_what_a_plain_one_writes(db: Any, column: str) -> None:
    further: dict[str, list[Any]] = {
        "document": [{"a": [1, None]}],
        "words": [["a|b"]],
        "numbers": [[1, 2]],
    }
    change = prepared(lambda db: update(db.things.id == Param("key"), **{column: Param("value")}))
    key = db.things.insert(big=1)

    for value in [*VALUES.get(column, []), *further.get(column, []), None]:
        assert change.run(db, key=key, value=value) == 1

        stored = db.things(key)[column]
        assert stored == value
        assert type(stored) is type(value)


def test_parameter_of_one_name_may_stand_in_several_places(db: Any) -> None:
    for number in (1, 2, 3):
        db.things.insert(small=number, big=number)
    find = prepared(
        lambda db: select(
            (db.things.small >= Param("n")) & (db.things.big <= Param("n")), db.things.small
        )
    )

    assert find.dicts(db, n=2) == [{"small": 2}]


def test_fixed_values_and_operators_are_kept(db: Any) -> None:
    db.things.insert(code="50%_ off", small=1, document={"a": {"b": "x"}})
    db.things.insert(code="50 off", small=2, document={"a": {}})
    find = prepared(
        lambda db: select(
            db.things.code.startswith("50%")
            & db.things.small.belongs([1, 2, 3])
            & json_contains(db.things.document, {"a": {}})
            & (db.things.small < Param("below")),
            db.things.code,
            json_text(db.things.document, "a", "b").with_alias("b"),
            limitby=(0, 5),
        )
    )

    assert find.dicts(db, below=9) == [{"code": "50%_ off", "b": "x"}]
    assert find.dicts(db, below=1) == []


def test_join_can_be_prepared(db: Any) -> None:
    owner = db.owners.insert(id=uuid.uuid4(), name="ada")
    db.things.insert(owner=owner, small=5)
    find = prepared(
        lambda db: select(
            (db.things.owner == db.owners.id) & (db.owners.name == Param("name")),
            db.things.small,
            db.owners.name,
        )
    )

    assert find.dicts(db, name="ada") == [{"small": 5, "name": "ada"}]


def test_none_equals_nothing(db: Any) -> None:
    db.things.insert(code=None)
    find = prepared(lambda db: select(db.things.code == Param("code"), db.things.id))

    assert find.dicts(db, code=None) == []
    assert find.one(db, code=None) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("small", "1"),
        ("small", True),
        ("small", 2**31),
        ("token", "no uuid"),
        ("moment", dt.datetime(2024, 1, 1)),
        ("price", 0.5),
        ("code", b"bytes"),
        ("code", "nul \x00"),
        ("data", "text"),
        ("flag", 2),
    ],
)
def test_wrong_value_is_refused_by_its_parameters_name(db: Any, column: str, value: Any) -> None:
    find = prepared(lambda db: select(db.things[column] == Param("wanted"), db.things.id))
    change = prepared(lambda db: update(db.things.id == 1, **{column: Param("wanted")}))

    with pytest.raises(InvalidValue, match="wanted"):
        find.dicts(db, wanted=value)
    with pytest.raises(InvalidValue, match=column):
        change.run(db, wanted=value)


def test_missing_and_unknown_parameters_are_refused(db: Any) -> None:
    find = prepared(
        lambda db: select(
            (db.things.small == Param("one")) & (db.things.big == Param("two")), db.things.id
        )
    )
    wrong: list[dict[str, Any]] = [{}, {"one": 1}, {"one": 1, "two": 2, "three": 3}]

    for values in wrong:
        with pytest.raises(InvalidValue, match="the parameters are one, two"):
            find.dicts(db, **values)


def test_parameter_needs_a_name() -> None:
    with pytest.raises(ValueError, match="identifier"):
        Param("a|b")


def test_select_is_not_run_and_update_is_not_read(db: Any) -> None:
    find = prepared(lambda db: select(db.things.id == Param("key"), db.things.id))
    change = prepared(lambda db: update(db.things.id == Param("key"), small=1))

    with pytest.raises(UnsupportedDefinition):
        find.run(db, key=1)
    with pytest.raises(UnsupportedDefinition):
        change.dicts(db, key=1)


def test_statement_outside_its_call_knows_no_parameters(db: Any) -> None:
    with pytest.raises((InvalidValue, UnsupportedDefinition)):
        db(db.things.id == Param("key")).dicts()
    with pytest.raises((InvalidValue, UnsupportedDefinition)):
        db.things.insert(small=Param("small"))


def test_prepared_statement_takes_part_in_transactions(db: Any, database: Database) -> None:
    key = db.things.insert(small=1)
    change = prepared(lambda db: update(db.things.id == Param("key"), small=Param("small")))

    with pytest.raises(ZeroDivisionError), database.transaction():
        change.run(db, key=key, small=2)
        1 / 0  # noqa: B018 - raises

    assert db.things(key).small == 1


def test_statement_is_compiled_once_for_each_database(
    database: Database, suite_run: Run, engine: str
) -> None:
    built: list[Any] = []

    def build(db: Any) -> Any:
        built.append(db)
        return select(db.owners.name == Param("name"), db.owners.name)

    find = prepared(build)
    with new_database(suite_run, engine) as url:
        schema.create_tables(url)
        with schema.connect(url) as other:
            other.dal.owners.insert(id=uuid.uuid4(), name="there")
            for _ in range(3):
                assert find.one(database.dal, name="there") is None
                assert find.one(other.dal, name="there") == {"name": "there"}

            assert built == [database.dal, other.dal]


def test_nothing_is_compiled_before_the_first_call() -> None:
    prepared(lambda _db: pytest.fail("compiled too early"))


def test_call_sends_one_statement(db: Any, database: Database) -> None:
    find = prepared(lambda db: select(db.things.id == Param("key"), db.things.ALL))
    change = prepared(lambda db: update(db.things.id == Param("key"), small=1))
    sent = Statements(database).sent

    find.one(db, key=1)
    change.run(db, key=1)

    assert [statement.split()[0] for statement in sent] == ["SELECT", "UPDATE"]


def test_prepared_statement_does_not_keep_a_closed_database(tables_url: str) -> None:
    find = prepared(lambda db: select(db.things.id == Param("key"), db.things.ALL))
    change = prepared(lambda db: update(db.things.id == Param("key"), small=Param("small")))
    with schema.connect(tables_url) as database:
        find.one(database.dal, key=1)
        change.run(database.dal, key=1, small=1)
        adapter = weakref.ref(database.dal._adapter)
    del database

    wait_until(lambda: gc.collect() >= 0 and adapter() is None)


def test_threads_may_compile_and_call_at_once(db: Any, database: Database) -> None:
    keys = [db.things.insert(small=100 + n, code=f"c{n}") for n in range(8)]
    ready = threading.Barrier(8)
    statements = [
        prepared(lambda db: select(db.things.id == Param("key"), db.things.small, db.things.code))
        for _ in range(10)
    ]

    def call(n: int) -> list[Any]:
        found = []
        for statement in statements:
            ready.wait(10)
            found.append(statement.one(db, key=keys[n]))
        return found

    answers = run_together(database, [partial(call, n) for n in range(8)])

    assert answers == [[{"small": 100 + n, "code": f"c{n}"}] * 10 for n in range(8)]


def test_update_knows_its_columns_and_filters_what_they_get(db: Any) -> None:
    key = db.things.insert(title="a")
    unknown = prepared(lambda db: update(db.things.id == Param("key"), nothing=Param("value")))
    rename = prepared(lambda db: update(db.things.id == Param("key"), title=Param("title")))
    db.things.title.filter_in = str.upper

    assert rename.run(db, key=key, title="b") == 1
    assert db.things(key).title == "B"
    [row] = rename.changed(db, key=key, title="c")
    assert row["title"] == "C"
    with pytest.raises(InvalidValue, match="no such column"):
        unknown.run(db, key=key, value=1)


@pytest.mark.parametrize("is_filtered", [False, True])
def test_update_tells_of_the_columns_that_were_asked_for(db: Any, *, is_filtered: bool) -> None:
    key = db.things.insert(title="a", code="c")
    things = db.things
    rename = prepared(
        lambda _db: update(things.id == Param("key"), things.title, title=Param("title"))
    )
    db.things.title.filter_in = str.upper if is_filtered else None

    assert rename.changed(db, key=key, title="b") == [{"title": "B" if is_filtered else "b"}]


@pytest.mark.parametrize("is_watched", [False, True])
def test_update_tells_of_its_own_tables_columns_alone(
    db: Any, database: Database, *, is_watched: bool
) -> None:
    key = db.things.insert(title="a")
    things, remarks = db.things, db.remarks
    if is_watched:
        database.subscribe(Witness(), "things")
    foreign = (
        remarks.title,
        remarks.thing_id,
        things.with_alias("other").title,
        things.title.with_alias("title"),
        things.ALL,
        "title",
    )

    def change(*fields: Any) -> list[dict[str, Any]]:
        statement = prepared(lambda _db: update(things.id == key, *fields, title=Param("title")))
        return statement.changed(db, title="b")

    for field in foreign:
        with pytest.raises(InvalidValue, match=r"^things: changed\(\) tells of its columns alone"):
            change(field)
    assert things(key).title == "a"
    [row] = change(things.title, things.id, things.title)
    assert row == {"id": key, "title": "b"}
