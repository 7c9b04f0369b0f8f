"""Connections: when they are opened, who holds them, what they are set to, how they recover."""

from __future__ import annotations

import datetime as dt
import gc
import sqlite3
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime import (
    ConnectionLost,
    Database,
    PoolTimeout,
    TransactionAborted,
    TransactionMisuse,
    UnsafeSettings,
)
from bilayer.urls import UnsupportedURL
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import backend, only, wait_until
from tests.bilayer.runtime.threads import in_thread, other_thread, run_together
from tests.support.databases import new_database
from tests.support.run import Run
from tests.support.servers import Server

DEAD_PORT = 1
Hurt = Callable[[Server], None]
hurts = pytest.mark.parametrize(
    "hurt",
    [
        pytest.param(lambda server: server.restart(), id="restarted"),
        pytest.param(lambda server: server.kill_connections(), id="killed"),
    ],
)


@pytest.fixture
def fragile(server: Server, suite_run: Run) -> Iterator[Database]:
    """The runtime on a server of its own, which the test may hurt."""
    name = suite_run.new_name()
    url = server.create_database(name)
    schema.create_tables(url)
    with schema.connect(url, connect_timeout=2) as database:
        yield database
    server.start()
    server.drop_database(name)


def pooled(database: Database) -> sa.QueuePool:
    assert isinstance(database.engine.pool, sa.QueuePool)
    return database.engine.pool


# -- opening


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_nothing_is_connected_before_the_first_statement(scheme: str) -> None:
    with schema.connect(f"{scheme}://someone@127.0.0.1:{DEAD_PORT}/nothing") as database:
        query = database.dal.owners.id > uuid.UUID(int=0)

        assert pooled(database).checkedout() == 0
        with pytest.raises(ConnectionLost):
            database.dal(query).count()


def test_sqlite_makes_no_file_before_the_first_statement(tmp_path: Path) -> None:
    file = tmp_path / "later.db"

    with schema.connect(f"sqlite:///{file}"):
        assert not file.exists()


def test_many_threads_may_open_a_new_sqlite_file_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    schema.create_tables(url)
    with schema.connect(url) as database:
        db = database.dal

        run_together(database, [partial(db.owners.insert, id=uuid.UUID(int=n)) for n in range(8)])

        assert db(db.owners).count() == 8


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="read_timeout must be longer than statement_timeout"):
        Database.connect("postgresql://someone@127.0.0.1/x", read_timeout=5, statement_timeout=5)


# -- the pool


def test_pool_is_a_cap_and_is_waited_for_no_longer_than_its_timeout(tables_url: str) -> None:
    with schema.connect(tables_url, pool_size=1, max_overflow=1, pool_timeout=0.3) as database:
        query = database.dal(database.dal.owners)
        with (
            other_thread(database, query.count, transaction=False),
            other_thread(database, query.count, transaction=False) as end_second,
        ):
            began = time.monotonic()
            with pytest.raises(PoolTimeout):
                query.count()
            waited = time.monotonic() - began

            threading.Timer(0.1, end_second.set).start()
            assert query.count() == 0

    assert 0.3 <= waited < 1.5


def test_threads_take_turns_with_one_connection(tables_url: str) -> None:
    with schema.connect(tables_url, pool_size=1, max_overflow=0) as database:
        first = in_thread(database, lambda: backend(database))

        seen = run_together(
            database, [lambda: _released(database, backend(database)) for _ in range(6)]
        )

        assert seen == [first] * 6


def test_thread_keeps_its_connection_until_it_releases_it(database: Database) -> None:
    first = backend(database)

    with other_thread(database, lambda: backend(database), transaction=False):
        assert backend(database) == first
        assert pooled(database).checkedout() == 2
    database.release()
    database.release()

    assert pooled(database).checkedout() == 0


def test_old_connection_is_replaced(tables_url: str) -> None:
    with schema.connect(tables_url, pool_recycle=0) as database:
        first = backend(database)
        database.release()

        assert backend(database) != first


def test_release_inside_a_transaction_is_refused(database: Database) -> None:
    with database.transaction():
        with pytest.raises(TransactionMisuse):
            database.release()
        database.dal.owners.insert(id=uuid.uuid4())

    assert database.dal(database.dal.owners).count() == 1


def test_dead_thread_gives_its_connection_back_without_its_transaction(
    database: Database, core: sa.Engine
) -> None:
    def die_inside() -> None:
        database.transaction().__enter__()
        database.dal.owners.insert(id=uuid.uuid4(), name="lost")

    _run_and_die(die_inside)

    assert pooled(database).checkedout() == 0
    assert _count(core) == 0
    database.dal.owners.insert(id=uuid.uuid4(), name="kept")
    assert _count(core) == 1


def test_thread_that_dies_while_reading_leaves_a_connection_that_writes(
    tables_url: str, core: sa.Engine
) -> None:
    with schema.connect(tables_url, pool_size=1, max_overflow=0) as database:

        def die_inside() -> None:
            database.transaction(readonly=True).__enter__()
            database.dal(database.dal.owners).count()

        _run_and_die(die_inside)

        database.dal.owners.insert(id=uuid.uuid4())
        assert _count(core) == 1


# -- several databases


def test_threads_never_meet_the_other_database(
    tables_url: str, suite_run: Run, engine: str
) -> None:
    with new_database(suite_run, engine) as other_url:
        schema.create_tables(other_url)
        with schema.connect(tables_url) as first, schema.connect(other_url) as second:
            both = {"first": first, "second": second}
            for name, database in both.items():
                database.dal.owners.insert(id=uuid.uuid4(), name=name)

            seen = run_together(first, [partial(_read_in_turn, both, n) for n in range(8)])

        assert seen == [20] * 8


def test_databases_made_and_closed_over_and_over_stay_apart(
    tables_url: str, suite_run: Run, engine: str
) -> None:
    with new_database(suite_run, engine) as other_url:
        schema.create_tables(other_url)
        urls = {"first": tables_url, "second": other_url}
        for name, url in urls.items():
            with schema.connect(url) as database:
                database.dal.owners.insert(id=uuid.uuid4(), name=name)

        def read(turn: int) -> bool:
            name = ("first", "second")[turn % 2]
            with schema.connect(urls[name]) as short_lived:
                db = short_lived.dal
                (row,) = db(db.owners).dicts()
                return bool(row["name"] == name)

        def read_all(first: int) -> list[bool]:
            return [read(first + turn) for turn in range(6)]

        with schema.connect(tables_url) as keeper:
            answers = run_together(keeper, [partial(read_all, n) for n in range(4)])

    assert answers == [[True] * 6] * 4


def test_closed_database_is_forgotten(tables_url: str) -> None:
    def make_and_close() -> weakref.ref[Any]:
        with schema.connect(tables_url) as database:
            database.dal(database.dal.owners).count()
            return weakref.ref(database.dal._adapter)

    made = [make_and_close() for _ in range(3)]

    wait_until(lambda: gc.collect() >= 0 and not any(reference() for reference in made))


def test_closed_database_holds_no_connection_and_can_be_used_again(tables_url: str) -> None:
    database = schema.connect(tables_url)
    database.dal(database.dal.owners).count()

    database.close()

    assert (pooled(database).checkedout(), pooled(database).checkedin()) == (0, 0)
    assert database.dal(database.dal.owners).count() == 0
    database.close()


# -- servers that go away


@hurts
def test_idle_connection_is_replaced_unnoticed(
    server: Server, fragile: Database, hurt: Hurt
) -> None:
    before = backend(fragile)
    fragile.release()

    hurt(server)

    assert fragile.dal(fragile.dal.owners).count() == 0
    assert backend(fragile) != before


@hurts
def test_held_connection_fails_once_and_is_replaced(
    server: Server, fragile: Database, hurt: Hurt
) -> None:
    query = fragile.dal(fragile.dal.owners)
    query.count()

    hurt(server)

    with pytest.raises(ConnectionLost):
        query.count()
    assert query.count() == 0


@hurts
def test_transaction_begins_on_a_new_connection_if_the_held_one_died(
    server: Server, fragile: Database, hurt: Hurt
) -> None:
    backend(fragile)
    hurt(server)

    with fragile.transaction("SERIALIZABLE"):
        fragile.dal.owners.insert(id=uuid.uuid4())

    assert fragile.dal(fragile.dal.owners).count() == 1


@hurts
def test_transaction_that_loses_its_connection_cannot_go_on(
    server: Server, fragile: Database, hurt: Hurt
) -> None:
    owners = fragile.dal.owners

    with pytest.raises(TransactionAborted), fragile.transaction():
        owners.insert(id=uuid.uuid4())
        hurt(server)
        with pytest.raises(ConnectionLost):
            owners.insert(id=uuid.uuid4())
        with pytest.raises(TransactionAborted):
            owners.insert(id=uuid.uuid4())

    assert not fragile.in_transaction
    assert fragile.dal(owners).count() == 0


def test_server_that_is_down_is_told_in_time_and_missed_no_longer_than_it_is_down(
    server: Server, fragile: Database
) -> None:
    query = fragile.dal(fragile.dal.owners)
    query.count()
    server.stop()
    waits = []
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(ConnectionLost):
            query.count()
        waits.append(time.monotonic() - began)

    server.start()

    assert query.count() == 0
    assert max(waits) < 2.5


# -- settings


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


# -- URLs and what must not be seen


PASSWORD = "p@ss/w%rd:#?&=+ x"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "mariadb"])
def test_driver_gets_the_password_as_it_is(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sa.URL.create(scheme, "us@er", PASSWORD, "127.0.0.1", DEAD_PORT, "name")
    given: list[Any] = []

    with Database.connect(url.render_as_string(hide_password=False)) as database:

        @event.listens_for(database.engine, "do_connect")
        def _look(dialect: Any, record: Any, arguments: Any, keywords: dict[str, Any]) -> None:
            given.extend((keywords["user"], keywords["password"]))

        with pytest.raises(ConnectionLost) as failure:
            database.dal.executesql("SELECT 1")

    assert given[0] == "us@er"
    assert given[1] in (PASSWORD, PASSWORD.encode())
    assert (
        PASSWORD not in f"{failure.value!r} {failure.value.__cause__} {failure.value.__context__}"
    )


@only("mariadb")
@pytest.mark.parametrize("password", [PASSWORD, "pässwörd"])
def test_password_with_any_character_opens_the_door(
    tables_url: str, core: sa.Engine, password: str
) -> None:
    name = f"u{uuid.uuid4().hex[:12]}"
    with core.begin() as connection:
        connection.execute(
            sa.text(f"CREATE USER {name}@'%' IDENTIFIED BY :password"), {"password": password}
        )
        connection.exec_driver_sql(f"GRANT ALL ON *.* TO {name}@'%%'")
    try:
        url = sa.make_url(tables_url).set(username=name, password=password)
        with Database.connect(url.render_as_string(hide_password=False)) as database:
            assert database.dal.executesql("SELECT 1")[0][0] == 1
    finally:
        with core.begin() as connection:
            connection.exec_driver_sql(f"DROP USER {name}@'%%'")


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
@pytest.mark.parametrize("user", ["someone", "us@er.x+1"])
def test_nothing_shows_the_password(scheme: str, user: str) -> None:
    url = sa.URL.create(scheme, user, "hidden-secret", "127.0.0.1", DEAD_PORT, "name")

    with Database.connect(url) as database:
        adapter = database.dal._adapter
        shown = [database, database.dal, database.engine, database.engine.url, adapter]
        shown += [database.dal._uri, adapter.uri, database.engine.pool]

    assert not [item for item in shown if "hidden-secret" in f"{item!r} {item}"]


@pytest.mark.parametrize(
    "url", ["oracle://u:hidden@h/x", "postgresql+asyncpg://u:hidden@h/x", "://u:hidden@h", "hidden"]
)
def test_unusable_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UnsupportedURL) as refusal:
        Database.connect(url)

    assert "hidden" not in str(refusal.value)


def test_echo_logs_statements_without_their_values(
    tables_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"), schema.connect(tables_url, echo=True) as database:
        database.dal.owners.insert(id=uuid.uuid4(), name="canary-value")

    assert "INSERT INTO" in caplog.text
    assert "canary-value" not in caplog.text


def _released(database: Database, result: Any) -> Any:
    database.release()
    return result


def _count(core: sa.Engine) -> int:
    with core.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(schema.owners)) or 0


def _run_and_die(action: Callable[[], None]) -> None:
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()
    gc.collect()


def _read_in_turn(databases: dict[str, Database], start: int) -> int:
    """Read from both in turn; counts the answers that came from the right one."""
    right = 0
    for turn in range(20):
        name = ("first", "second")[(start + turn) % 2]
        db = databases[name].dal
        right += db(db.owners).one(db.owners.name) == {"name": name}
        if turn % 3 == 0:
            databases[name].release()
    for database in databases.values():
        database.release()
    return right


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
