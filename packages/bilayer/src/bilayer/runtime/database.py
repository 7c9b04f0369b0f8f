"""One database of a process: its engine and pool, its DAL, its transactions."""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa

from bilayer.runtime.adapters import MySQLAdapter, PostgreSQLAdapter, SQLiteAdapter
from bilayer.runtime.adapters.base import NativeAdapter
from bilayer.runtime.dal import DAL
from bilayer.runtime.engines import mysql, postgresql, sqlite
from bilayer.runtime.errors import TransactionMisuse, UnsupportedDefinition
from bilayer.runtime.options import ConnectOptions
from bilayer.runtime.pydal_compat import adapters, forget_instance
from bilayer.runtime.subscribers import Subscriber
from bilayer.runtime.transaction import Isolation, Transaction
from bilayer.urls import EngineName, engine_name, parse_url

_MAKERS: Final[dict[EngineName, Callable[[sa.URL, ConnectOptions], sa.Engine]]] = {
    "sqlite": sqlite.create_engine,
    "postgresql": postgresql.create_engine,
    "mysql": mysql.create_engine,
}
_ADAPTERS: Final[dict[EngineName, type[NativeAdapter]]] = {
    "sqlite": SQLiteAdapter,
    "postgresql": PostgreSQLAdapter,
    "mysql": MySQLAdapter,
}
for _name, _adapter in _ADAPTERS.items():
    adapters.register_for(f"bilayer_{_name}")(_adapter)
_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_pinned: list[tuple[Database, Any]] = []  # only while a fork is under way
_inherited: list[Any] = []  # a parent's connections, kept so that nobody closes them


class Database:
    """A database with its pool of connections and its DAL; make one per process.

    Safe to share between threads, each of which holds at most one connection at a time, and to
    inherit through ``fork``.

    Attributes:
        engine: The SQLAlchemy engine below PyDAL.
        engine_name: ``sqlite``, ``postgresql`` or ``mysql``.
        dal: The PyDAL database; define tables on it.
    """

    def __init__(self, engine: sa.Engine, options: ConnectOptions) -> None:
        self.engine = engine
        self.engine_name = engine_name(engine.dialect.name)
        # SQLite has no server that could stop a statement; the watchdog does it there.
        is_embedded = self.engine_name == "sqlite"
        deadline = options.statement_timeout if is_embedded else options.read_timeout
        self.dal = DAL(
            # PyDAL's caches use the URI as the database's identity, so each gets its own.
            f"bilayer_{self.engine_name}://{uuid.uuid4().hex}",
            migrate=False,
            migrate_enabled=False,
            attempts=1,
            adapter_args={
                "engine": engine,
                "deadline_seconds": deadline,
                "ping_seconds": options.connect_timeout,
                "pre_ping": options.pre_ping and not is_embedded,  # a file does not go away
                "echo": options.echo,
                "guard": options.guard,
                "lock_seconds": options.embedded_lock_seconds,
            },
        )
        self._adapter = self.dal._adapter
        _open_databases.add(self)

    @classmethod
    def connect(cls, url: str | sa.URL, **options: Any) -> Database:
        """Make a database from a URL; no connection is opened until it is used.

        Args:
            url: For example ``postgresql://user@host/name``; see ``bilayer.urls.parse_url``.
            **options: The attributes of ``ConnectOptions``; times are in seconds.

        Raises:
            UnsupportedURL: The URL cannot be read or names another engine.
            UnsupportedDefinition: SQLite in memory.
        """
        parsed = parse_url(url)
        chosen = ConnectOptions(**options)
        return cls(_MAKERS[engine_name(parsed.drivername)](parsed, chosen), chosen)

    def transaction(
        self, isolation: Isolation | None = None, *, readonly: bool = False
    ) -> Transaction:
        """Open a transaction, or a savepoint inside one; see ``Transaction``."""
        return Transaction(self._adapter, isolation, readonly=readonly)

    @property
    def in_transaction(self) -> bool:
        """Tell whether the calling thread is inside ``transaction()``."""
        return bool(self._adapter.session.depth)

    def subscribe(self, subscriber: Subscriber, *tables: str) -> None:
        """Let a subscriber take part in the writes of these tables.

        Raises:
            UnsupportedDefinition: A table is not defined.
        """
        for table in tables:
            if table not in self.dal.tables:
                raise UnsupportedDefinition(f"no table is called {table!r}")
        self._adapter.pipeline.subscribe(subscriber, tables)

    def release(self) -> None:
        """Give the calling thread's connection back, at the end of a request.

        Raises:
            TransactionMisuse: A transaction is open.
        """
        self._adapter.release()

    def discard(self) -> None:
        """Throw the calling thread's connection away, which leads to a server that is no use.

        After ``ReadOnly`` for example: a server that was demoted keeps its connections, and a new
        one finds the server that writes now.

        Raises:
            TransactionMisuse: A transaction is open.
        """
        if self.in_transaction:
            raise TransactionMisuse("discard() inside transaction()")
        self._adapter.discard()

    def close(self) -> None:
        """Give the calling thread's connection back and close the pool's idle ones."""
        self._adapter.release()
        self.engine.dispose()
        forget_instance(self.dal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _before_fork() -> None:
    _pinned.extend((each, each._adapter.pin_for_fork()) for each in list(_open_databases))


def _after_fork_in_parent() -> None:
    while _pinned:
        database, _ = _pinned.pop()
        database._adapter.watchdog.unpin()


def _after_fork_in_child() -> None:
    for database, parents in _pinned:
        _inherited.append(parents)
        database._adapter.renew_after_fork()
    _pinned.clear()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
