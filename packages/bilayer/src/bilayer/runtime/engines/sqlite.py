"""SQLite's connections: WAL, foreign keys, and the functions the dialect relies on."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime.codecs import decode_instant
from bilayer.runtime.errors import UnsafeSettings, UnsupportedDefinition
from bilayer.runtime.options import ConnectOptions


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
        poolclass=sa.QueuePool,
        pool_size=options.pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
        pool_recycle=options.pool_recycle,
        pool_pre_ping=False,  # a file does not go away
        pool_reset_on_return=None,
        connect_args={"check_same_thread": False, "timeout": options.lock_timeout},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        record.info["process"] = os.getpid()
        prepare(connection, options)

    event.listen(engine, "reset", _reset)
    return engine


def _reset(connection: Any, record: Any, _state: Any) -> None:
    """Never put a connection with an open transaction back, nor one that refuses writes."""
    if record.info.get("process") != os.getpid():
        return
    if connection.in_transaction:
        connection.rollback()
    connection.execute("PRAGMA query_only=OFF")


def prepare(connection: sqlite3.Connection, options: ConnectOptions) -> None:
    """Set and check what correctness depends on.

    Raises:
        UnsafeSettings: WAL cannot be had (a network file system), or foreign keys are compiled out.
    """
    connection.isolation_level = None
    run = connection.execute
    run(f"PRAGMA busy_timeout={int(options.lock_timeout * 1000)}")
    journal = run("PRAGMA journal_mode=WAL").fetchone()[0]
    run("PRAGMA synchronous=FULL")  # with NORMAL a power cut loses acknowledged commits
    run("PRAGMA foreign_keys=ON")
    run("PRAGMA trusted_schema=OFF")
    run("PRAGMA case_sensitive_like=ON")  # LIKE as on the other engines
    if str(journal).lower() != "wal" or run("PRAGMA foreign_keys").fetchone()[0] != 1:
        raise UnsafeSettings(
            "SQLite needs WAL and foreign keys; is the file on a network file system?"
        )
    functions = (("REGEXP", 2, _matches), ("web2py_extract", 2, _extract))
    for name, arity, function in functions:
        connection.create_function(name, arity, function, deterministic=True)
    connection.create_function("json_holds", 2, _json_holds, deterministic=True)
    connection.create_function("LOWER", 1, _lower, deterministic=True)
    connection.create_function("UPPER", 1, _upper, deterministic=True)


def _matches(pattern: str, text: str | None) -> bool | None:
    return None if text is None else re.search(pattern, text) is not None


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _upper(text: Any) -> Any:
    return text.upper() if isinstance(text, str) else text


def _extract(part: str, text: str | None) -> float | int | None:
    """Take a part of a stored instant, date or time; ``epoch`` in seconds."""
    if text is None:
        return None
    if part == "epoch":
        return decode_instant(text).timestamp()
    has_date = "-" in text[:5]
    moment = dt.datetime.fromisoformat(text) if has_date else dt.time.fromisoformat(text)
    found: int = getattr(moment, part)
    return found


def _json_holds(document: str | None, wanted: str) -> bool | None:
    return None if document is None else _holds(json.loads(document), json.loads(wanted))


def _holds(document: Any, wanted: Any) -> bool:
    """Tell whether a document contains another, by the rules of PostgreSQL's ``@>``."""
    if isinstance(wanted, dict):
        return isinstance(document, dict) and all(
            key in document and _holds(document[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(document, list) and all(
            any(_holds(item, value) for item in document) for value in wanted
        )
    if isinstance(document, list):
        return any(_same(item, wanted) for item in document)
    return _same(document, wanted)


def _same(left: Any, right: Any) -> bool:
    return bool(left == right and isinstance(left, bool) == isinstance(right, bool))
