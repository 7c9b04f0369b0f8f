"""SQLite's connections (WAL, foreign keys, the functions the dialect relies on) and errors."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime.engines.pool import pool_class
from bilayer.runtime.engines.sqlite_files import read_unwritable_files
from bilayer.runtime.engines.sqlite_functions import FUNCTIONS
from bilayer.runtime.errors import (
    CheckViolation,
    ConnectionLost,
    DatabaseError,
    ForeignKeyViolation,
    LockTimeout,
    NotNullViolation,
    OutOfMemory,
    PermissionDenied,
    ReadOnly,
    StatementTimeout,
    StorageFailure,
    StorageFull,
    UniqueViolation,
    UnsafeSettings,
    UnsupportedDefinition,
)
from bilayer.runtime.options import ConnectOptions

_KEY_IN_TABLE: Final = re.compile(
    r'CONSTRAINT\s+"?(\w+)"?\s+(?:UNIQUE|PRIMARY\s+KEY)\s*\(([^)]*)\)', re.IGNORECASE
)
_UNKNOWN_NAME: Final = re.compile(r"^no such (?:table|column|function): [\w.]+$")
_UNIQUE_INDEX: Final = re.compile(
    r'CREATE\s+UNIQUE\s+INDEX\s+"?(\w+)"?\s+ON\s+\S+\s*\(([^)]*)\)', re.IGNORECASE
)

_BAD_FILE: Final = "the database file cannot be used"
# https://www.sqlite.org/rescode.html: extended codes begin with the primary one.
_OTHERS: Final[Mapping[str, tuple[type[DatabaseError], str]]] = {
    "SQLITE_BUSY": (LockTimeout, "the database is locked by another writer"),
    "SQLITE_LOCKED": (LockTimeout, "the database is locked by another writer"),
    "SQLITE_INTERRUPT": (StatementTimeout, "the statement ran too long and was stopped"),
    "SQLITE_READONLY": (ReadOnly, "the database accepts no writes"),
    "SQLITE_CANTOPEN": (ConnectionLost, _BAD_FILE),
    "SQLITE_FULL": (StorageFull, "the disk of the database is full"),
    "SQLITE_IOERR": (StorageFailure, _BAD_FILE),
    "SQLITE_CORRUPT": (StorageFailure, _BAD_FILE),
    "SQLITE_NOTADB": (StorageFailure, _BAD_FILE),
    "SQLITE_NOMEM": (OutOfMemory, "there is no memory left"),
    "SQLITE_AUTH": (PermissionDenied, "this is not allowed"),
    "SQLITE_PERM": (PermissionDenied, "this is not allowed"),
}


class BufferedCursor(sqlite3.Cursor):
    """A cursor that fetches everything at once, as the drivers of the servers do.

    A half-read SELECT would keep its snapshot, and its errors would come while fetching.
    """

    _rows: Iterator[Any] = iter(())

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        """Run a statement to its end."""
        super().execute(sql, parameters)
        self._rows = iter(super().fetchall())
        return self

    def fetchone(self) -> Any:
        """Give the next row, None after the last."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """Give the rest of the rows."""
        return list(self._rows)


def create_engine(url: sa.URL, options: ConnectOptions) -> sa.Engine:
    """Make an engine whose connections have the settings safety needs.

    Raises:
        UnsupportedDefinition: The URL names a database in memory, which every connection of a
            pool would see as its own empty one.
    """
    if url.database in (None, "", ":memory:") or "mode=memory" in str(url.database):
        raise UnsupportedDefinition(
            "a SQLite database needs a file; each connection to memory is another database"
        )
    engine = sa.create_engine(
        url,
        poolclass=pool_class(options.guard),
        pool_size=options.pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
        pool_recycle=options.pool_recycle,
        pool_reset_on_return=None,
        connect_args={"check_same_thread": False, "timeout": options.embedded_lock_seconds},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        record.info["process"] = os.getpid()
        prepare(connection, options, is_immutable=bool(record.info.get("immutable")))

    event.listen(engine, "reset", _reset)
    read_unwritable_files(engine)
    return engine


def _reset(connection: Any, record: Any, _state: Any) -> None:
    """Never put a connection with an open transaction back, nor one that refuses writes."""
    if record.info.get("process") != os.getpid():
        return
    if connection.in_transaction:
        connection.rollback()
    connection.execute("PRAGMA query_only=OFF")


def prepare(
    connection: sqlite3.Connection, options: ConnectOptions, *, is_immutable: bool = False
) -> None:
    """Set and check what correctness depends on.

    Args:
        connection: A new connection.
        options: Those of the database.
        is_immutable: The file cannot be written, and so has no journal.

    Raises:
        UnsafeSettings: WAL cannot be had (a network file system), or foreign keys are compiled out.
    """
    connection.isolation_level = None
    run = connection.execute
    run(f"PRAGMA busy_timeout={int(options.embedded_lock_seconds * 1000)}")
    journal = "wal" if is_immutable else run("PRAGMA journal_mode=WAL").fetchone()[0]
    run("PRAGMA synchronous=FULL")  # with NORMAL a power cut loses acknowledged commits
    run("PRAGMA foreign_keys=ON")
    run("PRAGMA trusted_schema=OFF")
    if str(journal).lower() != "wal" or run("PRAGMA foreign_keys").fetchone()[0] != 1:
        raise UnsafeSettings(
            "SQLite needs WAL and foreign keys; is the file on a network file system?"
        )
    for name, (arity, function) in FUNCTIONS.items():
        connection.create_function(name, arity, function, deterministic=True)


def translate(caught: Exception, connection: Any) -> DatabaseError:
    """Map SQLite's extended result codes."""
    code = getattr(caught, "sqlite_errorname", None) or ""
    detail = str(caught).rpartition(": ")[2]
    if code.startswith("SQLITE_CONSTRAINT"):
        return _constraint_error(code, detail, connection)
    if (known := refusal(caught)) is not None:
        return known
    named = _UNKNOWN_NAME.search(str(caught))
    what = named.group() if named else code or "unknown"
    return DatabaseError(f"SQLite refused the statement ({what})", code=code)


def refusal(caught: BaseException) -> DatabaseError | None:
    """Map what may befall a connection from its beginning: a lock, a file that is no use."""
    code = getattr(caught, "sqlite_errorname", None) or ""
    for start, (kind, message) in _OTHERS.items():
        if code.startswith(start):
            return kind(message, code=code)
    return None


def _constraint_error(code: str, detail: str, connection: sqlite3.Connection) -> DatabaseError:
    if code in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        names = [name.rpartition(".") for name in detail.split(", ")]
        table, columns = names[0][0], [column for _, _, column in names]
        return UniqueViolation(
            "a row with this key exists",
            code=code,
            constraint=_constraint_name(connection, table, columns),
            table=table,
            column=columns[0] if len(columns) == 1 else None,
        )
    if code == "SQLITE_CONSTRAINT_NOTNULL":
        table, _, column = detail.rpartition(".")
        return NotNullViolation("a value is required", code=code, table=table, column=column)
    if code == "SQLITE_CONSTRAINT_CHECK":
        return CheckViolation("the row is not allowed", code=code, constraint=detail)
    if code == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return ForeignKeyViolation("the row points to nothing, or is pointed to", code=code)
    return DatabaseError(f"SQLite refused the statement ({code})", code=code)


def _constraint_name(connection: sqlite3.Connection, table: str, columns: list[str]) -> str | None:
    """Look up which constraint covers the columns; SQLite's message names only those."""
    query = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
    for (sql,) in connection.execute(query, (table,)):
        for pattern in (_KEY_IN_TABLE, _UNIQUE_INDEX):
            for name, listed in pattern.findall(sql):
                if [part.strip().strip('"') for part in listed.split(",")] == columns:
                    return str(name)
    return None
