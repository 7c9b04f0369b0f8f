"""Expressions have one value on every engine; what would be rounded or guessed is refused."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import pytest
import sqlalchemy as sa

from bilayer.runtime import DatabaseError, InvalidValue, UnsupportedDefinition
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.corpus import UTC

MOMENT: Final = dt.datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=UTC)
REFUSALS: Final = (InvalidValue, UnsupportedDefinition)
BOTH: Final = (True, False)
Build = Callable[[Any], Any]


@pytest.fixture
def table(db: Any) -> Any:
    """Things, of which two rows have values and a third has none."""
    db.things.insert(
        id=1, flag=True, small=7, big=2**62, ratio=0.5, price=Decimal("1.5"), title="Hé_l%o\\",
        body="x", day=dt.date(2024, 2, 29), hour=dt.time(1, 2, 3, 4), moment=MOMENT,
        token=uuid.UUID(int=5),
    )  # fmt: skip
    db.things.insert(
        id=2, flag=False, small=2, big=2**62, ratio=0.25, price=Decimal("0.0001"), title="abc"
    )
    db.things.insert(id=3)
    return db.things


def value_of(table: Any, expression: Any, key: int | None = 1) -> Any:
    """Select one expression, of one row or (None) of all."""
    query = table.id > 0 if key is None else table.id == key
    return table._db(query).one(expression.with_alias("value"))["value"]


def outcome_of(table: Any, build: Build) -> Any:
    """Give an expression's value, or "refused"."""
    try:
        return value_of(table, build(table))
    except (*REFUSALS, DatabaseError):
        return "refused"


# ---------------------------------------------------------------- arithmetic

EXACT: Final[Mapping[str, tuple[Build, object]]] = {
    "integer + 1": (lambda t: t.small + 1, 8),
    "integer - 9": (lambda t: t.small - 9, -2),
    "integer * 3": (lambda t: t.small * 3, 21),
    "integer % 4": (lambda t: t.small % 4, 3),
    "integer + integer": (lambda t: t.small + t.small, 14),
    "bigint + 1": (lambda t: t.big + 1, 2**62 + 1),
    "bigint - bigint": (lambda t: t.big - t.big, 0),
    "integer in parentheses": (lambda t: (t.small + 1) * 2, 16),
    "decimal + decimal": (lambda t: t.price + Decimal("0.25"), Decimal("1.75")),
    "decimal - decimal": (lambda t: t.price - Decimal("0.0001"), Decimal("1.4999")),
    "decimal + integer": (lambda t: t.price + 1, Decimal("2.5")),
    "decimal * integer": (lambda t: t.price * 2, Decimal(3)),
    "decimal + itself": (lambda t: t.price + t.price, Decimal(3)),
    "double * 2": (lambda t: t.ratio * 2, 1.0),
    "double + 0.1": (lambda t: t.ratio + 0.1, 0.6),
    "double / 4": (lambda t: t.ratio / 4, 0.125),
    "text + text": (lambda t: t.title + "é\\'%s", "Hé_l%o\\é\\'%s"),
    "text + column": (lambda t: t.body + t.title, "xHé_l%o\\"),
    "absolute": (lambda t: (t.small - 9).abs(), 2),
}


@pytest.mark.parametrize("name", EXACT)
def test_arithmetic_has_one_value_on_every_engine(table: Any, name: str) -> None:
    build, expected = EXACT[name]

    found = value_of(table, build(table))

    assert found == expected
    assert type(found) is type(expected)


ROUNDED: Final[Mapping[str, tuple[Build, object]]] = {
    "integer * 1.5": (lambda t: t.small * 1.5, 10.5),
    "integer - 0.5": (lambda t: t.small - 0.5, 6.5),
    "integer + decimal": (lambda t: t.small + Decimal("0.5"), 7.5),
    "integer / 2": (lambda t: t.small / 2, 3.5),
    "integer + decimal column": (lambda t: t.small + t.price, 8.5),
    "decimal column + integer column": (lambda t: t.price + t.small, 8.5),
    "integer column - decimal column": (lambda t: t.small - t.price, 5.5),
    "integer column * decimal column": (lambda t: t.small * t.price, 10.5),
    "double column + decimal column": (lambda t: t.ratio + t.price, 2.0),
    "decimal column * integer column": (lambda t: t.price * t.small, 10.5),
    "decimal * decimal": (lambda t: t.price * t.price, Decimal("2.25")),
    "decimal * fraction": (lambda t: t.price * Decimal("0.5"), Decimal("0.75")),
    "decimal / 32": (lambda t: t.price / 32, Decimal("0.046875")),
    "decimal % 1": (lambda t: t.price % 1, Decimal("0.5")),
    "decimal + float": (lambda t: t.price + 0.5, 2.0),
    "decimal + more digits": (lambda t: t.price + Decimal("0.00001"), Decimal("1.50001")),
    "bigint + bigint": (lambda t: t.big + t.big, 2**63),
    "bigint * 4": (lambda t: t.big * 4, 2**64),
    "integer + more bits": (lambda t: t.small + 2**40, 2**40 + 7),
    "boolean + 1": (lambda t: t.flag + 1, 2),
    "moment - moment": (lambda t: t.moment - t.moment, dt.timedelta(0)),
    "day + 1": (lambda t: t.day + 1, dt.date(2024, 3, 1)),
    "cast of a decimal": (lambda t: t.price.cast("integer"), 1.5),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_arithmetic_that_would_round_is_exact_or_refused(table: Any, name: str) -> None:
    build, exact = ROUNDED[name]

    assert outcome_of(table, build) in (exact, "refused")


def test_number_columns_of_different_types_are_compared_as_numbers_or_not_at_all(
    table: Any,
) -> None:
    db = table._db
    queries: Mapping[str, tuple[Build, list[int]]] = {
        "integer > decimal": (lambda t: t.small > t.price, [1, 2]),
        "decimal < integer": (lambda t: t.price < t.small, [1, 2]),
        "decimal > double": (lambda t: t.price > t.ratio, [1]),
        "decimal belongs": (
            lambda t: t.price.belongs(db(t.id > 0).nested_select(t.small, correlated=False)),
            [],
        ),
    }

    for name, (build, expected) in queries.items():
        try:
            found = [row["id"] for row in db(build(table)).dicts(table.id, orderby=table.id)]
        except REFUSALS:
            continue
        assert found == expected, name


def test_update_by_an_expression_stores_the_exact_value(table: Any, core: sa.Engine) -> None:
    changed = table._db(table.id == 1).update(
        small=table.small - 1,
        big=table.big + 1,
        ratio=table.ratio * 2,
        price=table.price + Decimal("0.0001"),
        title=table.title + "!",
        body=(table.small == 7).case("seven", "other"),
    )

    with core.connect() as connection:
        row = connection.execute(sa.select(schema.things).where(schema.things.c.id == 1)).one()
    assert changed == 1
    assert (row.small, row.big, row.ratio) == (6, 2**62 + 1, 1.0)
    assert (row.price, row.title, row.body) == (Decimal("1.5001"), "Hé_l%o\\!", "seven")


def test_update_that_overflows_changes_nothing(table: Any, core: sa.Engine) -> None:
    for column in ("big", "small"):
        with pytest.raises(DatabaseError):
            table._db(table.id == 1).update(**{column: table[column] * (2**31 - 1) + table[column]})

    with core.connect() as connection:
        row = connection.execute(sa.select(schema.things).where(schema.things.c.id == 1)).one()
    assert (row.small, row.big) == (7, 2**62)


def test_update_reads_the_row_as_it_was_before(table: Any) -> None:
    table._db(table.id == 1).update(small=0, big=table.small)

    assert table._db(table.id == 1).one(table.small, table.big) == {"small": 0, "big": 7}


def test_update_of_a_quotient_is_rounded_alike_or_refused(table: Any) -> None:
    try:
        table._db(table.id == 1).update(price=table.price / 7)
    except REFUSALS:
        return

    assert table(1).price == Decimal("0.2143")


def test_expression_of_one_kind_is_not_stored_in_a_column_of_another(
    table: Any, core: sa.Engine
) -> None:
    for column, expression in (
        ("small", table.title),
        ("price", table.title),
        ("title", table.small),
        ("day", table.title),
        ("data", table.title),
        ("flag", table.title),
        ("token", table.title),
        ("small", table.title + "x"),
        ("small", table.title.coalesce("x")),
    ):
        with pytest.raises((*REFUSALS, DatabaseError)):
            table._db(table.id == 2).update(**{column: expression})

    with core.connect() as connection:
        row = connection.execute(sa.select(schema.things).where(schema.things.c.id == 2)).one()
    assert (row.small, row.title, row.price) == (2, "abc", Decimal("0.0001"))


def test_number_is_stored_in_a_column_of_another_scale_exactly_or_not_at_all(
    table: Any, core: sa.Engine
) -> None:
    try:
        table._db(table.id == 2).update(price=table.small, big=table.small)
    except REFUSALS:
        return

    with core.connect() as connection:
        row = connection.execute(sa.select(schema.things).where(schema.things.c.id == 2)).one()
    assert (row.price, row.big) == (Decimal(2), 2)


# ---------------------------------------------------------------- aggregates

AGGREGATES: Final[Mapping[str, tuple[Build, object]]] = {
    "sum of integers": (lambda t: t.small.sum(), 9),
    "sum of doubles": (lambda t: t.ratio.sum(), 0.75),
    "sum of decimals": (lambda t: t.price.sum(), Decimal("1.5001")),
    "smallest integer": (lambda t: t.small.min(), 2),
    "largest bigint": (lambda t: t.big.max(), 2**62),
    "smallest decimal": (lambda t: t.price.min(), Decimal("0.0001")),
    "largest text": (lambda t: t.title.max(), "abc"),
    "largest day": (lambda t: t.day.max(), dt.date(2024, 2, 29)),
    "largest hour": (lambda t: t.hour.max(), dt.time(1, 2, 3, 4)),
    "smallest moment": (lambda t: t.moment.min(), MOMENT),
    "count of rows": (lambda t: t.id.count(), 3),
    "count of values": (lambda t: t.small.count(), 2),
    "count of different values": (lambda t: t.big.count(distinct=True), 1),
    "sum of an expression": (lambda t: (t.small + 1).sum(), 11),
}


@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregate_keeps_value_and_type(table: Any, name: str) -> None:
    build, expected = AGGREGATES[name]

    found = value_of(table, build(table), None)

    assert found == expected
    assert type(found) is type(expected)


def test_average_keeps_its_fraction(table: Any) -> None:
    assert value_of(table, table.small.avg(), None) == Decimal("4.5")
    assert value_of(table, table.ratio.avg(), None) == 0.375
    assert value_of(table, table.price.avg(), None) == Decimal("0.75005")


def test_type_of_an_average_does_not_depend_on_the_data(table: Any) -> None:
    broken = value_of(table, table.small.avg(), None)
    table._db(table.id == 2).update(small=1)
    whole = value_of(table, table.small.avg(), None)

    assert (broken, whole) == (Decimal("4.5"), 4)
    assert type(broken) is type(whole)


def test_sum_beyond_64_bits_is_exact_or_refused(table: Any) -> None:
    try:
        found = value_of(table, table.big.sum(), None)
    except DatabaseError:
        return

    assert found == 2**63


@pytest.mark.parametrize("column", ["flag", "title", "day", "hour", "moment", "token", "data"])
@pytest.mark.parametrize("what", ["sum", "avg"])
def test_only_numbers_are_added_up(table: Any, column: str, what: str) -> None:
    with pytest.raises((*REFUSALS, DatabaseError)):
        value_of(table, getattr(table[column], what)(), None)


def test_aggregate_of_no_rows_is_none(table: Any) -> None:
    for what in ("sum", "avg", "min", "max"):
        assert value_of(table, getattr(table.small, what)(), 3) is None
    assert value_of(table, table.small.count(), 3) == 0


# ---------------------------------------------------------------- functions

FUNCTIONS: Final[Mapping[str, tuple[Build, object]]] = {
    "length in characters": (lambda t: t.title.len(), 7),
    "first characters": (lambda t: t.title[0:2], "Hé"),
    "one character": (lambda t: t.title[1], "é"),
    "all but the first": (lambda t: t.title[1:], "é_l%o\\"),
    "last characters": (lambda t: t.title[-3:], "%o\\"),
    "all but the last": (lambda t: t.title[:-2], "Hé_l%"),
    "lower": (lambda t: t.title.lower(), "hé_l%o\\"),
    "upper": (lambda t: t.title.upper(), "HÉ_L%O\\"),
    "replace": (lambda t: t.title.replace("l%", "'\\"), "Hé_'\\o\\"),
    "coalesce": (lambda t: t.words.coalesce(["none"]), ["none"]),
    "coalesce of columns": (lambda t: t.code.coalesce(t.title, "none"), "Hé_l%o\\"),
    "coalesce of a value": (lambda t: t.title.coalesce("none"), "Hé_l%o\\"),
    "coalesce of a number": (lambda t: t.small.coalesce(5), 7),
    "coalesce_zero": (lambda t: t.small.coalesce_zero(), 7),
    "integer as text": (lambda t: t.small.cast("text"), "7"),
    "case of texts": (lambda t: (t.small == 7).case("y'\\", "n"), "y'\\"),
    "case of numbers": (lambda t: (t.small == 8).case(1, 2), 2),
    "case of booleans": (lambda t: (t.small == 7).case(*BOTH), True),
    "case of nothing": (lambda t: (t.small == 7).case(None, 2), None),
    "case of columns": (lambda t: (t.small == 7).case(t.title, t.body), "Hé_l%o\\"),
    "year of a moment": (lambda t: t.moment.year(), 2024),
    "month of a moment": (lambda t: t.moment.month(), 2),
    "day of a moment": (lambda t: t.moment.day(), 29),
    "hour of a moment": (lambda t: t.moment.hour(), 23),
    "minutes of a moment": (lambda t: t.moment.minutes(), 59),
    "seconds of a moment": (lambda t: t.moment.seconds(), 58),
    "year of a day": (lambda t: t.day.year(), 2024),
    "month of a day": (lambda t: t["day"].month(), 2),
    "hour of an hour": (lambda t: t["hour"].hour(), 1),
    "seconds of an hour": (lambda t: t["hour"].seconds(), 3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_one_value_on_every_engine(table: Any, name: str) -> None:
    build, expected = FUNCTIONS[name]

    found = value_of(table, build(table))

    assert found == expected
    assert type(found) is type(expected)


def test_functions_of_nothing_are_nothing(table: Any) -> None:
    for expression in (
        table.title + "x",
        table.small + 1,
        table.price - 1,
        table.title.len(),
        table.title.lower(),
        table.title.replace("a", "b"),
        table.title[0:2],
        table.moment.year(),
        table.moment.epoch(),
        table["hour"].hour(),
    ):
        assert value_of(table, expression, 3) is None
    assert value_of(table, table.title.coalesce(table.body, "none"), 3) == "none"
    assert value_of(table, table.small.coalesce_zero(), 3) == 0


def test_epoch_counts_seconds_from_1970(table: Any) -> None:
    assert float(value_of(table, table.moment.epoch())) == pytest.approx(MOMENT.timestamp())


def test_results_of_a_case_are_of_one_kind(table: Any) -> None:
    assert outcome_of(table, lambda t: (t.small == 7).case(1, "x")) == "refused"


@pytest.mark.parametrize(
    "result",
    [Decimal("1.5"), dt.date(2024, 1, 1), dt.time(1), MOMENT, uuid.UUID(int=1), b"x", 2**62, 0.5],
    ids=lambda result: type(result).__name__,
)
def test_result_of_a_case_is_kept_or_refused(table: Any, result: Any) -> None:
    found = outcome_of(table, lambda t: (t.small == 7).case(result, None))

    assert found in (result, "refused")


# ---------------------------------------------------------------- as a result


def test_expression_names_its_value_in_a_row(table: Any) -> None:
    row = table._db(table.id == 1).select(table.title, table.small + 1).first()
    named = table._db(table.id == 1).select((table.small + 1).with_alias("next")).first()

    assert row[table.small + 1] == 8
    assert named.next == 8


def test_expression_without_a_name_is_refused_in_dicts(table: Any) -> None:
    with pytest.raises(UnsupportedDefinition, match="with_alias"):
        table._db(table).dicts(table.small + 1)


def test_text_search_and_arithmetic_can_be_combined(table: Any) -> None:
    query = ((table.small + 1) * 2 == 16) & table.title.lower().startswith("hé")

    assert table._db(query).count() == 1
