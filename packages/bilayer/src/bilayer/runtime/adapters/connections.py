"""The part of an adapter that holds connections.

PyDAL's own connection handling is replaced as a whole: connections come from a SQLAlchemy pool,
one per thread at a time, always in the driver's autocommit mode.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from bilayer.runtime.adapters.binding import BoundParameters
from bilayer.runtime.engines.questions import (
    ask_before_lending,
    bound_questions,
    is_proven,
    note_answer,
)
from bilayer.runtime.errors import (
    ConnectionLost,
    DatabaseError,
    DeadlineExceeded,
    PoolTimeout,
    TransactionAborted,
    TransactionMisuse,
)
from bilayer.runtime.guard import Guard, Ticket, shortest
from bilayer.runtime.session import Session
from bilayer.runtime.watchdog import Watchdog

_MOMENT_SECONDS: Final = 0.05


class PooledConnections(BoundParameters):
    """Connections from ``engine``, one for each thread that asks.

    Attributes:
        engine: The SQLAlchemy engine that owns URL, driver and pool.
        guard: Decides who may take a connection; None lets everybody.
        session: The state of the calling thread.
    """

    engine: sa.Engine
    guard: Guard | None
    watchdog: Watchdog

    # PyDAL 3.x would render statements with a compiler that threads share; without one it takes
    # the dialect path, where every value passes represent().
    compiler = property(lambda _self: None, lambda _self, _value: None)

    def _initialize_(self) -> None:
        self.engine = self.adapter_args["engine"]
        self.guard = self.adapter_args["guard"]
        self.pool_size = 0
        self.folder = ""
        self.session = Session()
        self.watchdog = Watchdog(self.cut)
        seconds = self.adapter_args["ping_seconds"]
        bound_questions(self.engine, self.watchdog, seconds, self.guard)
        if self.adapter_args["pre_ping"]:
            ask_before_lending(self.engine, lambda: self.session.is_doubtful)

    # -- what each engine says for itself

    def refusal(self, caught: BaseException) -> DatabaseError | None:
        """Give the error of our tree for a server that is there and refuses a connection."""
        raise NotImplementedError

    def cut(self, connection: Any) -> None:
        """Make a statement that another thread waits for return with an error."""
        raise NotImplementedError

    # -- connections

    @property
    def cursor(self) -> Any:
        """The cursor of the calling thread; takes a connection if it has none."""
        return self._ready(asked=True).cursor

    def get_connection(self, use_pool: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002 - PyDAL
        """Give the calling thread's connection (PyDAL's name for it)."""
        return self._ready(asked=True).connection

    def set_connection(self, connection: Any, run_hooks: bool = False) -> None:  # noqa: FBT001, FBT002
        """Do nothing: PyDAL calls this while it constructs an adapter."""

    def reset_cursor(self) -> None:
        """Use a new cursor; the old one belongs to an iteration that goes on."""
        session = self._ready()
        session.cursor = self.open_cursor(session.connection)

    def open_cursor(self, connection: Any) -> Any:
        """Open a cursor that has fetched everything when a statement returns."""
        return connection.cursor()

    def _ready(self, *, asked: bool = False) -> Session:
        """Give the thread's session with a connection, taking one if it has none.

        Args:
            asked: Take only one that has just answered.
        """
        session = self.session
        if session.connection is None:
            if session.depth and session.opening is None:
                raise TransactionAborted("the connection of this transaction was lost")
            session.is_doubtful = asked
            connection = self._checkout()
            session.open(connection, self.open_cursor, is_proven=is_proven(connection.info))
            self.watchdog.add(session.watch)
        return session

    def _checkout(self) -> Any:
        guard = self.guard
        if guard is None:
            return self._connect()
        self._require_time(guard)
        guard.admit()
        ticket = Ticket(guard)
        try:
            connection = self._connect()
        except DatabaseError as caught:
            failure = self._judge(ticket, caught)
        except BaseException:
            ticket.end()
            raise
        else:
            self.session.ticket = ticket
            return connection
        ticket.end()
        raise failure

    def _require_time(self, guard: Guard) -> None:
        if shortest(1, guard) <= 0:
            raise DeadlineExceeded("the time of the caller is over; nothing was sent")

    def _judge(self, ticket: Ticket, caught: DatabaseError) -> DatabaseError:
        """Tell the guard why there is no connection; without time the database may be well."""
        # A driver gives up by a clock of its own, which may be a moment ahead of the caller's.
        if shortest(1, self.guard) <= _MOMENT_SECONDS:
            return DeadlineExceeded("the time of the caller is over; nothing was sent")
        if isinstance(caught, ConnectionLost):
            ticket.judge(is_answered=False)
        return caught

    def _connect(self) -> Any:
        try:
            return self.engine.raw_connection()
        except sa.exc.TimeoutError:
            failure: DatabaseError = PoolTimeout("no connection became free in time")
        except sa.exc.InvalidRequestError:  # neither an old connection answered nor a new one
            failure = ConnectionLost("no connection to the database answered")
        except sa.exc.DBAPIError as caught:
            failure = self._unreachable(caught.orig or caught)
        except self.driver.Error as caught:
            failure = self._unreachable(caught)
        raise failure

    def _unreachable(self, caught: BaseException) -> DatabaseError:
        number = caught.args[0] if caught.args and isinstance(caught.args[0], int) else None
        code = getattr(caught, "sqlite_errorname", None) or (str(number) if number else None)
        refusal = self.refusal(caught)
        return refusal or ConnectionLost("could not connect to the database", code=code)

    def release(self) -> None:
        """Give the calling thread's connection back to the pool.

        Raises:
            TransactionMisuse: A transaction is open.
        """
        session = self.session
        if session.depth:
            raise TransactionMisuse("release() inside transaction()")
        connection = session.connection
        if connection is not None:
            if session.is_proven:
                note_answer(connection.info)
            session.close(connection.close)

    def discard(self) -> None:
        """Throw the calling thread's connection away; nobody may use it again."""
        session = self.session
        session.opening, session.ahead = None, []
        connection = session.connection
        if connection is not None:
            session.close(connection.invalidate)

    def close(self, action: str = "rollback", really: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        """Give the connection back; PyDAL's ``action`` would commit and is ignored."""
        self.release()

    def pin_for_fork(self) -> tuple[Any, ...]:
        """Give everything that must not be finalised in a forked child.

        A child has only one of the parent's threads. What the others held would be closed there,
        on the parent's sockets, or returned to a pool whose lock nobody releases any more.
        """
        return (self.watchdog.pin(), self.session, self.engine.pool)

    def renew_after_fork(self) -> None:
        """Start with no connections in a forked child."""
        self.session = Session()
        self.engine.dispose(close=False)
        self.watchdog.renew()
        if self.guard is not None:
            self.guard.renew()
