"""What one thread holds of one database: its connection, its cursor and its transaction.

The state lives in the adapter object. PyDAL keeps it under ``id(adapter)`` in a global
thread-local, where a new object at an old address inherits another database's connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bilayer.runtime.guard import Ticket


class Watch:
    """What the watchdog may see of a session from its own thread.

    Attributes:
        connection: The driver's connection.
        pooled: The pool's hold of it, so that a fork can keep it from being finalised.
        deadline: Monotonic time in seconds at which the running statement is cut; None between
            statements.
        overdue: The running statement was cut.
    """

    __slots__ = ("__weakref__", "connection", "deadline", "overdue", "pooled")

    def __init__(self) -> None:
        self.connection: Any = None
        self.pooled: Any = None
        self.deadline: float | None = None
        self.overdue = False


class Session(threading.local):
    """The state of the current thread.

    Attributes:
        connection: The pooled connection, None while the thread holds none.
        cursor: Its cursor.
        blocks: The open ``transaction()`` blocks, outermost first.
        readonly: The open transaction was begun read only.
        failed: A statement failed; everything up to the innermost savepoint must be rolled back.
        lost: The whole transaction is gone on the server; no savepoint brings it back.
        watch: What the watchdog sees.
        ticket: The guard's admission of the connection, where there is a guard.
        is_hurried: The running statement has less time than statements have.
        savepoints: How many savepoints the transaction has had.
        ahead: Statements, each with its parameters, that the next one takes along.
        opening: What begins the transaction and has not been sent: the first statement takes it
            along.
        silent_at: Monotonic time in seconds after which its connection was not gone, but silent.
        was_silent: The last statement that failed had waited for an answer.
        is_proven: The connection has answered since it was taken.
        is_doubtful: The next connection must answer before it is taken.
    """

    def __init__(self) -> None:
        self.connection: Any = None
        self.cursor: Any = None
        self.watch = Watch()
        self.ticket: Ticket | None = None
        self.is_hurried = self.was_silent = False
        self.silent_at = 0.0
        self.is_proven = self.is_doubtful = False
        self.end_transaction()

    def open(self, connection: Any, open_cursor: Callable[[Any], Any], *, is_proven: bool) -> None:
        """Take a connection of the pool into this thread."""
        self.connection = connection
        self.is_proven = is_proven
        self.cursor = open_cursor(connection)
        self.watch.connection = connection.dbapi_connection
        self.watch.pooled = connection

    def close(self, give_up: Callable[[], None]) -> None:
        """Hold no connection any more.

        Args:
            give_up: Returns it to the pool, or throws it away.
        """
        self.connection = self.cursor = self.watch.connection = self.watch.pooled = None
        ticket, self.ticket = self.ticket, None
        try:
            give_up()
        finally:
            if ticket is not None:
                ticket.end()

    @property
    def depth(self) -> int:
        """How many blocks are open: 0 outside, 1 inside, more inside savepoints."""
        return len(self.blocks)

    def end_transaction(self) -> None:
        """Be outside of any transaction again."""
        self.blocks: list[Any] = []
        self.opening: str | None = None
        self.ahead: list[tuple[str, Any]] = []
        self.savepoints = 0
        self.readonly = self.failed = self.lost = False
