"""What PyDAL as it is loses, changes or lets through, and the runtime does not.

Each scenario is played twice: on PyDAL as it is, where it must end in the wrong way that is noted
beside it (so that it is known to bite), and on the runtime, where it must end well.
"""

from __future__ import annotations

import datetime as dt
import gc
import itertools
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any, Final

import pydal
import pytest
import sqlalchemy as sa

from bilayer.errors import BilayerError
from bilayer.runtime import (
    InvalidValue,
    RawSQLRefused,
    TransactionAborted,
    UnsupportedDefinition,
)
from tests.bilayer.runtime.corpus import UTC
from tests.bilayer.runtime.traps import (
    ENGINES,
    Side,
    Trap,
    Traps,
    outcome,
    runtime_side,
    stock_side,
)
from tests.support.run import sources

traps = Traps()
trap = traps.trap
NOON: Final = dt.datetime(2024, 1, 1, 12, 0, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=2)))


def everywhere(wrong: object) -> dict[str, object]:
    """Say that PyDAL is wrong in the same way on every engine."""
    return dict.fromkeys(ENGINES, wrong)


def store_three(side: Side) -> None:
    for number in (1, 2, 3):
        side.store_by_core(small=number, title=f"title {number}", document={"a": number})


# ---------------------------------------------------------------- text that becomes SQL


@trap(right=InvalidValue, stock=everywhere(3))
def text_compared_with_a_decimal_is_no_condition(side: Side) -> object:
    store_three(side)
    return side.db(side.db.things.price == "0) OR (1=1").count()


@trap(right=3, stock={"postgresql": 0})
def text_inserted_as_a_decimal_is_no_second_statement(side: Side) -> object:
    store_three(side)
    with suppress(Exception):
        side.db.things.insert(price="1); DELETE FROM things; --")
    side.db.commit()
    return side.count_by_core()


@trap(right=["title 1"], stock=everywhere(["changed"]))
def decimal_updated_with_text_sets_no_other_column(side: Side) -> object:
    side.store_by_core(title="title 1")
    with suppress(InvalidValue):
        side.db(side.db.things).update(price="0, title='changed'")
    side.db.commit()
    return side.read_by_core("title")


@trap(right=0, stock=everywhere(3))
def text_compared_with_a_document_is_no_condition(side: Side) -> object:
    store_three(side)
    return side.db(side.db.things.document == "1' OR '1'='1").count()


@trap(right="refused", stock={"postgresql": 3})
def text_compared_with_a_value_in_a_document_is_no_condition(side: Side) -> object:
    store_three(side)
    try:
        found = side.db.things.document.json_key_value("a") == "x' OR '1'='1"
        return side.db(found).count()
    except (AttributeError, BilayerError):
        return "refused"


@trap(right=InvalidValue, stock=everywhere(3))
def text_compared_with_a_case_is_no_condition(side: Side) -> object:
    store_three(side)
    return side.db((side.db.things.small == 77).case() == "1 OR 1=1").count()


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_given_for_a_list_is_no_condition(side: Side) -> object:
    store_three(side)
    return side.db(side.db.things.small.belongs("1) OR 1=1 OR (small) IN (1;")).count()


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_to_order_by_is_not_executed(side: Side) -> object:
    store_three(side)
    return len(side.db(side.db.things).select(orderby="(SELECT MAX(small) FROM things)"))


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_to_group_by_is_not_executed(side: Side) -> object:
    store_three(side)
    table = side.db.things
    return len(side.db(table).select(table.id, groupby="id, (SELECT 1)"))


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_of_having_is_not_executed(side: Side) -> object:
    store_three(side)
    table = side.db.things
    return len(side.db(table).select(table.id, groupby=table.id, having="1=0 OR 1=1"))


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_to_select_is_not_executed(side: Side) -> object:
    store_three(side)
    return len(side.db(side.db.things).select("(SELECT MAX(small) FROM things)"))


@trap(right=RawSQLRefused, stock={"postgresql": 3})
def text_of_distinct_is_not_executed(side: Side) -> object:
    store_three(side)
    table = side.db.things
    return len(side.db(table).select(table.id, distinct="(SELECT 1) + id"))


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_of_a_set_is_not_executed(side: Side) -> object:
    store_three(side)
    return len(side.db("1=1").select(side.db.things.id))


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_that_narrows_a_set_is_not_executed(side: Side) -> object:
    store_three(side)
    return side.db(side.db.things.id > 0)("1=1").count()


@trap(right=RawSQLRefused, stock=everywhere(3))
def text_of_an_escape_is_not_executed(side: Side) -> object:
    store_three(side)
    nothing = side.db.things.title.like("nothing", escape="!') OR ('1'='1")
    return side.db(nothing).count()


@trap(right="quoted", stock=everywhere("pasted"))
def alias_of_an_expression_is_quoted(side: Side) -> object:
    store_three(side)
    table = side.db.things
    sql = side.db(table)._select(table.small.with_alias("x FROM members; --"))
    return "pasted" if " AS x FROM" in sql else "quoted"


@trap(right=UnsupportedDefinition, stock=everywhere(3))
def encoder_of_a_custom_type_writes_no_sql(side: Side) -> object:
    store_three(side)
    custom = pydal.SQLCustomType(type="integer", native="integer", encoder=lambda value: value)
    small = side.field("small", custom)
    table = side.db.define_table("custom", small, rname=side.db.things._rname)
    return side.db(table.small == "0 OR 1=1").count()


@trap(right=0, stock={"mariadb": 3}, engines=("mariadb",))
def backslash_is_no_escape_whatever_the_mode_of_the_server(side: Side) -> object:
    store_three(side)
    side.db.executesql("SET SESSION sql_mode=''")
    return side.db(side.db.things.title == "\\') OR (1=1) -- ").count()


# ---------------------------------------------------------------- values


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


# ---------------------------------------------------------------- queries and rows


@trap(right=1, stock={"sqlite": 0})
def deletion_leaves_to_the_schema_what_follows(side: Side) -> object:
    key = side.store()
    side.db.remarks.insert(thing_id=key)
    side.db(side.db.things.id == key).delete()
    side.db.commit()
    return side.db(side.db.remarks).count()


@trap(right=InvalidValue, stock=everywhere(2))
def factor_of_an_integer_is_not_cut(side: Side) -> object:
    key = side.store(small=2)
    table = side.db.things
    product = table.small * 1.5
    return side.db(table.id == key).select(product).first()[product]


@trap(right=InvalidValue, stock=everywhere([2]))
def difference_of_an_integer_is_not_cut(side: Side) -> object:
    key = side.store(small=2)
    side.db(side.db.things.id == key).update(small=side.db.things.small - 0.5)
    side.db.commit()
    return side.read_by_core("small")


@trap(right=Decimal("1.5"), stock=everywhere(1))
def average_of_integers_keeps_its_fraction(side: Side) -> object:
    side.store(small=1)
    side.store(small=2)
    average = side.db.things.small.avg()
    found = side.db(side.db.things).select(average).first()[average]
    return Decimal(str(found)).normalize()


@trap(right=UnsupportedDefinition, stock=everywhere([3, 3]))
def cached_count_is_not_that_of_another_query(side: Side) -> object:
    store_three(side)
    kept: dict[str, Any] = {}

    def cache(key: str, count: Any, _seconds: int) -> Any:
        return kept.setdefault(key, count())

    queries = (side.db.things.id > 0, side.db.things.small == 1)
    return [side.db(query).count(cache=(cache, 60)) for query in queries]


@trap(right={"data", "token"}, stock=everywhere({"token"}))
def row_as_a_dict_keeps_bytes_and_uuids(side: Side) -> object:
    key = side.store(data=b"\xff\xfe", token=uuid.UUID(int=1))
    row = side.db.things[key].as_dict()
    return {name for name in ("data", "token") if name in row}


@trap(right=Decimal, stock=everywhere(float))
def row_as_a_dict_keeps_decimals(side: Side) -> object:
    key = side.store(price=Decimal("0.1"))
    return type(side.db.things[key].as_dict()["price"])


@trap(right="different", stock=everywhere("equal"))
def rows_with_other_bytes_are_not_equal(side: Side) -> object:
    for data in (b"\xff", b"\xfe"):
        side.store(data=data)
    first, second = side.db(side.db.things).select(side.db.things.data)
    return "equal" if first == second else "different"


# ---------------------------------------------------------------- transactions and connections


@trap(right=TransactionAborted, stock={"postgresql": 0})
def commit_after_a_failed_statement_says_that_nothing_was_kept(side: Side) -> object:
    with side.transaction():
        side.db.things.insert(code="a")
        with suppress(Exception):
            side.db.things.insert(code="a")
    return side.count_by_core()


@trap(right=KeyError, stock=everywhere("swallowed"))
def exception_leaves_a_single_transaction(side: Side) -> object:
    with side.db.single_transaction():
        side.db.things.insert(code="a")
        raise KeyError
    return "swallowed"


@trap(right=0, stock=everywhere(1))
def closing_does_not_commit(side: Side) -> object:
    with suppress(Exception), side.transaction():
        side.db.things.insert(code="a")
        side.db.close()
    return side.count_by_core()


@trap(right="hidden", stock={"mariadb": "shown"}, engines=("mariadb",))
def password_is_not_shown(side: Side) -> object:
    url = sa.URL.create("mysql", "us@er.x+1", "secretpw", "127.0.0.1", 1, "nowhere")
    return "shown" if "secretpw" in side.describe(url) else "hidden"


@trap(right="never", stock={"sqlite": "at least once"}, engines=("sqlite",))
def request_never_reads_the_database_of_another(side: Side) -> object:
    """A DAL a request, used by one thread and closed by another, for two databases in turn."""
    with TemporaryDirectory() as folder:
        urls = [sa.URL.create("sqlite", database=f"{folder}/{name}") for name in ("a", "b")]
        return "at least once" if _is_mixed_up(side, urls) else "never"


def _is_mixed_up(side: Side, urls: list[sa.URL]) -> bool:
    for url in urls:
        with closing(sqlite3.connect(str(url.database))) as connection, connection:
            connection.execute("CREATE TABLE whose (name TEXT)")
            connection.execute("INSERT INTO whose VALUES (?)", (url.database,))

    def read(db: Any) -> str:
        return str(db.executesql("SELECT name FROM whose")[0][0])

    with ThreadPoolExecutor(1) as worker:
        for url in itertools.islice(itertools.cycle(urls), 200):
            with side.connect(url) as db:
                if worker.submit(read, db).result() != url.database:
                    return True
            del db
            gc.collect(1)
    return False


def _cases(*, stock: bool) -> list[Any]:
    return [
        pytest.param(engine, trap, id=f"{engine}-{trap.name}")
        for trap in traps.found
        for engine in (trap.stock if stock else trap.engines)
        if engine in sources()
    ]


@pytest.mark.parametrize(("engine", "trap"), _cases(stock=True), indirect=["engine"])
def test_pydal_as_it_is_gets_it_wrong(core: sa.Engine, engine: str, trap: Trap) -> None:
    with stock_side(core) as side:
        found = outcome(trap.scenario, side)

    assert found != trap.right
    assert found == trap.stock[engine]


@pytest.mark.parametrize(("engine", "trap"), _cases(stock=False), indirect=["engine"])
def test_runtime_gets_it_right(core: sa.Engine, trap: Trap) -> None:
    with runtime_side(core) as side:
        assert outcome(trap.scenario, side) == trap.right
