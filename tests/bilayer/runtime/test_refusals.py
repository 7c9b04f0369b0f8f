"""Every value a column could not give back is refused, with its place, before anything is sent."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import reprlib
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Field,
    InvalidValue,
    Param,
    Prepared,
    UnsupportedDefinition,
    json_merge,
    prepared,
    select,
    update,
)
from tests.bilayer.runtime import schema

NAN: Final = float("nan")
INFINITY: Final = float("inf")
SURROGATE: Final = "a\ud800"
NUL: Final = "a\x00b"


def call() -> str:
    """Stand for a function that somebody forgot to call, or called too early."""
    return "x"


def nested(depth: int) -> list[Any]:
    """Make a document of lists in lists."""
    document: list[Any] = []
    for _ in range(depth - 1):
        document = [document]
    return document


def circle() -> list[Any]:
    """Make a list that contains itself."""
    document: list[Any] = []
    document.append(document)
    return document


NUMBERS_ARE_NOT: Final[tuple[Any, ...]] = (
    "",
    "1",
    "1 OR 1=1",
    b"1",
    [],
    {},
    [1],
    {1},
    (1,),
    object(),
    1j,
    uuid.UUID(int=1),
)
WRONG: Final[Mapping[str, tuple[Any, ...]]] = {
    "flag": ("", "no", "off", "T", "F", "true", 2, -1, 0.0, 1.0, Decimal(1), b"\x01", []),
    "small": (
        *NUMBERS_ARE_NOT, 1.5, 1.0, True, False, NAN, 2**31, -(2**31) - 1, 2**63, 2**70,
        Decimal(1), dt.timedelta(1),
    ),
    "big": (*NUMBERS_ARE_NOT, 1.5, True, 2**63, -(2**63) - 1, Decimal("1.0"), INFINITY, "abc"),
    "ratio": (
        *NUMBERS_ARE_NOT, True, NAN, INFINITY, -INFINITY, 2**53 + 1, 10**400, Decimal("0.1"), "nan",
    ),
    "price": (
        *NUMBERS_ARE_NOT, True, 0.1, NAN, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
        Decimal("-Infinity"), Decimal("0.00001"), Decimal("1E-30"), Decimal("1E+14"), 10**14,
        -(10**14), Decimal("100000000000000.0000"), Decimal("99999999999999.99999"),
        Decimal("1E+999999"), "1); DROP TABLE things; --", "0, title='changed'", "1.5",
    ),
    "code": (
        1, True, 1.5, b"text", bytearray(b"text"), [], {}, ["a"], {"a": 1}, call,
        NUL, "\x00", SURROGATE, "\udfff", "x" * 61, "😀" * 61, " " * 61, dt.date(2024, 1, 1),
        uuid.UUID(int=1),
    ),
    "body": (1, b"text", [], {}, NUL, SURROGATE, object()),
    "day": (
        "", "2024-02-29", "2024-02-30", "0000-00-00", 20240229, 0,
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 1), dt.time(1), b"2024-01-01",
    ),
    "hour": (
        "", "12:00", "24:00:00", 0, 1.5, dt.timedelta(hours=1), dt.time(1, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.date(2024, 1, 1),
    ),
    "moment": (
        "", "2024-01-01 00:00:00", "2024-01-01T00:00:00+00:00", 0, 1.7e9,
        dt.datetime(2024, 1, 1), dt.date(2024, 1, 1), dt.time(1),
        dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-1))),
        dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
    ),
    "document": (
        NAN, INFINITY, [NAN], {"x": -INFINITY}, NUL, [NUL], {NUL: 1}, {"x": {"y": [NUL]}},
        SURROGATE, {SURROGATE: 1}, {1: "x"}, {None: 1}, {True: 1}, {1.5: 1}, {"a": {2: 3}},
        (1, 2), {"x": (1,)}, {1, 2}, frozenset(), b"x", [b"x"], Decimal(1), [Decimal("0.1")],
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC), [dt.date(2024, 1, 1)], uuid.UUID(int=1), object(),
        1j, {"x": object()}, circle(), nested(10_000),
    ),
    "data": ("", "text", 0, 5, True, [], [1, 2], {}, 1.5),
    "token": (
        "", "x", 0, 1, True, b"\x00" * 16, "0" * 31, "0" * 33, "g" * 32, "０" * 32,
        "{00000000-0000-0000-0000-000000000001}", "urn:uuid:00000000-0000-0000-0000-000000000001",
        " 00000000-0000-0000-0000-000000000001", "0000000-00000-0000-0000-000000000001",
        "0" * 30 + "_1", [], {},
    ),
    "words": ("", "a", 1, {}, {"a"}, [1], [None], [b"a"], [["a"]], [NUL], [SURROGATE], {"a": "b"}),
    "numbers": ("", "1", 1, {}, {1}, [1.5], [True], ["1"], [None], [2**63], [[1]], [NAN]),
    "owner": ("", "x", 0, 5, True, b"\x00" * 16, "urn:uuid:" + "0" * 32, []),
    "id": ("", "1", "1 OR 1=1", 1.5, True, 2**63, b"1", Decimal(1)),
}  # fmt: skip
"""Values that each column of ``things`` must refuse."""

Writing = Callable[[Any, str, Any], object]
WRITINGS: Final[Mapping[str, Writing]] = {
    "insert": lambda db, column, value: db.things.insert(**{column: value}),
    "insert_many": lambda db, column, value: db.things.insert_many(
        [{column: None if column != "id" else 77}, {column: value}]
    ),
    "update": lambda db, column, value: db(db.things).update(**{column: value}),
    "upsert": lambda db, column, value: db.things.upsert({"id": 1, column: value}, conflict=["id"]),
    "upsert update": lambda db, column, value: db.things.upsert(
        {"id": 1, "small": 1}, conflict=["id"], update={column: value}
    ),
    "prepared update": lambda db, column, value: prepared(
        lambda db: update(db.things.id > 0, **{column: Param("value")})
    ).run(db, value=value),
    "update_or_insert": lambda db, column, value: db.things.update_or_insert(
        db.things.id == 1, **{column: value}
    ),
}
COMPARISONS: Final[Mapping[str, Writing]] = {
    "==": lambda db, column, value: db(db.things[column] == value).count(),
    "!=": lambda db, column, value: db(db.things[column] != value).dicts(),
    "<": lambda db, column, value: db(db.things[column] < value).count(),
    ">=": lambda db, column, value: db(db.things[column] >= value).isempty(),
    "belongs": lambda db, column, value: db(db.things[column].belongs([value])).count(),
    "delete": lambda db, column, value: db(db.things[column] == value).delete(),
}

ORDERS: Final = ("<", ">=")
"""Comparisons that documents do not have at all."""


def accepted(
    db: Any, uses: Mapping[str, Writing], column: str, values: tuple[Any, ...]
) -> list[str]:
    """List the uses of values that were not refused as they should be."""
    found = []
    for name, use in uses.items():
        for value in values:
            try:
                use(db, column, value)
            except InvalidValue as error:
                if (error.table, error.column) == ("things", column) and no_value_in(error, value):
                    continue
                found.append(f"{name} {reprlib.repr(value)}: {error}")
            except Exception as error:  # noqa: BLE001 - reported as the failure it is
                found.append(f"{name} {reprlib.repr(value)}: {type(error).__name__} {error}")
            else:
                found.append(f"{name} {reprlib.repr(value)}: accepted")
    return found


def no_value_in(error: InvalidValue, value: Any) -> bool:
    """Tell whether the message keeps the value to itself, as far as it is recognizable."""
    return not (isinstance(value, str) and len(value) > 10 and value in str(error))


@pytest.mark.parametrize("column", WRONG)
def test_wrong_value_is_not_stored_by_any_write(db: Any, core: sa.Engine, column: str) -> None:
    db.things.insert(id=1, code="kept")

    assert accepted(db, WRITINGS, column, WRONG[column]) == []

    with core.connect() as connection:
        rows = connection.execute(sa.select(schema.things.c.id, schema.things.c.code)).all()
    assert [tuple(row) for row in rows] == [(1, "kept")]


@pytest.mark.parametrize("column", WRONG)
def test_wrong_value_is_not_compared_with(db: Any, column: str) -> None:
    db.things.insert(id=1)

    uses = {
        name: use for name, use in COMPARISONS.items() if column != "document" or name not in ORDERS
    }
    assert accepted(db, uses, column, WRONG[column]) == []
    assert db(db.things).count() == 1


def test_parameter_of_a_prepared_select_is_checked_by_its_column(db: Any) -> None:
    def find_by(column: str) -> Prepared:
        return prepared(lambda db: select(db.things[column] == Param("wanted"), db.things.id))

    for column, values in WRONG.items():
        statement = find_by(column)
        for value in values:
            with pytest.raises(InvalidValue, match="wanted"):
                statement.dicts(db, wanted=value)


def test_document_deeper_than_every_engine_keeps_is_refused(db: Any) -> None:
    key = db.things.insert(document=nested(30))

    assert db.things(key).document == nested(30)
    for depth in (40, 200, 900):
        with pytest.raises(InvalidValue, match=r"things\.document"):
            db.things.insert(document=nested(depth))


def test_unknown_column_is_refused_and_nothing_written(db: Any) -> None:
    db.things.insert(id=1, small=1)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: db.things.insert(small=2, smal=2),
        lambda: db.things.insert(**{"small) VALUES (1); --": 2}),
        lambda: db.things.insert_many([{"small": 2}, {"smal": 2}]),
        lambda: db(db.things.id == 1).update(small=2, smal=2),
        lambda: db(db.things.id == 1).update(update_record=2),
        lambda: db.things.upsert({"id": 1, "smal": 2}, conflict=["id"]),
        lambda: db.things.upsert({"id": 1}, conflict=["id"], update={"smal": 2}),
        lambda: db.things.update_or_insert(db.things.id == 1, smal=2),
        lambda: prepared(lambda db: update(db.things.id == 1, smal=Param("n"))).run(db, n=2),
        lambda: db.things(1).update_record(small=2, smal=2),
    )

    for attempt in attempts:
        with pytest.raises(InvalidValue, match="things"):
            attempt()

    assert db(db.things).dicts(db.things.id, db.things.small) == [{"id": 1, "small": 1}]


def test_unknown_column_of_a_conflict_is_refused(db: Any) -> None:
    for columns in (["cod"], ['code") DO NOTHING; --'], ["insert"], []):
        with pytest.raises(InvalidValue):
            db.things.upsert({"id": 1, "code": "a"}, conflict=columns)

    assert db(db.things).count() == 0


def test_rows_of_one_insert_must_have_the_same_columns(db: Any) -> None:
    with pytest.raises(UnsupportedDefinition):
        db.things.insert_many([{"small": 1}, {"big": 2}])

    assert db(db.things).count() == 0


def test_wrong_row_among_many_leaves_none_of_them(db: Any) -> None:
    rows: list[dict[str, Any]] = [{"small": number} for number in range(10_000)]
    rows[-1] = {"small": "wrong"}

    with pytest.raises(InvalidValue):
        db.things.insert_many(rows)

    assert db(db.things).count() == 0


@pytest.mark.parametrize(
    "patch",
    [{"a": NAN}, {1: 2}, {"a": {2: None}}, {NUL: 1}, {"a": NUL}, {"a": {SURROGATE: 1}}, {NUL: None},
     {"a": (1,)}, {"a": {1, 2}}, {"a": {"b": Decimal(1)}}, [], "text", None, 5],
    ids=lambda patch: json.dumps(repr(patch))[:30],
)  # fmt: skip
def test_wrong_merge_patch_changes_nothing(db: Any, patch: Any) -> None:
    key = db.things.insert(document={"a": 1})

    with pytest.raises(InvalidValue):
        db(db.things.id == key).update(document=json_merge(db.things.document, patch))

    assert db.things(key).document == {"a": 1}


def test_default_that_does_not_fit_its_column_is_refused(db: Any) -> None:
    db.define_table("members2", Field("small", "integer", default="x"), rname='"members"')

    with pytest.raises(InvalidValue, match=r"members2\.small"):
        db.members2.insert()


@pytest.mark.parametrize(
    "wanted",
    ["nosuchtype", "big-integer", "decimal", "decimal(10)", "decimal(10,2,3)", "decimal(2,5)",
     "decimal(x,y)", "decimal(0,0)", "integer; DROP TABLE things", "list:nosuchtype", "geometry"],
)  # fmt: skip
def test_column_of_an_unknown_type_cannot_be_defined(db: Any, wanted: Any) -> None:
    with pytest.raises((UnsupportedDefinition, SyntaxError)):
        db.define_table("strange", Field("value", wanted))


def test_identifier_without_an_integer_needs_a_primary_key(db: Any) -> None:
    for wanted in ("string", "uuid", "integer"):
        with pytest.raises(UnsupportedDefinition, match="primarykey"):
            db.define_table("strange", Field("id", wanted))


def test_migrations_of_pydal_cannot_be_asked_for(db: Any) -> None:
    with pytest.raises(UnsupportedDefinition, match="migrate"):
        db.define_table("strange", Field("small", "integer"), migrate=True)


@pytest.mark.parametrize(
    "key",
    ["", "x", call, 1.5, True, b"1", [1], {}, {"id": 1, "small": 2}, {"no": 1}, {"id": "1"}],
    ids=lambda key: f"{key!r:.12}",
)  # fmt: skip
def test_key_that_cannot_be_one_is_refused(db: Any, key: Any) -> None:
    db.things.insert(id=1)

    with pytest.raises(InvalidValue, match="things"):
        db.things(key)


def test_refusal_inside_a_transaction_leaves_the_transaction_usable(db: Any) -> None:
    with db.transaction():
        db.things.insert(id=1)
        with pytest.raises(InvalidValue):
            db.things.insert(small="x")
        db.things.insert(id=2)

    assert db(db.things).count() == 2


def test_context_of_decimals_does_not_change_what_is_stored(db: Any) -> None:
    price = Decimal("12345678901234.5678")

    with decimal.localcontext(prec=3):
        key = db.things.insert(price=price)
        found = db.things(key).price
        equal = db(db.things.price == price).count()

    assert found == price
    assert equal == 1
