"""The part of an adapter that holds connections and runs statements.

PyDAL's own connection handling is replaced as a whole: connections come from a SQLAlchemy pool,
one per thread at a time, always in the driver's autocommit mode.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Any, Final

import sqlalchemy as sa

from bilayer.runtime.adapters.binding import BoundParameters
from bilayer.runtime.engines.questions import bound_questions
from bilayer.runtime.errors import (
    ConnectionLost,
    DatabaseError,
    OutcomeUnknown,
    PoolTimeout,
    RawSQLRefused,
    TransactionAborted,
    TransactionMisuse,
)
from bilayer.runtime.session import Session
from bilayer.runtime.watchdog import Watchdog

log = logging.getLogger("bilayer.runtime")

_CONTROL: Final = re.compile(
    r"\s*(BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|END|ABORT|SAVEPOINT|RELEASE)\b", re.IGNORECASE
)
_CHANGES_NOTHING: Final = ("SELECT", "BEGIN", "START TRANSACTION", "SET ", "PRAGMA")


class PooledConnections(BoundParameters):
    """Connections from ``engine``, statements with bind parameters, errors of one tree.

    Attributes:
        engine: The SQLAlchemy engine that owns URL, driver and pool.
        deadline_seconds: How long a statement may take before the watchdog cuts it.
        echo: Log every statement, without its values.
        session: The state of the calling thread.
    """

    engine: sa.Engine
    deadline_seconds: float
    echo: bool
    watchdog: Watchdog

    # PyDAL 3.x would render statements with a compiler that threads share; without one it takes
    # the dialect path, where every value passes represent().
    compiler = property(lambda _self: None, lambda _self, _value: None)

    def _initialize_(self) -> None:
        self.engine = self.adapter_args["engine"]
        self.deadline_seconds = self.adapter_args["deadline_seconds"]
        self.echo = self.adapter_args["echo"]
        self.pool_size = 0
        self.folder = ""
        self.session = Session()
        self.watchdog = Watchdog(self.cut)
        bound_questions(self.engine, self.watchdog, self.adapter_args["ping_seconds"])

    # -- what each engine says for itself

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:
        """Give the error of our tree for one of the driver's."""
        raise NotImplementedError

    def cut(self, connection: Any) -> None:
        """Make a statement that another thread waits for return with an error."""
        raise NotImplementedError

    # -- connections

    @property
    def cursor(self) -> Any:
        """The cursor of the calling thread; takes a connection if it has none."""
        return self._ready().cursor

    def get_connection(self, use_pool: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002 - PyDAL
        """Give the calling thread's connection (PyDAL's name for it)."""
        return self._ready().connection

    def set_connection(self, connection: Any, run_hooks: bool = False) -> None:  # noqa: FBT001, FBT002
        """Do nothing: PyDAL calls this while it constructs an adapter."""

    def reset_cursor(self) -> None:
        """Use a new cursor; the old one belongs to an iteration that goes on."""
        session = self._ready()
        session.cursor = self.open_cursor(session.connection)

    def open_cursor(self, connection: Any) -> Any:
        """Open a cursor that has fetched everything when a statement returns."""
        return connection.cursor()

    def _ready(self) -> Session:
        session = self.session
        if session.connection is None:
            if session.depth:
                raise TransactionAborted("the connection of this transaction was lost")
            session.open(self._checkout(), self.open_cursor)
            self.watchdog.add(session.watch)
        return session

    def _checkout(self) -> Any:
        try:
            return self.engine.raw_connection()
        except sa.exc.TimeoutError:
            failure: DatabaseError = PoolTimeout("no connection became free in time")
        except sa.exc.DBAPIError as caught:
            failure = self._unreachable(caught.orig or caught)
        except self.driver.Error as caught:
            failure = self._unreachable(caught)
        raise failure

    def _unreachable(self, caught: BaseException) -> DatabaseError:
        number = caught.args[0] if caught.args and isinstance(caught.args[0], int) else None
        code = getattr(caught, "sqlite_errorname", None) or (str(number) if number else None)
        return ConnectionLost("could not connect to the database", code=code)

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
            session.close()
            connection.close()

    def discard(self) -> None:
        """Throw the calling thread's connection away; nobody may use it again."""
        session = self.session
        connection = session.connection
        if connection is not None:
            session.close()
            connection.invalidate()

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

    # -- statements

    def execute(self, sql: str, placeholders: Any = None) -> Any:
        """Run a statement of PyDAL (with tokens) or of ``executesql`` (with placeholders).

        Raises:
            DatabaseError: One of the tree in ``bilayer.runtime.errors``.
        """
        if _CONTROL.match(sql):
            raise RawSQLRefused("transactions are begun and ended by transaction() only")
        if placeholders is None and "\x01" in sql:
            sql, placeholders = self.bind(sql)
        return self.run(sql, placeholders)

    def run(self, sql: str, parameters: Any = None) -> Any:
        """Send one statement with driver parameters.

        Raises:
            TransactionAborted: An earlier statement of the transaction failed.
            DatabaseError: The driver's error, translated; it names no values.
        """
        session = self._ready()
        if session.failed:
            raise TransactionAborted(
                "an earlier statement of this transaction failed; roll it back"
            )
        if parameters is not None and not parameters:
            # Drivers disagree about percent signs beside an empty list of parameters.
            sql, parameters = self.unescape(sql), None
        if self.echo:
            log.info("%s", sql)
        watch = session.watch
        watch.deadline = time.monotonic() + self.deadline_seconds
        try:
            return self.send(session.cursor, sql, parameters)
        except self.driver.Error as caught:
            failure = self._failure(session, caught, sql)
        except BaseException as caught:
            if not isinstance(caught, Exception):  # interrupted: the protocol is out of step
                session.failed = session.lost = session.depth > 0
                self.discard()
            raise
        finally:
            watch.deadline = None
        raise failure  # outside the handler, so that the driver's text is not chained to it

    def send(self, cursor: Any, sql: str, parameters: Any) -> Any:
        """Call the driver."""
        return cursor.execute(sql, parameters)

    def _failure(self, session: Session, caught: Exception, sql: str) -> DatabaseError:
        connection = session.connection
        if self.is_disconnect(caught):
            self.discard()
            seconds = f" within {self.deadline_seconds:g} s" if session.watch.overdue else ""
            # A write outside a transaction commits itself: perhaps only the answer was lost.
            may_have_committed = not session.depth and not sql.startswith(_CHANGES_NOTHING)
            kind = OutcomeUnknown if may_have_committed else ConnectionLost
            error: DatabaseError = kind(f"the database did not answer{seconds}")
            session.lost = session.depth > 0
        else:
            error = self.translate(caught, connection.dbapi_connection)
            session.lost = session.depth > 0 and self.ended_transaction(error, connection)
        session.watch.overdue = False
        session.failed = session.depth > 0
        return error

    def is_disconnect(self, caught: Exception) -> bool:
        """Tell whether the connection cannot be used any more."""
        dialect: Any = self.engine.dialect
        session = self.session
        return bool(dialect.is_disconnect(caught, session.connection, session.cursor))

    def ended_transaction(self, error: DatabaseError, connection: Any) -> bool:  # noqa: ARG002
        """Tell whether the server rolled the whole transaction back with the error."""
        return False
