"""Ways around the promises that were open once: definitions, raw statements, mixed keys."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer import types
from bilayer.runtime import (
    Database,
    DatabaseError,
    Field,
    InvalidValue,
    Param,
    RawSQLRefused,
    UnsupportedDefinition,
    json_merge,
    prepared,
    select,
    update,
)
from bilayer.urls import UnsupportedURL, parse_url
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.subscribers import Witness


class Moment(dt.datetime):
    """A datetime of a library that has its own."""


# -- raw statements


@pytest.mark.parametrize("statement", ["COMMIT", " rollback;", "begin", "END", "Savepoint x"])
def test_raw_statement_cannot_begin_or_end_a_transaction(
    db: Any, database: Database, statement: str
) -> None:
    with pytest.raises(RawSQLRefused):
        db.executesql(statement)
    with pytest.raises(LookupError), database.transaction():
        db.owners.insert(id=uuid.uuid4())
        with pytest.raises(RawSQLRefused):
            db.executesql(statement)
        raise LookupError

    assert db(db.owners).count() == 0


def test_interrupt_while_a_block_opens_leaves_no_transaction_behind(
    db: Any, database: Database, core: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = db._adapter
    begin = type(adapter).begin

    def interrupted(self: Any, *options: Any) -> None:
        begin(self, *options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(adapter), "begin", interrupted)
        with pytest.raises(KeyboardInterrupt), database.transaction():
            pass
    db.owners.insert(id=uuid.uuid4())
    database.release()

    with core.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.owners)) == 1


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_interrupt_while_a_block_commits_leaves_no_transaction_behind(
    db: Any,
    database: Database,
    core: sa.Engine,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[BaseException],
) -> None:
    def interrupted(_self: Any) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(type(db._adapter), "commit_transaction", interrupted)
        with pytest.raises(fault), database.transaction():
            db.owners.insert(id=uuid.uuid4())
    assert not database.in_transaction
    db.owners.insert(id=uuid.uuid4())
    database.release()

    with core.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.owners)) == 1


# -- definitions


def test_definition_may_say_that_it_does_not_migrate(db: Any) -> None:
    table = db.define_table("plain", Field("name"), migrate=False)

    assert table.fields == ["id", "name"]


def test_common_filter_is_refused(db: Any) -> None:
    with pytest.raises(UnsupportedDefinition):
        db.define_table("hidden", Field("name"), common_filter=lambda query: query)


def test_length_that_nobody_gave_limits_nothing(db: Any) -> None:
    db.define_table(
        "owners_again",
        Field("id", "uuid"),
        Field("name"),
        primarykey=["id"],
        rname=db.owners._rname,
    )

    with pytest.raises(InvalidValue):
        db.owners.insert(id=uuid.uuid4(), name="x" * 41)
    with pytest.raises(InvalidValue, match="40"):
        db(db.owners.name == "x" * 600).count()
    assert db(db.owners_again.name == "x" * 600).count() == 0


def test_subscription_to_a_table_that_is_not_there_is_refused(database: Database) -> None:
    with pytest.raises(UnsupportedDefinition):
        database.subscribe(Witness(), "no_such_table")


@pytest.mark.parametrize("url", ["postgresql+pysqlite://h/x", "mysql+pysqlite://h/x"])
def test_driver_of_another_engine_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedURL):
        parse_url(url)


# -- values


def test_datetime_of_a_subclass_is_a_datetime(db: Any) -> None:
    moment = Moment(2024, 2, 29, 12, tzinfo=dt.UTC)
    key = db.things.insert(moment=moment)

    assert db(db.things.moment == moment).one(db.things.id) == {"id": key}


@pytest.mark.parametrize("text", ["1.00005", "NaN", "Infinity", "123456789012345"])
def test_core_refuses_decimals_the_column_would_change(core: sa.Engine, text: str) -> None:
    row = schema.things.insert().values(price=decimal.Decimal(text))

    with core.connect() as connection, pytest.raises(sa.exc.StatementError):
        connection.execute(row)


def test_expression_beyond_its_column_is_refused_on_every_engine(db: Any) -> None:
    key = db.things.insert(price=decimal.Decimal("99999999999999.9999"), title="x" * 60)
    row = db(db.things.id == key)

    with pytest.raises(DatabaseError):
        row.update(price=db.things.price + 1)
    with pytest.raises(DatabaseError):
        row.update(title=db.things.title + "y")
    assert row.one(db.things.title) == {"title": "x" * 60}


def test_merge_patch_is_checked_alike_on_every_engine(db: Any) -> None:
    key = db.things.insert(document={})
    patch: dict[str, Any] = {}
    for _ in range(40):
        patch = {"deeper": patch}

    with pytest.raises(InvalidValue):
        db(db.things.id == key).update(document=json_merge(db.things.document, patch))


def test_row_is_not_written_back_as_it_was_read(db: Any) -> None:
    key = db.things.insert(small=1)
    row = db.things(key)
    db(db.things.id == key).update(small=99)

    with pytest.raises(InvalidValue):
        row.update_record()
    assert db.things(key).small == 99


# -- keys of an upsert


def test_upsert_needs_a_value_in_each_column_of_its_key(db: Any) -> None:
    with pytest.raises(InvalidValue):
        db.things.upsert({"code": None, "small": 1}, conflict=["code"])


def test_upsert_by_another_key_leaves_the_primary_key_alone(db: Any) -> None:
    key = db.things.insert(code="a", small=1)

    db.things.upsert({"id": key + 5, "code": "a", "small": 2}, conflict=["code"])

    assert db(db.things).dicts(db.things.id, db.things.small) == [{"id": key, "small": 2}]


# -- prepared statements


def test_prepared_update_computes_with_parameters(db: Any) -> None:
    key = db.things.insert(small=1)
    add = prepared(
        lambda db: update(db.things.id == Param("id"), small=db.things.small + Param("by"))
    )

    assert [add.run(db, id=key, by=by) for by in (2, 40)] == [1, 1]
    assert db.things(key).small == 43
    with pytest.raises(InvalidValue):
        add.run(db, id=key, by="1")


@pytest.mark.parametrize("search", ["like", "ilike", "startswith", "endswith", "contains"])
def test_parameter_of_a_text_search_is_refused(db: Any, search: str) -> None:
    def build(db: Any) -> Any:
        return select(getattr(db.things.title, search)(Param("text")))

    with pytest.raises(UnsupportedDefinition):
        prepared(build).dicts(db, text="x")


# -- timeouts


@pytest.mark.parametrize(
    "name", ["lock_timeout", "statement_timeout", "connect_timeout", "pool_timeout"]
)
def test_timeout_of_nothing_is_refused(tables_url: str, name: str) -> None:
    for seconds in (0, -1):
        with pytest.raises(ValueError, match="timeout"):
            Database.connect(tables_url, **{name: seconds})


# -- what the schema says with SQLite's own functions


@only("sqlite")
def test_checks_and_indexes_with_built_in_functions_work(empty_database_url: str) -> None:
    metadata = sa.MetaData()
    table = sa.Table(
        "people",
        metadata,
        sa.Column("id", types.UUID(), primary_key=True),
        sa.Column("email", types.String(40)),
        sa.CheckConstraint("email = lower(email)", name="ck_people_lower"),
        sa.CheckConstraint("email LIKE '%@%'", name="ck_people_at"),
    )
    sa.Index("ix_people_upper", sa.func.upper(table.c.email), unique=True)
    engine = sa.create_engine(parse_url(empty_database_url), poolclass=sa.NullPool)
    metadata.create_all(engine)

    with Database.connect(empty_database_url) as database:
        db = database.dal
        db.define_table("people", Field("id", "uuid"), Field("email"), primarykey=["id"])
        db.people.insert(id=uuid.uuid4(), email="ada@example.org")

        assert db(db.people.email.like("ADA%")).count() == 0
        assert db(db.people.email.ilike("ADA%")).count() == 1


def test_error_names_the_table_that_is_missing(db: Any) -> None:
    db.define_table("nowhere", Field("name"))

    with pytest.raises(DatabaseError, match="nowhere"):
        db(db.nowhere).count()
