"""Tables of every shape under PyDAL: what fails on the engine is an error, and nothing else is.

Each table is selected from, inserted into with every field and with the required ones only, and
updated, with the stock adapter of each engine.
"""

from __future__ import annotations

import datetime as dt
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from pydal import Field
from sqlalchemy.sql import quoted_name

import bilayer
from bilayer.drift.values.layers import open_dal
from tests.support import run as runs
from tests.support.databases import new_database

ADAPTERS = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}
VALUES: dict[str, Any] = {
    "string": "a",
    "text": "a",
    "uuid": "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b",
    "integer": 1,
    "bigint": 1,
    "double": 1.5,
    "date": dt.date(2024, 2, 29),
    "reference self_reference": None,
}
Shape = tuple[list[Any], list[Field], dict[str, Any]]


def key(type_: Any = sa.Integer, *rest: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column("id", type_, *rest, primary_key=True, **options)


def text(name: str = "x", **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(40), **options)


def make_shapes() -> dict[str, Shape]:
    """List columns, fields, and what else define_table is given."""
    now = sa.text("CURRENT_TIMESTAMP")
    return {
        "plain": ([key(), text()], [Field("x")], {}),
        "required": ([key(), text(nullable=False)], [Field("x", notnull=True)], {}),
        "not_required": ([key(), text(nullable=False)], [Field("x")], {}),
        "with_default": ([key(), text(nullable=False)], [Field("x", default="a")], {}),
        "server_default": ([key(), text(nullable=False, server_default="a")], [Field("x")], {}),
        "python_default": ([key(), text(nullable=False, default="a")], [Field("x")], {}),
        "python_default_notnull": (
            [key(), text(nullable=False, default="a")],
            [Field("x", notnull=True)],
            {},
        ),
        "unknown_required": ([key(), text(), text("y", nullable=False)], [Field("x")], {}),
        "unknown_with_python_default": (
            [key(), text(), text("y", nullable=False, default="a")],
            [Field("x")],
            {},
        ),
        "unknown_optional": ([key(), text(), text("y")], [Field("x")], {}),
        "unknown_filled": (
            [key(), text(), sa.Column("y", sa.DateTime, nullable=False, server_default=now)],
            [Field("x")],
            {},
        ),
        "field_without_column": ([key(), text()], [Field("x"), Field("y")], {}),
        "field_by_another_name": ([key(), text()], [Field("y", rname="x")], {}),
        "link": (
            [
                sa.Column("a", sa.Integer, primary_key=True, autoincrement=False),
                sa.Column("b", sa.Integer, primary_key=True, autoincrement=False),
            ],
            [Field("a", "integer"), Field("b", "integer")],
            {},
        ),
        "link_with_key": (
            [
                sa.Column("a", sa.Integer, primary_key=True, autoincrement=False),
                sa.Column("b", sa.Integer, primary_key=True, autoincrement=False),
            ],
            [Field("a", "integer"), Field("b", "integer")],
            {"primarykey": ["a", "b"]},
        ),
        "uuid_key": ([key(sa.Uuid), text()], [Field("x")], {}),
        "uuid_key_said": ([key(sa.Uuid), text()], [Field("id", "uuid"), Field("x")], {}),
        "text_key": ([key(sa.String(40)), text()], [Field("id", "string"), Field("x")], {}),
        "text_key_given": (
            [key(sa.String(40)), text()],
            [Field("id", length=40), Field("x")],
            {"primarykey": ["id"]},
        ),
        "big_key": ([key(sa.BigInteger), text()], [Field("x")], {}),
        "small_key": ([key(sa.SmallInteger), text()], [Field("x")], {}),
        "unnumbered": ([key(autoincrement=False), text()], [Field("x")], {}),
        "named_key": (
            [sa.Column("number", sa.Integer, primary_key=True), text()],
            [Field("number", "id"), Field("x")],
            {},
        ),
        "computed": (
            [
                key(),
                sa.Column("n", sa.Integer),
                sa.Column("m", sa.Integer, sa.Computed("n + 1", persisted=True)),
            ],
            [Field("n", "integer"), Field("m", "integer")],
            {},
        ),
        "computed_left_to_engine": (
            [
                key(),
                sa.Column("n", sa.Integer),
                sa.Column("m", sa.Integer, sa.Computed("n + 1", persisted=True)),
            ],
            [Field("n", "integer"), Field("m", "integer", writable=False)],
            {},
        ),
        "computed_by_pydal": (
            [key(), text(), text("y", nullable=False)],
            [Field("x"), Field("y", compute=lambda row: f"{row.x}!")],
            {},
        ),
        "upper_case": ([key(), text("Email")], [Field("email")], {}),
        "upper_case_kept": ([key(), text("Email")], [Field("Email")], {}),
        "reserved": ([key(), text("order")], [Field("order")], {}),
        "reserved_rname": ([key(), text("order")], [Field("position", rname="order")], {}),
        "quoted": ([key(), text(quoted_name("Email", quote=True))], [Field("Email")], {}),
        "quoted_as_called": ([key(), text("Total")], [Field("Total", rname='"Total"')], {}),
        "backticks_as_called": ([key(), text("Total")], [Field("Total", rname="`Total`")], {}),
        "bare_as_called": ([key(), text("Total")], [Field("Total", rname="Total")], {}),
        "backticks_around_it": ([key(), text()], [Field("x")], {"rname": "`backticks_around_it`"}),
        "engine_numbered": (
            [key(sa.Integer, sa.Identity(always=True)), text()],
            [Field("x")],
            {},
        ),
        "engine_numbered_given": (
            [key(sa.Integer, sa.Identity(always=True)), text()],
            [Field("id", "integer"), Field("x")],
            {"primarykey": ["id"]},
        ),
        "also_numbered": (
            [key(), sa.Column("n", sa.Integer, sa.Identity(always=True))],
            [Field("n", "integer")],
            {},
        ),
        "also_numbered_unknown": (
            [key(), sa.Column("n", sa.Integer, sa.Identity()), text()],
            [Field("x")],
            {},
        ),
        "keyless": ([sa.Column("x", sa.String(40))], [Field("x")], {}),
        "self_reference": (
            [key(), sa.Column("parent", sa.ForeignKey("self_reference.id"))],
            [Field("parent", "reference self_reference", ondelete="NO ACTION")],
            {},
        ),
    }


def make_models(shapes: dict[str, Shape]) -> sa.MetaData:
    metadata = sa.MetaData()
    for name, (columns, _, _) in shapes.items():
        sa.Table(name, metadata, *columns)
    return metadata


def define_all(shapes: dict[str, Shape]) -> Callable[[Any], None]:
    def define(db: Any) -> None:
        for name, (_, fields, options) in shapes.items():
            db.define_table(name, *[field.clone() for field in fields], **options)
        db.define_table("unknown_to_models", Field("x"))

    return define


def find_failures(db: Any, table: Any) -> set[str]:
    """Tell which of the ways of using a table fail."""
    fields = [field for field in table if field.type != "id"]
    every = {field.name: VALUES[field.type] for field in fields}
    # A field of a key is given by everybody; PyDAL requires it whether it says so or not.
    keys = getattr(table, "_primarykey", None) or ()
    required = {
        field.name: VALUES[field.type]
        for field in fields
        if (field.notnull and field.default is None) or field.name in keys
    }
    steps: dict[str, Callable[[], Any]] = {
        "select": lambda: db(table).select() if not keys else db(table[keys[0]] != None).select(),  # noqa: E711 - PyDAL's !=
        "insert": lambda: table.insert(**every),
        "update": lambda: db(table[fields[0].name] != None).update(**every) if fields else 0,  # noqa: E711 - as above
        "read": lambda: db(table.id > 0).select() if not keys else None,
        "required": lambda: (
            table.insert(**required) if required or not fields else _insert_nothing(db, table)
        ),
    }
    failed = set()
    for what, step in steps.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                step()
        except Exception:  # noqa: BLE001 - whatever fails is what is looked for
            failed.add(what)
            db.rollback()
        if what in ("read", "required"):
            db.rollback()
    return failed


def _insert_nothing(db: Any, table: Any) -> Any:
    """Insert a row the engine and PyDAL's defaults fill, which PyDAL cannot say everywhere."""
    if any(field.default is not None for field in table):
        return table.insert()
    values = "() VALUES ()" if db._dbname == "mysql" else "DEFAULT VALUES"
    return db.executesql(f"INSERT INTO {table._rname} {values}")


@pytest.fixture
def url(suite_run: runs.Run, engine: str) -> Iterator[str]:
    with new_database(suite_run, engine) as url:
        yield url


def test_what_fails_is_an_error_and_what_works_is_none(url: str, dialect: str) -> None:
    shapes = make_shapes()
    metadata = make_models(shapes)
    server = sa.create_engine(url)
    metadata.create_all(server)
    server.dispose()
    failed = {}
    with open_dal(sa.make_url(url), ADAPTERS[dialect]) as db:
        define_all(shapes)(db)
        if dialect == "mysql":
            # PyDAL turns strict mode off; what is refused with it is stored as another value.
            db.executesql("SET sql_mode='STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'")
        for name in [*shapes, "unknown_to_models"]:
            failed[name] = find_failures(db, db[name])

    report = bilayer.check(metadata=metadata, dal=define_all(shapes), url=url)

    wrong = []
    for pair in ("models-runtime", "runtime-database"):
        for name, ways in failed.items():
            about = [f for f in report.findings if f.table == name and f.pair in (pair, "setup")]
            said = {f.severity for f in about}
            is_error = bool(ways - {"required"})
            is_right = ("error" in said) == is_error
            is_warned = "required" not in ways or said & {"error", "warning"}
            if not (is_right and is_warned):
                wrong.append((pair, name, sorted(ways), [(f.code, f.severity) for f in about]))
    assert "\n".join(map(str, wrong)) == ""


@pytest.mark.parametrize("schema", [None, "other"], ids=["a_dot_in_the_name", "a_schema"])
def test_a_name_with_a_dot_is_no_schema(url: str, dialect: str, schema: str | None) -> None:
    if schema is not None and dialect != "postgresql":
        pytest.skip("a schema is a database of its own there")
    mark = "`" if dialect == "mysql" else '"'
    metadata = sa.MetaData()
    name = "t" if schema else "other.t"
    first = sa.Table(name, metadata, key(), text("x"), schema=schema)
    link: sa.Column[int] = sa.Column("of", sa.ForeignKey(first.c.id))
    sa.Table("links", metadata, key(), link)
    server = sa.create_engine(url)
    with server.begin() as connection:
        if schema is not None:
            connection.execute(sa.schema.CreateSchema(schema))
        metadata.create_all(connection)
    server.dispose()

    def define(db: Any, rname: str) -> None:
        db.define_table("t", Field("x", length=40), rname=rname, migrate=False)
        reference = Field("of", "reference t", ondelete="NO ACTION")
        db.define_table("links", reference, migrate=False)

    for rname in (f"{mark}other.t{mark}", f"{mark}other{mark}.{mark}t{mark}"):
        with open_dal(sa.make_url(url), ADAPTERS[dialect]) as db:
            define(db, rname)
            fails = bool(find_failures(db, db.t))
        report = bilayer.check(
            metadata=metadata, dal=functools.partial(define, rname=rname), url=url
        )
        assert {f.pair for f in report.errors if f.code == "BL201"} == (
            {"models-runtime", "runtime-database"} if fails else set()
        )
        assert fails or not report.findings
