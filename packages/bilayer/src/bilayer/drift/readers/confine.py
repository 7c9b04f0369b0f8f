"""Confine this process to one database. For the child that replays migrations; cannot be undone.

Three fences: SQLAlchemy makes engines on the scratch database whatever URL it is given, the drivers
refuse to connect anywhere else, whoever asks, and statements that leave the database are not sent.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import create as engine_module
from sqlalchemy.pool import NullPool

from bilayer.drift.readers.drivers import ConnectionRefused, guard_drivers, refuse
from bilayer.drift.readers.fence import require_inside
from bilayer.drift.readers.later_drivers import guard_later
from bilayer.drift.scratch.connecting import hurry

_PORTABLE_OPTIONS: Final = frozenset(
    {"echo", "poolclass", "isolation_level", "hide_parameters", "_is_async"}
)
_ASYNC_DRIVERS: Final = {
    "sqlite": ("aiosqlite",),
    "postgresql": ("asyncpg", "psycopg"),
    "mysql": ("aiomysql", "asyncmy"),
}

_PROCESSES: Final = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")


class ProcessRefused(ConnectionRefused, PermissionError):
    """Something tried to start a program, which no fence of this process would hold.

    An ``OSError``, as for a program that is not there: libraries that only ask around go on.
    """


def confine(scratch: sa.URL) -> None:
    """Let this process reach the scratch database, and no other."""
    _guard_statements(scratch)
    _redirect_engines(scratch)
    guard_drivers(scratch)
    guard_later(scratch)
    sys.addaudithook(_make_audit(scratch))


def _redirect_engines(scratch: sa.URL) -> None:
    original = engine_module.create_engine

    def create_engine(url: str | sa.URL, **options: Any) -> sa.Engine:
        # What create_async_engine adds; the URL may be one that had its driver replaced.
        is_async = bool(options.get("_is_async"))
        target = choose_async(sa.make_url(url), scratch) if is_async else scratch
        options.pop("creator", None)
        options.pop("async_creator", None)
        if sa.make_url(url).get_backend_name() != scratch.get_backend_name():
            options = {key: options[key] for key in options.keys() & _PORTABLE_OPTIONS}
        if scratch.get_backend_name() != "sqlite":
            return original(target, **options)
        options.setdefault("poolclass", NullPool)
        engine = original(target, **options)
        sa.event.listen(engine, "connect", hurry)
        return engine

    for module in (sa, sa.engine, engine_module):
        module.create_engine = create_engine  # type: ignore[attr-defined]  # the fence
    # What is imported later takes the one above.
    async_module: Any = sys.modules.get("sqlalchemy.ext.asyncio.engine")
    if async_module is not None:
        async_module._create_engine = create_engine


def choose_async(asked: sa.URL, scratch: sa.URL) -> sa.URL:
    """Name the scratch database by an asyncio driver that is there: the one asked for, if it is."""
    engine = scratch.get_backend_name()
    known = _ASYNC_DRIVERS[engine]
    found = [driver for driver in known if importlib.util.find_spec(driver)]
    if not found:
        message = f"an asyncio engine on {engine} needs {' or '.join(known)}: install one"
        raise ModuleNotFoundError(message)
    wanted = asked.drivername.partition("+")[2]
    return scratch.set(drivername=f"{engine}+{wanted if wanted in found else found[0]}")


def _guard_statements(scratch: sa.URL) -> None:
    """Send no statement that leaves the database, whichever engine or driver is to send it."""
    backend = scratch.get_backend_name()
    if backend == "sqlite":
        _forbid_attaching()
        return
    is_mysql = backend in ("mysql", "mariadb")
    others = _list_databases(scratch) - {scratch.database} if is_mysql else set()

    def judge(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        require_inside(statement, is_mysql=is_mysql, others=others)

    sa.event.listen(sa.Engine, "before_cursor_execute", judge)
    if is_mysql:
        _guard_pymysql(others, str(scratch.database))


def _list_databases(scratch: sa.URL) -> set[Any]:
    engine = sa.create_engine(scratch, poolclass=NullPool)
    with engine.connect() as connection:
        return set(connection.exec_driver_sql("SHOW DATABASES").scalars())


def _guard_pymysql(others: Collection[str], own: str) -> None:
    """Judge what is sent past SQLAlchemy too."""
    with contextlib.suppress(ImportError):
        from pymysql.connections import Connection  # noqa: PLC0415 - a driver it may not have

        query, select_db = Connection.query, Connection.select_db

        def guarded_query(self: Any, sql: Any, *arguments: Any, **options: Any) -> Any:
            text = sql.decode("utf-8", "replace") if isinstance(sql, bytes | bytearray) else sql
            require_inside(text, is_mysql=True, others=others)
            return query(self, sql, *arguments, **options)

        def guarded_select_db(self: Any, db: str) -> None:
            if db != own:
                refuse(f"the database {db}")
            select_db(self, db)

        Connection.query = guarded_query  # type: ignore[method-assign]  # the fence
        Connection.select_db = guarded_select_db  # type: ignore[method-assign]  # the fence


def _forbid_attaching() -> None:
    """Let SQLite attach no file; ``VACUUM`` attaches a nameless one of its own."""
    connect = sqlite3.connect

    def authorize(action: int, name: str | None, *_rest: Any) -> int:
        is_refused = action == sqlite3.SQLITE_ATTACH and name not in ("", ":memory:")
        return sqlite3.SQLITE_DENY if is_refused else sqlite3.SQLITE_OK

    def guarded(*arguments: Any, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        connection.set_authorizer(authorize)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = guarded


def _make_audit(scratch: sa.URL) -> Callable[[str, tuple[Any, ...]], None]:
    """Watch what Python itself connects and starts: sockets, SQLite files, programs."""
    is_file = scratch.get_backend_name() == "sqlite"
    file = Path(scratch.database or "").resolve() if is_file else None
    addresses = frozenset() if is_file else _list_addresses(scratch)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect" and not _is_own_file(arguments[0], file):
            refuse(f"the SQLite file {arguments[0]!r}")
        if event in _PROCESSES:
            _refuse_process(event)
        if event == "socket.connect" and _shorten(arguments[1]) not in addresses:
            refuse(str(_shorten(arguments[1])))

    return audit


def _list_addresses(scratch: sa.URL) -> frozenset[Any]:
    """List what the scratch server's name stands for; a migration needs no other network."""
    port = scratch.port or {"postgresql": 5432}.get(scratch.get_backend_name(), 3306)
    found: set[Any] = {scratch.query.get("unix_socket")}
    with contextlib.suppress(OSError):
        found |= {_shorten(item[4]) for item in socket.getaddrinfo(scratch.host, port)}
    return frozenset(found)


def _shorten(address: Any) -> Any:
    """Leave out the flow and scope of an IPv6 address."""
    return address[:2] if isinstance(address, tuple) else address


def _is_own_file(database: Any, file: Path | None) -> bool:
    text = os.fsdecode(database)
    if text in (":memory:", ""):
        return True
    path = text.removeprefix("file:").partition("?")[0]
    return file is not None and Path(path).resolve() == file


def _refuse_process(event: str) -> None:
    message = f"refused to start a program ({event}): migrations are replayed without any"
    raise ProcessRefused(message)
