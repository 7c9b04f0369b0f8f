"""A connection that has just answered is not asked again; whoever meets it gone loses nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from bilayer.runtime import ConnectionLost, Database, TransactionAborted
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import Statements, only
from tests.bilayer.runtime.guards import Watchman
from tests.support.proxy import Proxy

distant_ones = only("postgresql", "mariadb")


@pytest.fixture
def guard() -> Watchman:
    return Watchman()


@pytest.fixture
def proxy(tables_url: str) -> Iterator[Proxy]:
    with Proxy(tables_url) as proxy:
        yield proxy


@pytest.fixture
def distant(proxy: Proxy) -> Iterator[Database]:
    """A database behind a proxy, whose pool holds a connection that has just answered."""
    with schema.connect(proxy.url) as database:
        database.dal(database.dal.owners).count()
        database.release()
        yield database


def stored(core: sa.Engine) -> int:
    with core.connect() as connection:
        statement = sa.select(sa.func.count()).select_from(schema.owners)
        return connection.execute(statement).scalar_one()


def add(database: Database) -> None:
    database.dal.owners.insert(id=uuid.uuid4())


@distant_ones
def test_read_over_a_connection_that_is_gone_is_sent_again(proxy: Proxy, distant: Database) -> None:
    proxy.cut()

    assert distant.dal(distant.dal.owners).count() == 0


@distant_ones
def test_transaction_over_a_connection_that_is_gone_is_begun_again(
    proxy: Proxy, distant: Database, core: sa.Engine
) -> None:
    proxy.cut()

    with distant.transaction():
        add(distant)
        add(distant)

    assert stored(core) == 2


@distant_ones
def test_write_that_could_not_be_sent_twice_asks_first(
    proxy: Proxy, distant: Database, core: sa.Engine
) -> None:
    proxy.cut()

    add(distant)

    assert stored(core) == 1


@distant_ones
@pytest.mark.parametrize("is_inside", [False, True])
def test_it_is_sent_again_once(proxy: Proxy, distant: Database, is_inside: bool) -> None:
    with pytest.raises(ConnectionLost):
        if is_inside:
            is_postgresql = distant.engine_name == "postgresql"
            proxy.lose("BEGIN" if is_postgresql else "START TRANSACTION", times=2)
            with distant.transaction():
                add(distant)
        else:
            proxy.lose("SELECT COUNT", times=2)
            distant.dal(distant.dal.owners).count()

    proxy.recover()
    assert distant.dal(distant.dal.owners).count() == 0


@distant_ones
def test_later_statement_is_never_sent_again(
    proxy: Proxy, distant: Database, core: sa.Engine
) -> None:
    with pytest.raises(ConnectionLost), distant.transaction():
        add(distant)
        proxy.lose("SELECT COUNT")
        distant.dal(distant.dal.owners).count()

    assert stored(core) == 0


@distant_ones
@pytest.mark.parametrize("is_inside", [False, True])
def test_statement_that_nobody_knows_is_never_sent_twice(
    proxy: Proxy, distant: Database, core: sa.Engine, is_inside: bool
) -> None:
    take = "SELECT nextval('tickets')" if core.name == "postgresql" else "SELECT NEXTVAL(tickets)"
    with core.begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE tickets")
    try:
        proxy.lose_answer_to(take)
        with pytest.raises(ConnectionLost):
            if is_inside:
                with distant.transaction():
                    distant.dal.executesql(take)
            else:
                distant.dal.executesql(take)
        proxy.recover()

        assert distant.dal.executesql(take)[0][0] == 2
    finally:
        distant.release()
        with core.begin() as connection:
            connection.exec_driver_sql("DROP SEQUENCE tickets")


@only("postgresql")
def test_block_that_finds_no_other_connection_stays_doomed(
    proxy: Proxy, distant: Database, core: sa.Engine
) -> None:
    with pytest.raises(TransactionAborted), distant.transaction():
        proxy.refuse()
        with pytest.raises(ConnectionLost):
            add(distant)
        proxy.recover()
        with pytest.raises(TransactionAborted):
            add(distant)

    add(distant)
    assert stored(core) == 1


@only("postgresql")
def test_statement_the_driver_could_not_write_takes_no_beginning_along(
    database: Database, core: sa.Engine
) -> None:
    statements = Statements(database)

    def refuse(_sql: str) -> None:
        raise LookupError

    with database.transaction():
        statements.before = refuse
        with pytest.raises(LookupError):
            add(database)
        statements.before = None
        add(database)
        assert stored(core) == 0
    assert stored(core) == 1


@distant_ones
def test_old_connection_that_is_gone_is_no_failure_of_the_database(
    proxy: Proxy, guard: Watchman
) -> None:
    with schema.connect(proxy.url, guard=guard) as database:
        database.dal(database.dal.owners).count()
        database.release()
        guard.told.clear()
        proxy.cut()

        database.dal(database.dal.owners).count()
        database.release()

    assert guard.told == ["admit", "leave", "admit", "connected", "leave"]


@only("postgresql")
def test_transaction_begins_with_its_first_statement(database: Database, core: sa.Engine) -> None:
    sent = Statements(database).sent

    with database.transaction():
        add(database)
        assert stored(core) == 0
    assert [statement.split()[0] for statement in sent] == ["BEGIN;", "COMMIT"]
    assert stored(core) == 1

    sent.clear()
    with database.transaction("REPEATABLE READ", readonly=True):
        pass
    with pytest.raises(LookupError), database.transaction():
        raise LookupError
    add(database)
    assert [statement.split()[0] for statement in sent] == ["INSERT"]
    assert stored(core) == 2
