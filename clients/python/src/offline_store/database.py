"""The SQLite file: its tables, and transactions on it. Knows no row and no mutation."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from offline_store.errors import StoreError

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = (
    # The one row that says where this store stands. `cursor` is NULL before the first page, and
    # when everything is fetched anew; `resync` says then what becomes of the queue's versions.
    """
    CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        client_id TEXT NOT NULL,
        account TEXT,
        tables TEXT NOT NULL DEFAULT '',
        cursor TEXT,
        etag TEXT,
        generation INTEGER NOT NULL DEFAULT 0,
        resync TEXT CHECK (resync IN ('keep', 'rebase'))
    )
    """,
    # The service's rows as they came. A full resync marks what comes with a new generation, and
    # removes what is left of the former one at its end: until then people see what they had.
    """
    CREATE TABLE rows (
        table_name TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        fields TEXT NOT NULL,
        generation INTEGER NOT NULL,
        PRIMARY KEY (table_name, id)
    ) WITHOUT ROWID
    """,
    # The queue. AUTOINCREMENT, so that a position is never used twice.
    """
    CREATE TABLE mutations (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        mutation_id TEXT NOT NULL UNIQUE,
        table_name TEXT NOT NULL,
        op TEXT NOT NULL CHECK (op IN ('upsert', 'delete')),
        row_id TEXT NOT NULL,
        base_version INTEGER,
        fields TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'confirmed', 'refused')),
        result TEXT
    )
    """,
    "CREATE INDEX mutations_by_row ON mutations (table_name, row_id)",
    "CREATE INDEX mutations_by_state ON mutations (state, position)",
)


class LocalDatabase:
    """One SQLite file, for all threads of this process. Other processes may have it open too.

    Args:
        path: The file, made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=30
        )
        self._connection.row_factory = sqlite3.Row
        # What was stored is on the disk, whatever happens to process or power.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        with self.transaction():
            self._create_tables()

    def close(self) -> None:
        """Close the file. Everything is stored already."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Store everything that the block writes, or nothing of it. Blocks may be nested."""
        with self._lock:
            if self._is_open():
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._is_open():  # Some failures have ended it already.
                    self._connection.execute("ROLLBACK")

    def execute(self, statement: str, *values: Any) -> int:  # Any: what SQLite can store.
        """Run a statement and return how many rows it changed."""
        with self._lock:
            return self._connection.execute(statement, values).rowcount

    def fetch(self, statement: str, *values: Any) -> list[sqlite3.Row]:  # Any: as above.
        """Run a query and return its rows."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _is_open(self) -> bool:
        return self._connection.in_transaction

    def _create_tables(self) -> None:
        [found] = self.fetch("PRAGMA user_version")[0]
        if found > _SCHEMA_VERSION:
            raise StoreError("A newer release of this package has made the file; update first.")
        if found == _SCHEMA_VERSION:
            return
        for statement in _SCHEMA:
            self._connection.execute(statement)
        self._connection.execute("PRAGMA user_version = 1")
