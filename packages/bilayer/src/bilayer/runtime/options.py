"""The settings of a connection, common to the three engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bilayer.runtime.guard import Guard

_SHORTEST: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """How connections are made and how long things may take; all times in seconds.

    Attributes:
        pool_size: Connections kept open.
        max_overflow: Further connections opened under load and closed afterwards.
        pool_timeout: How long to wait for a free connection.
        pool_recycle: Age at which a connection is replaced.
        pre_ping: Test a connection when it is taken from the pool, unless it answered within the
            last second; then its first statement is the test, and is sent again over another one.
        echo: Log every statement, without its values, to the logger ``bilayer.runtime``.
        connect_timeout: How long a new connection may take.
        read_timeout: How long an answer may take before the connection is given up; must be
            longer than ``statement_timeout``, which the server keeps.
        statement_timeout: How long one statement may take on the server, its waits included.
        lock_timeout: How long a statement waits for a lock; 2 by default, and 5 on SQLite, which
            does not serve its waiters in order. MariaDB counts whole seconds.
        idle_in_transaction_timeout: How long a transaction may do nothing (PostgreSQL).
        application_name: What the server's list of connections shows (PostgreSQL).
        session_settings: Send the settings when a connection is made. Behind a transaction
            pooler such as PgBouncer they stand on the database role instead.
        guard: Decides who may take a connection, and how long what follows may take.
    """

    pool_size: int = 10
    max_overflow: int = 20
    pool_timeout: float = 30.0
    pool_recycle: int = 3600
    pre_ping: bool = True
    echo: bool = False
    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    statement_timeout: float = 5.0
    lock_timeout: float | None = None
    idle_in_transaction_timeout: float = 10.0
    application_name: str = "bilayer"
    session_settings: bool = True
    guard: Guard | None = None

    def __post_init__(self) -> None:
        times = (
            self.pool_timeout,
            self.connect_timeout,
            self.statement_timeout,
            self.idle_in_transaction_timeout,
            self.lock_seconds,
        )
        if min(times) < _SHORTEST:  # servers read 0 as no limit
            raise ValueError(f"a timeout is at least {_SHORTEST} s")
        if self.read_timeout <= self.statement_timeout:
            raise ValueError("read_timeout must be longer than statement_timeout")

    @property
    def lock_seconds(self) -> float:
        """The lock timeout where the default is that of a server."""
        return 2.0 if self.lock_timeout is None else self.lock_timeout

    @property
    def embedded_lock_seconds(self) -> float:
        """The lock timeout where the default is SQLite's."""
        return 5.0 if self.lock_timeout is None else self.lock_timeout
