"""Rows past the pipeline: read in the order of their key, and written as they were read."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import JSON_NULL, Database, Field, InvalidValue
from bilayer.runtime.adapters.verbatim import LARGE, ROWS_PER_PAGE
from bilayer.runtime.verbatim import VerbatimTable
from bilayer.runtime.verbatim_writes import verbatim_writer
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.corpus import HOSTILE, OWNERS
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.subscribers import Witness

EMPTY: dict[str, Any] = dict.fromkeys(column.name for column in schema.things.columns)
FULL: dict[str, Any] = {
    **EMPTY,
    "flag": True,
    "small": -(2**31),
    "big": 2**63 - 1,
    "ratio": 5e-324,
    "price": Decimal("-99999999999999.9999"),
    "day": dt.date(1, 1, 1),
    "hour": dt.time(23, 59, 59, 999_999),
    "moment": dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
    "document": {"a": [1, 1.0, 10**40, None, "\\N\t\n"]},
    "data": bytes(range(256)),
    "token": uuid.UUID(int=2**128 - 1),
    "words": list(HOSTILE),
    "numbers": [2**63 - 1, -1],
}
LARGE_ONES = {"body": "x" * (LARGE + 1), "data": b"\0" * (LARGE + 1), "document": ["y" * LARGE]}


def things() -> list[list[Any]]:
    """Return a row for each kind of value, in the order of the columns of the runtime."""
    rows = [EMPTY, FULL, EMPTY | {"document": JSON_NULL}, FULL | LARGE_ONES]
    rows += [EMPTY | {"body": text, "code": f"{at}{text}"[:60]} for at, text in enumerate(HOSTILE)]
    return [list((row | {"id": number}).values()) for number, row in enumerate(rows, 1)]


def write(database: Database, name: str, rows: list[list[Any]]) -> None:
    writer = verbatim_writer(database, name)
    with database.transaction():
        writer.write([writer.encode(row) for row in rows])


def arranged(table: VerbatimTable, rows: list[list[Any]]) -> list[list[Any]]:
    """Put the values of rows of things into the order in which a table has its columns."""
    names = [column.name for column in schema.things.columns]
    return [[dict(zip(names, row, strict=True))[name] for name in table.columns] for row in rows]


def test_every_value_is_read_as_it_was_written(
    database: Database, core: sa.Engine, witness: Witness
) -> None:
    table = VerbatimTable(database, "things")
    rows = arranged(table, things())

    write(database, "things", rows)

    read = list(table.rows())
    assert read == rows
    assert [list(map(type, row)) for row in read] == [list(map(type, row)) for row in rows]
    with core.connect() as connection:
        stored = connection.execute(sa.select(schema.things).order_by("id")).mappings().all()
    (full,) = arranged(table, [list(stored[1].values())])
    assert full == rows[1]
    assert not witness.calls


def test_rows_come_in_the_order_of_a_key_of_two_columns_page_by_page(database: Database) -> None:
    write(database, "owners", [[owner, "x"] for owner in OWNERS])
    keys = [(owner, place) for owner in OWNERS for place in range(-200, ROWS_PER_PAGE // 2)]
    rows = [[*key, "label", 1] for key in keys]
    write(database, "members", rows[::-1])
    table = VerbatimTable(database, "members")

    assert list(table.rows()) == rows
    assert list(table.rows(after=keys[900])) == rows[901:]
    assert table.count() == len(rows) > 2 * ROWS_PER_PAGE
    assert not table.is_empty()


def test_table_can_be_emptied(database: Database) -> None:
    write(database, "owners", [[OWNERS[0], None]])

    verbatim_writer(database, "owners").delete_all()

    assert VerbatimTable(database, "owners").is_empty()
    assert list(VerbatimTable(database, "owners").rows()) == []


@pytest.mark.parametrize(("column", "value"), [("title", "x" * 61), ("body", "\0"), ("big", 2**63)])
def test_value_that_does_not_fit_is_refused_with_its_column(
    database: Database, column: str, value: Any
) -> None:
    table = VerbatimTable(database, "things")
    (row,) = arranged(table, [list((EMPTY | {"id": 1, column: value}).values())])

    with pytest.raises(InvalidValue, match=rf"^things\.{column}: "):
        verbatim_writer(database, "things").encode(row)


@only("postgresql", "mariadb")
def test_percent_sign_in_a_name_stands_for_itself(db: Any, database: Database) -> None:
    mark = '"' if database.engine_name == "postgresql" else "`"
    table, key, half = (f"{mark}{name}{mark}" for name in ("100%", "%%", "50%s"))
    db.executesql(f"CREATE TABLE {table} ({key} varchar(9), {half} text, PRIMARY KEY ({key}))")
    try:
        fields = Field("key", length=9, rname=key), Field("half", "text", rname=half)
        db.define_table("odd", *fields, primarykey=["key"], rname=table)
        odd, large = VerbatimTable(database, "odd"), "%" * (LARGE + 1)
        rows: list[list[Any]] = [["%", None], ["%%s", "a%"], ["%s", large]]

        write(database, "odd", rows)

        assert list(odd.rows()) == rows
        assert list(odd.rows(after=["%"])) == rows[1:]
        assert odd.count() == 3
        verbatim_writer(database, "odd").delete_all()
        assert odd.is_empty()
    finally:
        db.executesql(f"DROP TABLE {table}")
