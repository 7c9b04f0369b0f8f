"""What tests ask of an engine: who serves a connection, and what it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest
import sqlalchemy as sa

from bilayer.runtime import Database
from tests.support.run import sources

WAIT_SECONDS: Final = 5
_BACKEND: Final = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}

SLOW: Final = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT sleep(30)",
}
"""A statement that takes longer than any deadline of a test."""


def only(*engines: str) -> pytest.MarkDecorator:
    """Run a test on these engines alone, as far as they are to be had."""
    found = [engine for engine in engines if engine in sources()]
    return pytest.mark.parametrize("engine", found, indirect=True)


def backend(database: Database) -> Any:
    """Identify the calling thread's connection: the server's number, or SQLite's own object."""
    query = _BACKEND.get(database.engine_name)
    if query is None:
        return database.dal._adapter.get_connection().dbapi_connection
    return database.dal.executesql(query)[0][0]


def pooled(database: Database) -> sa.QueuePool:
    """Give the pool of a database, to count its connections."""
    assert isinstance(database.engine.pool, sa.QueuePool)
    return database.engine.pool


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is true that another thread or process brings about."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not become true")
        time.sleep(0.01)


class Statements:
    """Stands before the cursor of the calling thread and notes what is sent to the driver.

    Attributes:
        sent: The statements, oldest first.
        before: Called with each statement before it is sent.
    """

    before: Callable[[str], None] | None = None

    def __init__(self, database: Database) -> None:
        adapter = database.dal._adapter
        self.sent: list[str] = []
        self._cursor = adapter.cursor
        adapter.session.cursor = self

    def execute(self, sql: str, *parameters: Any) -> Any:
        """Note a statement and send it."""
        if self.before is not None:
            self.before(sql)
        self.sent.append(sql)
        return self._cursor.execute(sql, *parameters)

    def copy_expert(self, sql: str, *source: Any) -> Any:
        """Note a COPY and send it."""
        self.sent.append(sql)
        return self._cursor.copy_expert(sql, *source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)
