"""Every value that one layer writes, the other reads equal, in value and in type."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bilayer.runtime import JSON_NULL, Param, prepared, select, update
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.corpus import EDGES, OWNERS, STRATEGIES, UTC

COLUMNS = tuple(EDGES)
things = schema.things


def exact(value: Any) -> Any:
    """Give a form in which 1, 1.0 and True differ, also inside documents."""
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return type(value), value


def read_form(value: Any) -> Any:
    """Give what must be read for a value that was written."""
    return value.astimezone(UTC) if isinstance(value, dt.datetime) else value


# ---------------------------------------------------------------- writing


def write_core(core: sa.Engine, column: str, values: Iterable[Any]) -> list[int]:
    """Insert through SQLAlchemy Core; returns the keys."""
    statement = things.insert()
    with core.begin() as connection:
        results = [connection.execute(statement.values({column: value})) for value in values]
        return [result.inserted_primary_key[0] for result in results]


def insert(db: Any, column: str, values: Sequence[Any]) -> list[int]:
    """Insert row by row; returns the keys."""
    with db.transaction():
        return [db.things.insert(**{column: value}) for value in values]


def insert_many(db: Any, column: str, values: Sequence[Any]) -> list[int]:
    """Insert all rows at once, with keys of our own."""
    keys = list(range(1, len(values) + 1))
    rows = [{"id": key, column: value} for key, value in zip(keys, values, strict=True)]
    assert db.things.insert_many(rows) == len(values)
    return keys


def upsert_new(db: Any, column: str, values: Sequence[Any]) -> list[int]:
    """Insert each row by an upsert that finds none."""
    with db.transaction():
        for key, value in enumerate(values, 1):
            db.things.upsert({"id": key, column: value}, conflict=["id"])
    return list(range(1, len(values) + 1))


def upsert_old(db: Any, column: str, values: Sequence[Any]) -> list[int]:
    """Change empty rows by upserts that find them."""
    keys = insert(db, column, [None] * len(values))
    with db.transaction():
        for key, value in zip(keys, values, strict=True):
            db.things.upsert({"id": key, column: value}, conflict=["id"])
    return keys


def set_by_update(db: Any, column: str, values: Sequence[Any]) -> list[int]:
    """Change empty rows by updates."""
    keys = insert(db, column, [None] * len(values))
    with db.transaction():
        for key, value in zip(keys, values, strict=True):
            assert db(db.things.id == key).update(**{column: value}) == 1
    return keys


def set_by_prepared_update(db: Any, column: str, values: Sequence[Any]) -> list[int]:
    """Change empty rows by a prepared update."""
    keys = insert(db, column, [None] * len(values))
    statement = prepared(
        lambda db: update(db.things.id == Param("key"), **{column: Param("value")})
    )
    with db.transaction():
        for key, value in zip(keys, values, strict=True):
            assert statement.run(db, key=key, value=value) == 1
    return keys


WRITERS = (insert, insert_many, upsert_new, upsert_old, set_by_update, set_by_prepared_update)


# ---------------------------------------------------------------- reading


def read_core(core: sa.Engine, column: str, keys: list[int]) -> list[Any]:
    """Read through SQLAlchemy Core."""
    statement = sa.select(things.c[column]).where(things.c.id.in_(keys)).order_by(things.c.id)
    with core.connect() as connection:
        return list(connection.execute(statement).scalars())


def read_rows(db: Any, column: str, keys: list[int]) -> list[Any]:
    """Read as PyDAL's rows."""
    table = db.things
    rows = db(table.id.belongs(keys)).select(table.id, table[column], orderby=table.id)
    return [row[column] for row in rows]


def read_dicts(db: Any, column: str, keys: list[int]) -> list[Any]:
    """Read as dicts."""
    table = db.things
    return [
        row[column] for row in db(table.id.belongs(keys)).dicts(table[column], orderby=table.id)
    ]


def read_prepared(db: Any, column: str, keys: list[int]) -> list[Any]:
    """Read by a prepared select."""
    one = prepared(lambda db: select(db.things.id == Param("key"), db.things[column]))
    return [one.one(db, key=key)[column] for key in keys]


READERS = (read_rows, read_dicts, read_prepared)


def count_equal(db: Any, column: str, keys: list[int], values: Iterable[Any]) -> list[int]:
    """Count for each key whether its row is found by ``==`` its value."""
    table = db.things
    return [
        db((table.id == key) & (table[column] == value)).count()
        for key, value in zip(keys, values, strict=True)
    ]


def assert_round_trip(db: Any, core: sa.Engine, column: str, values: list[Any]) -> None:
    expected = exact([read_form(value) for value in values])
    every = [1] * len(values)

    ours = insert(db, column, values)
    assert exact(read_core(core, column, ours)) == expected
    theirs = write_core(core, column, values)
    for read in READERS:
        assert exact(read(db, column, theirs)) == expected
    with db.transaction():
        assert count_equal(db, column, ours, values) == every
        assert count_equal(db, column, theirs, values) == every

    for key, value in zip(theirs, read_dicts(db, column, theirs), strict=True):
        with db.transaction():
            db(db.things.id == key).update(**{column: value})
    assert exact(read_core(core, column, theirs)) == expected


@pytest.fixture(autouse=True)
def _owners(core: sa.Engine) -> None:
    with core.begin() as connection:
        connection.execute(schema.owners.insert(), [{"id": owner} for owner in OWNERS])


@pytest.mark.parametrize("column", COLUMNS)
def test_edges_of_a_type_are_read_equal_by_the_other_layer(
    db: Any, core: sa.Engine, column: str
) -> None:
    assert_round_trip(db, core, column, [*EDGES[column], None])


@pytest.mark.parametrize("column", COLUMNS)
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_value_of_a_type_is_read_equal_by_the_other_layer(
    db: Any, core: sa.Engine, column: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(STRATEGIES[column] | st.none(), min_size=1, max_size=25))

    assert_round_trip(db, core, column, values)


@pytest.mark.parametrize("write", WRITERS)
def test_each_way_of_writing_stores_the_same(
    db: Any, core: sa.Engine, write: Callable[[Any, str, Sequence[Any]], list[int]]
) -> None:
    for column, values in EDGES.items():
        with core.begin() as connection:
            connection.execute(things.delete())

        keys = write(db, column, values)

        assert exact(read_core(core, column, keys)) == exact([read_form(v) for v in values])


def test_row_with_every_column_survives_both_layers(db: Any, core: sa.Engine) -> None:
    row = {column: read_form(values[-1]) for column, values in EDGES.items()}

    key = db.things.insert(**row)

    with core.connect() as connection:
        found = connection.execute(sa.select(things)).mappings().one()
    assert exact({column: found[column] for column in row}) == exact(row)
    assert exact({**db.things(key).as_dict(), "id": 0, "code": 0}) == exact(
        {"id": 0, "code": 0, **row}
    )


def test_key_is_stored_as_it_is_given(db: Any, core: sa.Engine) -> None:
    keys = [0, -1, 7, 2**40]

    given = [db.things.insert(id=key) for key in keys]
    many = db.things.insert_many([{"id": key} for key in (-8, -9)])

    with core.connect() as connection:
        stored = connection.execute(sa.select(things.c.id)).scalars().all()
    assert (given, many) == (keys, 2)
    assert sorted(stored) == sorted([*keys, -8, -9])


def test_text_is_told_apart_by_every_character(db: Any) -> None:
    table = db.things
    insert(db, "title", ["a", "A", "á", "a\u0301", "a ", " a", "ａ"])

    for text in ("a", "A", "á", "a ", "ａ"):
        assert db(table.title == text).dicts(table.title) == [{"title": text}]


def test_text_is_ordered_by_code_point(db: Any) -> None:
    table = db.things
    texts = ["", " ", "B", "Z", "_", "a", "b", "ä", "ﬀ", "😀"]
    insert(db, "title", list(reversed(texts)))

    found = db(table.id > 0).dicts(table.title, orderby=table.title)

    assert [row["title"] for row in found] == texts


def test_moments_are_ordered_and_compared_to_the_microsecond(db: Any, core: sa.Engine) -> None:
    table = db.things
    start = dt.datetime(2024, 1, 1, tzinfo=UTC)
    moments = [start + dt.timedelta(microseconds=n) for n in (0, 1, 249, 999_999, 1_000_000)]
    write_core(core, "moment", reversed(moments))

    later = db(table.moment > moments[1]).dicts(table.moment, orderby=table.moment)

    assert [row["moment"] for row in later] == moments[2:]
    offset = moments[2].astimezone(dt.timezone(dt.timedelta(hours=-9)))
    assert db(table.moment == offset).count() == 1


def test_prices_are_ordered_as_numbers(db: Any) -> None:
    table = db.things
    prices = [decimal.Decimal(text) for text in ("-10", "-9.5", "0", "0.0001", "9", "10.5")]
    insert(db, "price", list(reversed(prices)))

    found = db(table.price > decimal.Decimal("-9.6")).dicts(table.price, orderby=table.price)

    assert [row["price"] for row in found] == prices[1:]


def test_json_null_is_a_document_and_none_is_not(db: Any, core: sa.Engine) -> None:
    table = db.things
    null, nothing = insert(db, "document", [JSON_NULL, None])
    (theirs,) = write_core(core, "document", [sa.JSON.NULL])

    absent = db(table.document == None).dicts(table.id)  # noqa: E711 - PyDAL's IS NULL

    assert absent == [{"id": nothing}]
    assert db(table.document == JSON_NULL).count() == 2
    assert read_dicts(db, "document", [null, theirs]) == [None, None]
    assert read_core(core, "document", [null, nothing]) == [None, None]


@pytest.mark.parametrize(
    "spelling",
    [str, lambda token: token.hex, lambda token: str(token).upper()],
    ids=["dashes", "digits", "capitals"],
)
def test_uuid_may_be_given_as_text(
    db: Any, core: sa.Engine, spelling: Callable[[uuid.UUID], str]
) -> None:
    token = uuid.UUID("0123abcd-4567-89ef-0123-456789abcdef")

    keys = insert(db, "token", [spelling(token)])

    assert read_core(core, "token", keys) == [token]
    assert db(db.things.token == spelling(token)).count() == 1


def test_integers_stand_for_the_numbers_they_equal(db: Any, core: sa.Engine) -> None:
    for column, number in (("price", decimal.Decimal(7)), ("ratio", 7.0), ("flag", True)):
        keys = insert(db, column, [int(number)])

        assert exact(read_core(core, column, keys)) == exact([number])


def test_bytes_may_be_given_in_any_buffer(db: Any, core: sa.Engine) -> None:
    data = b"\x00\xff'\\"

    keys = insert(db, "data", [bytearray(data), memoryview(data)])

    assert read_core(core, "data", keys) == [data, data]


def test_subclasses_of_plain_types_are_stored_as_plain_values(db: Any, core: sa.Engine) -> None:
    class Name(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "another text"

    class Number(int):
        def __str__(self) -> str:
            return "1 OR 1=1"

    (name,) = insert(db, "title", [Name("name")])
    (number,) = insert(db, "small", [Number(5)])

    assert read_core(core, "title", [name]) == ["name"]
    assert read_core(core, "small", [number]) == [5]
    assert db(db.things.small == Number(5)).count() == 1
    assert db(db.things.title == Name("name")).count() == 1
