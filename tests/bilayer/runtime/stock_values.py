"""Values that PyDAL as it is loses or changes; scenarios for ``test_stock_traps``."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Final

from bilayer.runtime import InvalidValue
from tests.bilayer.runtime.corpus import UTC
from tests.bilayer.runtime.traps import Side, Traps, everywhere

NOON: Final = dt.datetime(2024, 1, 1, 12, 0, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=2)))

traps = Traps()
trap = traps.trap


@trap(
    right=[True, False],
    stock={"sqlite": [True, True], "mariadb": [False, False]},
)
def boolean_is_read_as_it_was_written(side: Side) -> object:
    side.store(flag=True)
    side.store(flag=False)
    return side.read_by_core("flag")


@trap(right=[True, False], stock={"sqlite": [False, False], "mariadb": [False, False]})
def boolean_of_the_other_layer_is_read(side: Side) -> object:
    side.store_by_core(flag=True)
    side.store_by_core(flag=False)
    table = side.db.things
    return [row.flag for row in side.db(table).select(table.flag, orderby=table.id)]


@trap(right=InvalidValue, stock={"sqlite": [True], "postgresql": [True], "mariadb": [False]})
def word_is_no_boolean(side: Side) -> object:
    side.store(flag="no")
    return side.read_by_core("flag")


@trap(right=[NOON.astimezone(UTC)], stock=everywhere([dt.datetime(2024, 1, 1, 12, tzinfo=UTC)]))
def instant_keeps_its_microseconds_and_its_zone(side: Side) -> object:
    side.store(moment=NOON)
    return side.read_by_core("moment")


@trap(
    right=dt.datetime(2024, 1, 1, 10, tzinfo=UTC),
    stock={"sqlite": dt.datetime(2024, 1, 1, 14)},
    engines=("sqlite",),
)
def offset_of_a_stored_text_is_subtracted(side: Side) -> object:
    key = side.store_by_core()
    with side.core.begin() as connection:
        connection.exec_driver_sql("UPDATE things SET moment = '2024-01-01 12:00:00+02:00'")
    return side.db.things[key].moment


@trap(right=[249], stock={"sqlite": [248], "mariadb": [248]})
def microsecond_is_read_as_it_was_written(side: Side) -> object:
    side.store_by_core(moment=dt.datetime(2024, 1, 1, 0, 0, 0, 249, tzinfo=UTC))
    return [row.moment.microsecond for row in side.db(side.db.things).select()]


@trap(right=1, stock=everywhere(0))
def instant_is_found_by_its_microseconds(side: Side) -> object:
    side.store_by_core(moment=NOON)
    return side.db(side.db.things.moment == NOON).count()


@trap(right=0, stock=everywhere(1))
def nothing_is_later_than_the_last_instant(side: Side) -> object:
    instant = NOON.astimezone(UTC)
    side.store_by_core(moment=instant)
    return side.db(side.db.things.moment > instant).count()


@trap(right=[dt.time(12, 34, 56, 789012)], stock=everywhere([dt.time(12, 34, 56)]))
def time_keeps_its_microseconds(side: Side) -> object:
    side.store(hour=dt.time(12, 34, 56, 789012))
    return side.read_by_core("hour")


@trap(right=0, stock=everywhere(1))
def time_has_no_hour_24(side: Side) -> object:
    return side.try_to_store(hour="24:00:00")


@trap(right=0, stock={"sqlite": 1, "mariadb": 1})
def day_that_does_not_exist_is_not_stored(side: Side) -> object:
    return side.try_to_store(day="2024-02-30")


@trap(right="read", stock={"sqlite": ValueError, "mariadb": ValueError})
def row_with_an_impossible_day_does_not_hide_the_others(side: Side) -> object:
    side.store_by_core(day=dt.date(2024, 2, 29))
    side.try_to_store(day="2024-02-30")
    return "read" if side.db(side.db.things).select() else "hidden"


@trap(
    right=[b"\x00\xff'"], stock={"postgresql": [b"AP8n"], "mariadb": [b"AP8n"], "sqlite": ["AP8n"]}
)
def bytes_are_stored_as_they_are(side: Side) -> object:
    side.store(data=b"\x00\xff'")
    return side.read_by_core("data")


@trap(right=b"text", stock=everywhere(b"\xb5\xecm"))
def bytes_of_the_other_layer_are_read(side: Side) -> object:
    key = side.store_by_core(data=b"text")
    return side.db.things[key].data


@trap(right=bytes, stock=everywhere(str))
def bytes_that_look_like_text_stay_bytes(side: Side) -> object:
    key = side.store(data=b"text")
    return type(side.db.things[key].data)


@trap(right=Decimal("12345678901234.5678"), stock={"sqlite": Decimal("12345678901234.5684")})
def decimal_keeps_all_its_digits(side: Side) -> object:
    key = side.store(price=Decimal("12345678901234.5678"))
    return side.db.things[key].price


@trap(right=InvalidValue, stock=everywhere([1]))
def fraction_is_not_cut_to_an_integer(side: Side) -> object:
    side.store(small=1.9)
    return side.read_by_core("small")


@trap(right=InvalidValue, stock=everywhere([1]))
def boolean_is_no_integer(side: Side) -> object:
    side.store(small=True)
    return side.read_by_core("small")


@trap(right=0, stock={"sqlite": 1, "mariadb": 1})
def integer_beyond_64_bits_is_not_stored(side: Side) -> object:
    return side.try_to_store(big=2**63)


@trap(right=0, stock={"sqlite": 1, "mariadb": 1})
def word_is_not_stored_as_a_big_integer(side: Side) -> object:
    return side.try_to_store(big="abc")


@trap(right=InvalidValue, stock=everywhere([None]))
def empty_text_is_not_null_in_another_type(side: Side) -> object:
    side.store(token="")
    return side.read_by_core("token")


@trap(right=5, stock={"sqlite": RuntimeError}, engines=("sqlite",))
def document_that_sqlite_turned_into_a_number_is_read(side: Side) -> object:
    with side.core.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE declared (id INTEGER PRIMARY KEY, document JSON)")
        connection.exec_driver_sql("INSERT INTO declared (document) VALUES ('5')")
    try:
        table = side.db.define_table("declared", side.field("document", "json"))
        return side.db(table).select().first().document
    finally:
        side.db._adapter.close("rollback")
        with side.core.begin() as connection:
            connection.exec_driver_sql("DROP TABLE declared")


@trap(right=["", " ", "a"], stock={"sqlite": ["a"]})
def list_keeps_its_blank_texts(side: Side) -> object:
    key = side.store(words=["", " ", "a"])
    return side.db.things[key].words


@trap(
    right=[uuid.UUID(int=255)],
    stock={"sqlite": [], "mariadb": [], "postgresql": [str(uuid.UUID(int=255))]},
)
def uuid_is_found_and_read_as_one(side: Side) -> object:
    side.store_by_core(token=uuid.UUID(int=255))
    table = side.db.things
    return [row.token for row in side.db(table.token == uuid.UUID(int=255)).select(table.token)]


@trap(right=InvalidValue, stock={"mariadb": ["x" * 60]})
def text_that_is_too_long_is_not_cut(side: Side) -> object:
    side.store(title="x" * 61)
    return side.read_by_core("title")


@trap(right=InvalidValue, stock={"mariadb": [2**31 - 1]})
def integer_that_is_too_large_is_not_clipped(side: Side) -> object:
    side.store(small=2**31)
    return side.read_by_core("small")


@trap(right=0, stock={"sqlite": 1, "mariadb": 1})
def text_is_not_stored_as_a_uuid(side: Side) -> object:
    return side.try_to_store(token="not a uuid")
