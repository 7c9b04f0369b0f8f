"""The lock that lets one process migrate a database while all others wait.

Nothing else rests on it: on each engine it lives as long as the connection or the open file that
holds it, so that a killed process leaves none behind. It needs a direct connection (a pooler in
transaction mode would hand it to others).
"""

import fcntl
import hashlib
import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, Self

import sqlalchemy as sa

from bilayer.migrate.engines import migration_engine, sqlite_path
from bilayer.migrate.errors import LockNotAcquired, MigrationError
from bilayer.migrate.limits import Limits
from bilayer.urls import engine_name

log = logging.getLogger("bilayer.migrate")

POSTGRESQL_KEY: Final = int.from_bytes(hashlib.sha256(b"bilayer.migrate").digest()[:8], signed=True)
"""The key of the advisory lock; PostgreSQL keeps such keys apart by database."""

MAX_LOCK_NAME: Final = 64
"""Characters in the name of a lock (MySQL's limit; MariaDB's is wider)."""

SECONDS_BETWEEN_MESSAGES: Final = 10.0


class Lock(Protocol):
    """One engine's way to keep others out."""

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it. Never waits."""

    def is_held(self) -> bool:
        """Tell whether this process still has the lock."""


@contextmanager
def migration_lock(url: sa.URL, limits: Limits) -> Iterator[Lock]:
    """Hold the only right to migrate the database at ``url``.

    Raises:
        LockNotAcquired: Another process had it for longer than ``limits.wait``.
    """
    with _lock(url, limits) as lock:
        _wait_for(lock, limits.wait)
        yield lock


def require_held(lock: Lock) -> None:
    """Make sure that no other process can have begun meanwhile.

    Raises:
        MigrationError: The connection that held the lock was lost.
    """
    try:
        is_held = lock.is_held()
    except sa.exc.DBAPIError:
        is_held = False
    if not is_held:
        message = (
            "the connection that held the migration lock was lost; nothing more was applied."
            " Run the command again, over a direct connection to the database"
        )
        raise MigrationError(message)


def lock_name(database: str) -> str:
    """Name the lock after the database, because such names belong to the whole server."""
    name = f"bilayer.migrate.{database}"
    if len(name) <= MAX_LOCK_NAME:
        return name
    return f"bilayer.migrate.{hashlib.sha256(database.encode()).hexdigest()[:32]}"


def _wait_for(lock: Lock, wait: float) -> None:
    began = told = time.monotonic()
    while not lock.try_acquire():
        now = time.monotonic()
        if now - began >= wait:
            message = f"another process has been migrating this database for over {wait:.0f} s"
            raise LockNotAcquired(message)
        if told == began or now - told >= SECONDS_BETWEEN_MESSAGES:
            log.info("Another process is migrating this database; waited %.0f s", now - began)
            told = now
        time.sleep(random.uniform(0.1, 0.3))  # noqa: S311 - spreads the waiters, hides nothing


@contextmanager
def _lock(url: sa.URL, limits: Limits) -> Iterator[Lock]:
    name = engine_name(url.drivername)
    if name == "sqlite":
        path = sqlite_path(url)
        with _FileLock.beside(path) if path else _nobody_else() as lock:
            yield lock
        return
    # A connection of its own, because the lock must outlive the transactions of the migration,
    # and autocommit, because a waiter in a transaction would hold back CREATE INDEX CONCURRENTLY.
    engine = migration_engine(url, limits).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield _PostgreSQLLock(connection) if name == "postgresql" else _MySQLLock(connection)


@contextmanager
def _nobody_else() -> Iterator[Lock]:
    """A database in memory belongs to one connection."""
    yield _NoLock()


class _NoLock:
    def try_acquire(self) -> bool:
        return True

    def is_held(self) -> bool:
        return True


class _FileLock:
    """A lock on a file beside the database; the file stays, because deleting it would race."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    @contextmanager
    def beside(cls, database: Path) -> Iterator[Self]:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = database.with_name(f"{database.name}.migrate-lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            yield cls(descriptor)
        finally:
            os.close(descriptor)

    def try_acquire(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_held(self) -> bool:
        return True


class _PostgreSQLLock:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        # A role or server that ends idle sessions would end the lock with them.
        connection.execute(
            sa.text(
                "SELECT set_config(name, '0', false) FROM pg_settings"
                " WHERE name = 'idle_session_timeout'"
            )
        )

    def try_acquire(self) -> bool:
        statement = sa.text("SELECT pg_try_advisory_lock(:key)")
        return bool(self._connection.scalar(statement, {"key": POSTGRESQL_KEY}))

    def is_held(self) -> bool:
        statement = sa.text(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND pid = pg_backend_pid() AND (classid::bigint << 32 | objid::bigint) = :key)"
        )
        return bool(self._connection.scalar(statement, {"key": POSTGRESQL_KEY}))


class _MySQLLock:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._name = lock_name(connection.engine.url.database or "")
        connection.execute(sa.text("SET SESSION wait_timeout = 28800"))

    def try_acquire(self) -> bool:
        statement = sa.text("SELECT GET_LOCK(:name, 0)")
        return bool(self._connection.scalar(statement, {"name": self._name}))

    def is_held(self) -> bool:
        statement = sa.text("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()")
        return bool(self._connection.scalar(statement, {"name": self._name}))
