"""Queries find the rows they name: lists, joins, groups, nested selects, keys of any type."""

from __future__ import annotations

import datetime as dt
import functools
import json
import operator
import random
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from bilayer.runtime import (
    Database,
    DatabaseError,
    InvalidValue,
    RawSQLRefused,
    UnsupportedDefinition,
)
from tests.bilayer.runtime.engines import Statements

ADA: Final = uuid.UUID(int=1)
BOB: Final = uuid.UUID(int=2)


@pytest.fixture
def people(db: Any) -> Any:
    """Two owners, of whom Ada has two things and Bob none, and a thing of nobody."""
    db.owners.insert(id=ADA, name="Ada")
    db.owners.insert(id=BOB, name="Bob")
    db.things.insert(id=1, owner=ADA, small=7, title="one")
    db.things.insert(id=2, owner=ADA, small=2, title="two")
    db.things.insert(id=3, title="three")
    db.members.insert(owner_id=ADA, place=1, label="first")
    db.members.insert(owner_id=ADA, place=2)
    db.members.insert(owner_id=BOB, place=1)
    return db


def ids(db: Any, query: Any) -> list[int]:
    """List the keys of the things that a query finds."""
    return [row["id"] for row in db(query).dicts(db.things.id, orderby=db.things.id)]


# ---------------------------------------------------------------- lists


def test_list_of_values_may_come_in_any_form(people: Any) -> None:
    small = people.things.small

    forms: tuple[Any, ...] = ([7, 2], (7, 2), {7, 2}, [7, 2, 7], iter([7, 2]), {7: "a", 2: "b"})
    for values in forms:
        assert ids(people, small.belongs(values)) == [1, 2]
    assert ids(people, small.belongs(7, 2)) == [1, 2]
    assert ids(people, (small + 1).belongs([8])) == [1]
    assert ids(people, people.things.owner.belongs([ADA, str(BOB)])) == [1, 2]


def test_empty_list_finds_nothing_and_its_opposite_everything(people: Any) -> None:
    small = people.things.small

    assert ids(people, small.belongs([])) == []
    assert ids(people, ~small.belongs([])) == [1, 2, 3]
    assert people(small.belongs([])).delete() == 0


def test_nothing_in_a_list_is_refused_or_found(people: Any) -> None:
    small = people.things.small

    with pytest.raises(InvalidValue):
        ids(people, small.belongs([7, None]))
    assert ids(people, small.belongs([7, None], null=True)) == [1, 3]


def test_nothing_in_a_list_for_an_expression_is_refused(people: Any) -> None:
    with pytest.raises((InvalidValue, TypeError)):
        ids(people, (people.things.small + 1).belongs([8, None]))


def test_single_value_is_no_list(people: Any) -> None:
    for value in (5, None, 1.5, "7", b"7"):
        with pytest.raises((InvalidValue, RawSQLRefused)):
            people(people.things.small.belongs(value)).count()


@pytest.mark.parametrize("column", ["big", "token", "title"])
def test_long_list_finds_its_rows(db: Any, column: str) -> None:
    makers: dict[str, Callable[[int], Any]] = {
        "big": int,
        "token": lambda number: uuid.UUID(int=number),
        "title": str,
    }
    make = makers[column]
    db.things.insert_many([{column: make(number)} for number in range(100)])
    wanted = [make(number) for number in range(50, 40_050)]
    random.Random(1).shuffle(wanted)

    assert db(db.things[column].belongs(wanted)).count() == 50
    assert db(~db.things[column].belongs(wanted)).count() == 50


def test_nested_select_gives_the_list(people: Any) -> None:
    table, owners = people.things, people.owners
    named = people(owners.name == "Ada").nested_select(owners.id)
    same_table = people(table.small == 7).nested_select(table.id, correlated=False)
    limited = people(owners.name == "it's").nested_select(owners.id)

    assert ids(people, table.owner.belongs(named)) == [1, 2]
    assert ids(people, ~table.owner.belongs(named)) == []
    assert ids(people, table.id.belongs(same_table)) == [1]
    assert ids(people, table.owner.belongs(limited)) == []


def test_query_gives_the_list_of_its_keys(people: Any) -> None:
    assert ids(people, people.things.owner.belongs(people.owners.name == "Ada")) == [1, 2]


# ---------------------------------------------------------------- nothing, and deep conditions


def test_null_is_equal_to_none_only(people: Any) -> None:
    small = people.things.small

    assert ids(people, small == None) == [3]  # noqa: E711 - PyDAL's IS NULL
    assert ids(people, small != None) == [1, 2]  # noqa: E711
    assert ids(people, small != 7) == [2]
    assert ids(people, ~(small == 7)) == [2]
    for query in (small < None, small <= None, small > None, small >= None):
        with pytest.raises(InvalidValue):
            people(query).count()


@pytest.mark.parametrize("join", [operator.or_, operator.and_], ids=["or", "and"])
def test_long_conditions_work_when_they_are_balanced(db: Any, join: Any) -> None:
    db.things.insert_many([{"id": number + 1, "small": number} for number in range(5)])
    small = db.things.small
    parts = [small == n if join is operator.or_ else small != n for n in range(2, 2_000)]

    def balanced(queries: list[Any]) -> Any:
        middle = len(queries) // 2
        return (
            queries[0]
            if not middle
            else join(balanced(queries[:middle]), balanced(queries[middle:]))
        )

    assert ids(db, balanced(parts)) == ([3, 4, 5] if join is operator.or_ else [1, 2])


def test_long_chain_of_conditions_is_found_or_refused_but_never_cut(db: Any) -> None:
    """PyDAL renders a chain by recursion, and SQLite parses it so; `belongs` has no such limit."""
    db.things.insert_many([{"id": number + 1, "small": number} for number in range(5)])

    for length in (50, 900, 3_000):
        chain = functools.reduce(operator.or_, [db.things.small == n for n in range(2, length)])
        try:
            found = ids(db, chain)
        except (RecursionError, DatabaseError):
            assert length > 50
            continue
        assert found == [3, 4, 5]
    assert db(db.things).count() == 5


# ---------------------------------------------------------------- joins, groups, order


def test_join_gives_pairs_that_belong_together(people: Any) -> None:
    table, owners = people.things, people.owners
    expected = [{"small": 2, "name": "Ada"}, {"small": 7, "name": "Ada"}]
    on = table.owner == owners.id

    assert people(on).dicts(table.small, owners.name, orderby=table.small) == expected
    assert (
        people(owners).dicts(table.small, owners.name, join=table.on(on), orderby=table.small)
        == expected
    )
    rows = people(on).select(table.small, owners.name, orderby=table.small)
    assert [(row.things.small, row.owners.name) for row in rows] == [(2, "Ada"), (7, "Ada")]


def test_left_join_keeps_rows_without_a_partner(people: Any) -> None:
    table, owners, members = people.things, people.owners, people.members

    found = people(owners).dicts(
        owners.name,
        table.small,
        left=table.on(table.owner == owners.id),
        orderby=owners.name | table.small,
    )
    both = people(owners).dicts(
        owners.name,
        members.place,
        table.title,
        join=members.on(members.owner_id == owners.id),
        left=table.on((table.owner == owners.id) & (table.small == 7)),
        orderby=owners.name | members.place,
    )

    assert found == [
        {"name": "Ada", "small": 2},
        {"name": "Ada", "small": 7},
        {"name": "Bob", "small": None},
    ]
    assert both == [
        {"name": "Ada", "place": 1, "title": "one"},
        {"name": "Ada", "place": 2, "title": "one"},
        {"name": "Bob", "place": 1, "title": None},
    ]


def test_table_is_joined_with_itself_by_an_alias(people: Any) -> None:
    table, other = people.things, people.things.with_alias("other")

    found = people(table.small < other.small).dicts(table.small, other.small.with_alias("larger"))

    assert found == [{"small": 2, "larger": 7}]


def test_columns_of_one_name_are_not_mixed_up(people: Any) -> None:
    table, owners = people.things, people.owners
    pairs = people((table.owner == owners.id) & (table.small == 7))

    with pytest.raises(UnsupportedDefinition, match="id"):
        pairs.dicts(table.id, owners.id)
    with pytest.raises(UnsupportedDefinition, match="id"):
        pairs.dicts()
    named = pairs.dicts(table.id, owners.id.with_alias("owner_id"))
    assert named == [{"id": 1, "owner_id": ADA}]
    row = pairs.select().first()
    assert (row.things.id, row.owners.id) == (1, ADA)


def test_groups_are_counted_added_and_chosen(people: Any) -> None:
    table = people.things
    total = table.small.sum()

    def groups(at_least: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = people(table.owner != None).dicts(  # noqa: E711
            table.owner,
            total.with_alias("total"),
            table.id.count().with_alias("things"),
            groupby=table.owner,
            having=total >= at_least,
        )
        return found

    assert groups(9) == [{"owner": ADA, "total": 9, "things": 2}]
    assert groups(10) == []


def test_different_values_are_listed_and_counted_once(people: Any) -> None:
    members = people.members

    listed = people(members).dicts(members.place, distinct=True, orderby=members.place)

    assert listed == [{"place": 1}, {"place": 2}]
    assert people(members).count() == 3
    assert people(members).count(distinct=members.place) == 2
    assert people(members.owner_id == ADA).count(distinct=members.label) == 2


def test_order_and_limit_choose_the_rows(people: Any) -> None:
    table = people.things

    def titles(**attributes: Any) -> list[str]:
        return [row["title"] for row in people(table).dicts(table.title, **attributes)]

    assert titles(orderby=~table.id) == ["three", "two", "one"]
    assert titles(orderby=table.title | ~table.id) == ["one", "three", "two"]
    assert titles(orderby=[~table.small.coalesce(0), table.id]) == ["one", "two", "three"]
    assert titles(orderby=table.id, limitby=(1, 2)) == ["two"]
    assert titles(orderby=table.id, limitby=(5, 9)) == []
    assert sorted(titles(orderby="<random>")) == ["one", "three", "two"]
    assert people(table.id > 1).one(table.title, orderby=table.id) == {"title": "two"}
    assert people(table.id > 9).one(table.title) is None


def test_limit_that_makes_no_sense_is_refused(people: Any) -> None:
    for limit in ((0, -1), (5, 2), (-1, 2), (0, 2**70)):
        with pytest.raises((InvalidValue, DatabaseError)):
            people(people.things).dicts(people.things.id, limitby=limit)


def test_rows_stream_while_other_statements_run(people: Any) -> None:
    table = people.things
    streamed = people(table).iterselect(table.id, orderby=table.id)

    seen = [(row.id, people(table.id == row.id).count()) for row in streamed]

    assert seen == [(1, 1), (2, 1), (3, 1)]


def test_write_to_joined_tables_is_refused(people: Any) -> None:
    table, owners = people.things, people.owners
    pairs = people((table.owner == owners.id) & (owners.name == "Ada"))

    with pytest.raises((RuntimeError, DatabaseError, UnsupportedDefinition)):
        pairs.update(small=0)
    with pytest.raises((RuntimeError, DatabaseError, UnsupportedDefinition)):
        pairs.delete()

    assert people(table.small > 0).count() == 2


def test_looking_for_a_row_reads_no_column_but_the_key(database: Database, people: Any) -> None:
    statements = Statements(database)

    assert not people(people.things.title == "one").isempty()
    assert people(people.things.title == "none").isempty()
    assert not people(people.members.place == 2).isempty()

    assert len(statements.sent) == 3
    for sql in statements.sent:
        columns = sql.partition("FROM")[0]
        assert columns.count(",") == 0
        assert "body" not in columns


def test_cached_select_is_that_of_its_own_values(people: Any) -> None:
    kept: dict[str, Any] = {}

    def cache(key: str, read: Any, _seconds: int) -> Any:
        if key not in kept:
            kept[key] = read()
        return kept[key]

    def titles(number: int) -> list[str]:
        rows = people(people.things.small == number).select(people.things.title, cache=(cache, 60))
        return [row.title for row in rows]

    assert [titles(7), titles(2), titles(7)] == [["one"], ["two"], ["one"]]


def test_cached_count_is_refused(people: Any) -> None:
    with pytest.raises(UnsupportedDefinition):
        people(people.things).count(cache=(lambda _key, count, _seconds: count(), 60))


def test_table_that_nothing_joins_makes_every_pair(people: Any) -> None:
    """PyDAL joins a table that is only among the fields with everything; so does plain SQL."""
    assert len(people(people.things).dicts(people.things.title, people.owners.name)) == 6


# ---------------------------------------------------------------- keys


def test_row_is_found_by_its_key_whatever_its_type(people: Any) -> None:
    assert people.owners(ADA).name == "Ada"
    assert people.owners[ADA].name == "Ada"
    assert people.owners(str(ADA)).name == "Ada"
    assert people.owners({"id": ADA}).name == "Ada"
    assert people.owners(id=ADA).name == "Ada"
    assert people.owners(name="Bob").id == BOB
    assert people.owners(uuid.UUID(int=9)) is None
    assert people.things(1).title == "one"
    assert people.things[1].title == "one"
    assert people.things(9) is None
    assert people.things(None) is None


def test_row_is_found_by_a_key_of_two_columns(people: Any) -> None:
    key = {"owner_id": ADA, "place": 1}

    assert people.members(key).label == "first"
    assert people.members[key].label == "first"
    assert people.members(owner_id=BOB, place=1).label == "none"
    assert people.members({"owner_id": BOB, "place": 2}) is None
    for half in ({"owner_id": ADA}, ADA, {**key, "label": "first"}):
        with pytest.raises(InvalidValue, match="members"):
            people.members(half)


def test_insert_gives_the_key_back(db: Any) -> None:
    assert db.owners.insert(id=ADA) == ADA
    assert db.members.insert(owner_id=ADA, place=5) == {"owner_id": ADA, "place": 5}
    key = db.things.insert(title="made")
    assert db.things(key).title == "made"
    assert type(key) is int


def test_row_of_a_keyed_table_is_changed_and_deleted_by_its_key(people: Any) -> None:
    members = people.members

    def at(place: int) -> Any:
        return people((members.owner_id == ADA) & (members.place == place))

    assert at(1).update(label="changed") == 1
    assert at(2).delete() == 1
    labels = people(members).dicts(members.label, orderby=members.label)
    assert labels == [{"label": "changed"}, {"label": "none"}]


def test_reference_is_the_plain_key(people: Any) -> None:
    row = people.things(1)

    assert type(row.owner) is uuid.UUID
    assert people(people.things.owner == ADA).count() == 2
    assert people(people.things.owner == people.owners(ADA).id).count() == 2


def test_method_is_no_column(people: Any) -> None:
    for name in ("insert", "drop", "truncate", "update_or_insert", "_db"):
        with pytest.raises((InvalidValue, KeyError)):
            people.things[name]
    assert people.things["title"] is people.things.title


# ---------------------------------------------------------------- rows as dicts and JSON

FULL: Final[dict[str, Any]] = {
    "flag": False,
    "small": 7,
    "big": 2**60,
    "ratio": 0.1,
    "price": Decimal("12345678901234.5678"),
    "code": "c",
    "title": "it's é",
    "body": "",
    "day": dt.date(2024, 2, 29),
    "hour": dt.time(1, 2, 3, 4),
    "moment": dt.datetime(2024, 1, 1, 0, 0, 0, 249, tzinfo=dt.UTC),
    "document": {"a": [1, None]},
    "data": b"\x00\xff",
    "token": ADA,
    "words": ["a", ""],
    "numbers": [1],
    "owner": ADA,
}


@pytest.fixture
def full(db: Any) -> Any:
    """A thing with a value in every column."""
    db.owners.insert(id=ADA, name="Ada")
    db.things.insert(id=1, **FULL)
    return db


def test_row_as_a_dict_has_every_value(full: Any) -> None:
    expected = {"id": 1, **FULL}
    table = full.things

    assert table(1).as_dict() == expected
    assert full(table).select().as_list() == [expected]
    assert full(table).dicts() == [expected]
    assert full(table).select().as_dict() == {1: expected}
    assert {name: type(value) for name, value in table(1).as_dict().items()} == {
        name: type(value) for name, value in expected.items()
    }


def test_row_as_json_has_every_value(full: Any) -> None:
    (row,) = json.loads(full(full.things).select().as_json())

    assert row == json.loads(full.things(1).as_json())
    assert set(row) == {"id", *FULL}
    assert Decimal(row["price"]) == FULL["price"]
    assert dt.datetime.fromisoformat(row["moment"]) == FULL["moment"]
    assert dt.time.fromisoformat(row["hour"]) == FULL["hour"]
    assert uuid.UUID(row["token"]) == ADA
    assert row["data"] == "AP8="
    assert (row["document"], row["flag"], row["big"]) == (FULL["document"], False, 2**60)


def test_joined_rows_as_dicts_keep_their_tables(full: Any) -> None:
    rows = full(full.things.owner == full.owners.id).select(full.things.data, full.owners.id)

    assert rows.as_list() == [{"things": {"data": FULL["data"]}, "owners": {"id": ADA}}]


def test_rows_are_equal_only_if_all_values_are(full: Any) -> None:
    for number, column in ((2, "data"), (3, "token"), (4, "price")):
        other = {"data": b"\x00\xfe", "token": BOB, "price": Decimal("12345678901234.5679")}
        values = {**FULL, "code": str(number), column: other[column]}
        full.things.insert(id=number, **values)
        fields = [full.things[name] for name in FULL if name != "code"]
        first, second = full(full.things.id.belongs([1, number])).select(*fields)

        assert first != second
