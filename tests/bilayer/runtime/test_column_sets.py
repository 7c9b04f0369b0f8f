"""Whatever way a row is written, with or without subscribers: the same is stored and given back."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from bilayer.runtime import (
    Database,
    Field,
    InvalidValue,
    Param,
    UnsupportedDefinition,
    prepared,
    update,
)
from bilayer.runtime.pydal_compat import Expression
from tests.bilayer.runtime.corpus import EDGES, OWNERS
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.owners import add
from tests.bilayer.runtime.subscribers import Stamp, Witness

_OTHER: Final = {"code": "there"}


def _insert_twice(db: Any, row: Mapping[str, Any]) -> None:
    db.things.insert_many([{**row, "code": "other"}, row])


def _upsert(db: Any, row: Mapping[str, Any]) -> None:
    db.things.upsert(row, conflict=["code"])


def _update(db: Any, row: Mapping[str, Any]) -> None:
    db.things.insert(**_OTHER)
    assert db(db.things.code == "there").update(**row) == 1


def _update_by_upsert(db: Any, row: Mapping[str, Any]) -> None:
    db.things.insert(**_OTHER)
    db.things.upsert(row, conflict=["code"])


def _update_beside_an_expression(db: Any, row: Mapping[str, Any]) -> None:
    db.things.insert(**_OTHER)
    moved = {"numbers": db.things.numbers} if "numbers" not in row else {"words": db.things.words}
    [given] = db(db.things.code == "there").update_returning(**row, **moved)
    assert given == _stored(db)


def _update_prepared(db: Any, row: Mapping[str, Any]) -> None:
    db.things.insert(**_OTHER)
    change = prepared(
        lambda db: update(db.things.code == "there", **{name: Param(name) for name in row})
    )
    [given] = change.changed(db, **row)
    assert given == _stored(db)


def _insert(db: Any, row: Mapping[str, Any]) -> None:
    assert db.things.insert(**row) == _stored(db)["id"]


def _insert_returning(db: Any, row: Mapping[str, Any]) -> None:
    assert db.things.insert_returning(**row) == _stored(db)


def _stored(db: Any) -> Any:
    return db(db.things.code == "there").one()


WAYS: Final = (
    _insert,
    _insert_returning,
    _insert_twice,
    _upsert,
    _update,
    _update_by_upsert,
    _update_beside_an_expression,
    _update_prepared,
)


def test_all_ways_store_the_same_and_show_it_to_watchers(db: Any, database: Database) -> None:
    cases = [
        (column, value)
        for column, values in EDGES.items()
        for value in (values[0], values[-1], None)
    ]
    witness = Witness()

    with database.transaction():
        for owner in OWNERS:
            db.owners.insert(id=owner)
        free = [[_written(db, way, *case) for way in WAYS] for case in cases]
        database.subscribe(witness, "things")
        watched = [[_written(db, way, *case, witness) for way in WAYS] for case in cases]

    for case, alone, seen in zip(cases, free, watched, strict=True):
        assert alone == seen == alone[:1] * len(WAYS), case


def _written(db: Any, way: Any, column: str, value: Any, witness: Witness | None = None) -> str:
    """Write a row, and give what the driver reads then."""
    way(db, {column: value, "code": "there"})
    [[stored]] = db.executesql(f"SELECT {column} FROM things WHERE code = 'there'")
    if witness is not None:
        told = [c.after for c in witness.seen if c.after and c.after["code"] == "there"]
        assert told[-1] == _stored(db)
        witness.calls.clear()
    db(db.things).delete()
    return repr(bytes(stored) if isinstance(stored, memoryview) else stored)


def test_one_row_of_many_takes_no_expression_either(db: Any, database: Database) -> None:
    row = {"id": uuid.uuid4(), "name": Expression(db, db._adapter.dialect.lower, db.owners.name)}
    database.subscribe(Witness(), "owners")

    with pytest.raises(InvalidValue, match=r"owners\.name: text is needed"):
        db.owners.insert_many([row])


def test_stamp_of_an_unknown_column_is_refused(db: Any, database: Database) -> None:
    key = db.things.insert(small=1)
    database.subscribe(Stamp(smal=1), "things")
    writes: tuple[Callable[[], Any], ...] = (
        lambda: db.things.insert(small=2),
        lambda: db.things.insert_many([{"small": 2}, {"small": 3}]),
        lambda: db(db.things.id == key).update(small=2),
        lambda: db.things.upsert({"id": key, "small": 2}, conflict=["id"]),
    )

    for write in writes:
        with pytest.raises(InvalidValue, match=r"things\.smal: no such column"):
            write()

    assert [row["small"] for row in db(db.things).dicts()] == [1]


def test_redefined_table_is_written_as_it_is_then(db: Any) -> None:
    key = add(db, "Ada")
    query = db.owners.id == key
    db(query).update(name="x" * 40)
    db.define_table(
        "owners",
        Field("id", "uuid", notnull=True),
        Field("name", "string", length=2),
        primarykey=["id"],
        redefine=True,
    )

    with pytest.raises(InvalidValue, match="longer than 2"):
        add(db, "Ada")
    with pytest.raises(InvalidValue, match="longer than 2"):
        db(db.owners.id == key).update(name="Ada")


@pytest.mark.parametrize(
    ("name", "value"), [("type", "integer"), ("length", 2), ("is_bounded", False), ("_rname", "x")]
)
def test_field_of_a_table_stays_what_it_is(db: Any, name: str, value: Any) -> None:
    alias = db.owners.with_alias("other")
    before = vars(db.owners.name).copy()

    for field in (db.owners.name, alias.name):
        with pytest.raises(UnsupportedDefinition, match=rf"\.name\.{name} .* redefine=True"):
            setattr(field, name, value)
        with pytest.raises(UnsupportedDefinition):
            field.set_attributes(label="Name", **{name: value})

    assert db.owners.name.set_attributes({"label": "A"}, comment="B") is db.owners.name
    assert vars(db.owners.name) == before | {"label": "A", "comment": "B"}
    free = db.owners.name.clone()
    setattr(free, name, value)
    assert getattr(free, name) == value


def test_field_of_a_table_still_gets_defaults_and_filters(db: Any) -> None:
    db.define_table("nodes", Field("parent", "reference nodes"), Field("label", length=9))
    db.nodes.label.default, db.nodes.label.filter_in = "a", str.upper
    db.nodes.label.requires, db.nodes.label.length = None, 9

    copied = db.nodes.parent.clone(point_self_references_to="copies")

    assert (copied.type, db.nodes.parent.type) == ("reference copies", "reference nodes")


def test_alias_keeps_apart_what_it_shares_with_its_table(db: Any) -> None:
    other = db.things.with_alias("other")

    for table in (db.things, other, db.things):
        table.insert(small=1)
        with pytest.raises(InvalidValue) as caught:
            table.insert(small="x")
        assert caught.value.table == table._tablename

    assert db(db.things).count() == 3


def test_alias_and_table_do_not_make_each_others_columns_anew(db: Any) -> None:
    other = db.things.with_alias("other")
    third = other.with_alias("third")
    tables = (db.things, other, third)

    made = [db._adapter.column_set(table, ["small"]) for table in tables]

    again = (db.things, db.things.with_alias("other"), third)
    assert [db._adapter.column_set(table, ["small"]) for table in again] == made


def test_combinations_of_columns_do_not_fill_the_memory(db: Any) -> None:
    names = [name for name in db.things.fields if name not in ("id", "owner")][:9]
    key = db.things.insert(small=1)

    for chosen in itertools.islice(itertools.permutations(names, 3), 250):
        assert db(db.things.id == key).update(**dict.fromkeys(chosen)) == 1
        assert len(db.things._column_sets) <= 200


@only("postgresql", "mariadb")
def test_percent_sign_in_a_name_stands_for_itself(db: Any, database: Database) -> None:
    mark = '"' if database.engine_name == "postgresql" else "`"
    table, column = f"{mark}100%{mark}", f"{mark}50%s{mark}"
    db.executesql(f"CREATE TABLE {table} (id integer PRIMARY KEY, {column} varchar(9))")
    try:
        fields = Field("id", "integer"), Field("half", length=9, rname=column)
        db.define_table("odd", *fields, primarykey=["id"], rname=table)
        db.odd.insert(id=1, half="a%")
        db.odd.insert_many([{"id": number, "half": "%s"} for number in range(2, 80)])

        assert db.odd.insert_returning(id=80, half="%") == {"id": 80, "half": "%"}
        assert db(db.odd.id < 3).dicts(orderby=db.odd.id) == [
            {"id": 1, "half": "a%"},
            {"id": 2, "half": "%s"},
        ]
        assert db(db.odd.id > 2).delete() == 78
        db.odd.insert(id=3, half=Expression(db, db._adapter.dialect.concat, "a", "%", "string"))
        db.odd.upsert({"id": 3, "half": "c%"}, conflict=["id"])
        assert db(db.odd.id == 3).update(half=db.odd.half + "%") == 1
        change = prepared(lambda db: update(db.odd.id == Param("id"), half=Param("half")))
        assert change.changed(db, id=1, half="b%") == [{"id": 1, "half": "b%"}]
        assert db(db.odd.id == 3).update_returning(half="%") == [{"id": 3, "half": "%"}]
    finally:
        db.executesql(f"DROP TABLE {table}")


@only("mariadb")
def test_engine_that_returns_no_rows_tells_the_key_it_made(
    db: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness()
    database.subscribe(witness, "things", "owners")
    monkeypatch.setattr(type(db._adapter), "returning", False)  # as MySQL

    row = db.things.insert_returning(small=1)
    key = db.things.insert(small=2)
    db.things.insert_many([{"small": 3}, {"small": 4}])
    owner = db.owners.insert_returning(id=str(uuid.UUID(int=7)))

    assert row == db(db.things.id == row["id"]).one()
    assert owner == {"id": uuid.UUID(int=7), "name": None}
    told = [change.after for change in witness.seen]
    assert told == [*db(db.things).dicts(orderby=db.things.id), owner]
    assert key == row["id"] + 1
