"""What a connection is set to, that it is checked, and that zones change no value."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime import (
    Database,
    UnsafeSettings,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only, pooled


@only("sqlite")
def test_sqlite_connection_has_the_settings_safety_needs(tables_url: str) -> None:
    with schema.connect(tables_url, lock_timeout=1.5) as database:

        def pragma(name: str) -> Any:
            return database.dal.executesql(f"PRAGMA {name}")[0][0]

        assert pragma("journal_mode") == "wal"
        assert pragma("foreign_keys") == 1
        assert pragma("synchronous") == 2
        assert pragma("busy_timeout") == 1500
        assert pragma("trusted_schema") == 0


@only("postgresql")
def test_postgresql_connection_has_the_settings_asked_for(tables_url: str) -> None:
    options = {"statement_timeout": 3.5, "lock_timeout": 1.25, "idle_in_transaction_timeout": 4}
    with schema.connect(tables_url, application_name="some name", **options) as database:

        def show(name: str) -> Any:
            return database.dal.executesql(f"SHOW {name}")[0][0]

        assert show("timezone") == "UTC"
        assert show("statement_timeout") == "3500ms"
        assert show("lock_timeout") == "1250ms"
        assert show("idle_in_transaction_session_timeout") == "4s"
        assert show("application_name") == "some name"
        assert show("client_encoding") == "UTF8"


@only("postgresql")
def test_postgresql_pooler_gets_no_session_settings(tables_url: str) -> None:
    with schema.connect(tables_url, session_settings=False, lock_timeout=1.25) as database:
        found = database.dal.executesql("SHOW lock_timeout")

    assert found[0][0] != "1250ms"


@only("postgresql")
def test_options_of_the_url_stand_beside_our_own(tables_url: str) -> None:
    url = sa.make_url(tables_url).update_query_dict({"options": "-c work_mem=7MB"})
    with schema.connect(url.render_as_string(hide_password=False)) as database:
        assert database.dal.executesql("SHOW work_mem")[0][0] == "7MB"
        assert database.dal.executesql("SHOW timezone")[0][0] == "UTC"


@only("mariadb")
def test_mariadb_connection_has_the_settings_safety_needs(tables_url: str) -> None:
    with schema.connect(tables_url, statement_timeout=3.5, lock_timeout=3) as database:

        def variable(name: str) -> Any:
            return database.dal.executesql(f"SELECT @@{name}")[0][0]

        modes = variable("sql_mode").split(",")
        assert {"STRICT_TRANS_TABLES", "NO_BACKSLASH_ESCAPES"} <= set(modes)
        assert variable("time_zone") == "+00:00"
        assert variable("character_set_connection") == "utf8mb4"
        assert variable("tx_isolation") == "READ-COMMITTED"
        assert float(variable("max_statement_time")) == 3.5
        assert variable("innodb_lock_wait_timeout") == 3


@only("sqlite")
def test_sqlite_without_wal_is_refused(tables_url: str) -> None:
    class Forgetful(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            return super().execute("SELECT 'delete'" if "journal_mode" in sql else sql, *parameters)

    _assert_refused_until_mended(tables_url, {"factory": Forgetful})


@only("mariadb")
def test_mariadb_that_forgets_its_settings_is_refused(tables_url: str) -> None:
    class Forgetful(pymysql.cursors.Cursor):
        def execute(self, query: str, args: Any = None) -> int:
            return 0 if query.startswith("SET SESSION") else super().execute(query, args)

    _assert_refused_until_mended(tables_url, {"cursorclass": Forgetful})


@only("postgresql")
@pytest.mark.parametrize(
    "spoil",
    [
        "ALTER DATABASE {name} SET standard_conforming_strings = off",
        "CREATE DATABASE {name}_ascii ENCODING 'SQL_ASCII' TEMPLATE template0",
    ],
    ids=["backslashes escape", "no utf8"],
)
def test_postgresql_that_could_change_text_is_refused(
    empty_database_url: str, scratch_url: str, spoil: str
) -> None:
    url = sa.make_url(empty_database_url)
    ascii_name = f"{url.database}_ascii"
    server = sa.create_engine(scratch_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.exec_driver_sql(spoil.format(name=url.database))
    if "ascii" in spoil:
        url = url.set(database=ascii_name)

    with Database.connect(url) as database, pytest.raises(UnsafeSettings):
        database.dal.executesql("SELECT 1")

    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {ascii_name} WITH (FORCE)")


@only("postgresql", "mariadb")
@pytest.mark.parametrize("session_settings", [True, False])
def test_time_zone_of_the_server_changes_no_value(
    empty_database_url: str, engine: str, session_settings: bool
) -> None:
    schema.create_tables(empty_database_url)
    url = sa.make_url(empty_database_url)
    core = sa.create_engine(url)
    if engine == "postgresql":
        with core.begin() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {url.database} SET timezone = 'Asia/Tokyo'")
    else:
        url = url.update_query_dict({"init_command": "SET time_zone = '+09:00'"})
    given = url.render_as_string(hide_password=False)
    with schema.connect(given, session_settings=session_settings) as database:
        things = database.dal.things
        moment = dt.datetime.fromisoformat("2024-02-29T23:30:00.123456+00:00")

        key = things.insert(moment=moment)

        assert database.dal(things.moment == moment).one(things.moment) == {"moment": moment}
        assert things(key).moment == moment
        with core.connect() as connection:
            assert connection.scalar(sa.select(schema.things.c.moment)) == moment
    core.dispose()


def _assert_refused_until_mended(url: str, spoilt: dict[str, Any]) -> None:
    """Connect with driver arguments that make the settings fail, then without."""
    with Database.connect(url) as database:

        @event.listens_for(database.engine, "do_connect")
        def _spoil(dialect: Any, record: Any, arguments: Any, keywords: dict[str, Any]) -> None:
            keywords.update(spoilt)

        for _ in range(2):
            with pytest.raises(UnsafeSettings):
                database.dal.executesql("SELECT 1")
        assert pooled(database).checkedout() == 0
        spoilt.clear()
        assert database.dal.executesql("SELECT 1")[0][0] == 1
