"""Servers that go away: what is noticed, how long it takes, and that it ends by itself."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from bilayer.runtime import (
    ConnectionLost,
    Database,
    TransactionAborted,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import backend
from tests.support.run import Run
from tests.support.servers import Server

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
