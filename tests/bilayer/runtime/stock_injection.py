"""Where PyDAL as it is takes text for SQL; scenarios for ``test_stock_traps``."""

from __future__ import annotations

from contextlib import suppress

import pydal

from bilayer.errors import BilayerError
from bilayer.runtime import InvalidValue, RawSQLRefused, UnsupportedDefinition
from tests.bilayer.runtime.traps import Side, Traps, everywhere, store_three

traps = Traps()
trap = traps.trap


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


@trap(right=InvalidValue, stock=everywhere(3))
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
