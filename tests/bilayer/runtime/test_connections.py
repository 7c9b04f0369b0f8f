"""Connections: when they are opened, who holds them, and who gets them next."""

from __future__ import annotations

import gc
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    ConnectionLost,
    Database,
    PoolTimeout,
    TransactionMisuse,
)
from bilayer.runtime.watchdog import CHECK_INTERVAL_SECONDS
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import backend, pooled, wait_until
from tests.bilayer.runtime.threads import in_thread, other_thread, run_together
from tests.support.databases import new_database
from tests.support.run import Run

DEAD_PORT = 1


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


def _released(database: Database, result: Any) -> Any:
    database.release()
    return result


def _count(core: sa.Engine) -> int:
    with core.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(schema.owners)) or 0


def _run_and_die(action: Callable[[], None]) -> None:
    """Run in a thread that the watchdog has seen before it dies."""

    def live() -> None:
        action()
        time.sleep(3 * CHECK_INTERVAL_SECONDS)

    thread = threading.Thread(target=live)
    thread.start()
    thread.join()
    del thread, live
    time.sleep(2 * CHECK_INTERVAL_SECONDS)
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
