"""The part of an adapter that runs statements: within a deadline, with errors of one tree."""

from __future__ import annotations

import logging
import re
import time
from typing import Any, Final

from bilayer.runtime.adapters.connections import PooledConnections
from bilayer.runtime.engines.questions import TRUSTED_SECONDS
from bilayer.runtime.errors import (
    ConnectionLost,
    DatabaseError,
    DeadlineExceeded,
    OutcomeUnknown,
    RawSQLRefused,
    StatementTimeout,
    TransactionAborted,
)
from bilayer.runtime.guard import shortest
from bilayer.runtime.session import Session

log = logging.getLogger("bilayer.runtime")

_CONTROL: Final = re.compile(
    r"\s*(BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|END|ABORT|SAVEPOINT|RELEASE)\b", re.IGNORECASE
)
_CHANGES_NOTHING: Final = ("SELECT", "BEGIN", "START TRANSACTION", "SET ", "PRAGMA")
_ENDS: Final = ("COMMIT", "ROLLBACK", "PRAGMA query_only=OFF")
"""What ends a transaction or a part of it, and leaves the connection as it was before."""
_KEEPS: Final = "RELEASE "
"""What ends a part of it too, unless it takes work along: that is done in the caller's time."""


def _can_repeat(session: Session, sql: str) -> bool:
    """Tell whether a statement has no effect if its answer is lost."""
    return session.depth > 0 or sql.startswith(_CHANGES_NOTHING)


class RunningStatements(PooledConnections):
    """Statements with bind parameters on the connection of the calling thread.

    Attributes:
        deadline_seconds: How long a statement may take before the watchdog cuts it.
        echo: Log every statement, without its values.
    """

    deadline_seconds: float
    echo: bool

    def _initialize_(self) -> None:
        super()._initialize_()
        self.deadline_seconds = self.adapter_args["deadline_seconds"]
        self.echo = self.adapter_args["echo"]

    # -- what each engine says for itself

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:
        """Give the error of our tree for one of the driver's."""
        raise NotImplementedError

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
        session = self.session
        if session.connection is None:
            self._ready(asked=not _can_repeat(session, sql))
        if session.failed:
            raise TransactionAborted(
                "an earlier statement of this transaction failed; roll it back"
            )
        if parameters is not None and not parameters:
            # Drivers disagree about percent signs beside an empty list of parameters.
            sql, parameters = self.unescape(sql), None
        if session.is_proven and session.opening is None:
            return self._send(session, sql, parameters)
        if not _can_repeat(session, sql):  # a connection that was taken and not used yet
            self._send_first(session, "SELECT 1", None)
            return self._send(session, sql, parameters)
        return self._send_first(session, sql, parameters)

    def run_ahead(self, sql: str, parameters: Any) -> None:
        """Send a statement whose answer nobody needs, at the latest with COMMIT if that is cheaper.

        What is wrong with it is raised by the statement that takes it along.
        """
        self.run(sql, parameters)

    def _send_first(self, session: Session, sql: str, parameters: Any) -> Any:
        """Send what has no effect if its answer is lost; again, if nobody was there.

        Until it commits, a transaction has none; its beginning is sent with its first statement.
        """
        opening = session.opening
        try:
            return self._send(session, sql, parameters)
        except ConnectionLost:
            if session.was_silent or (session.depth and opening is None):
                raise
        session.opening = opening
        self._ready(asked=True)  # without a connection the block stays doomed
        session.failed = session.lost = False
        return self._send(session, sql, parameters)

    def settle(self) -> None:
        """Have a connection that answers, and nothing left to send: what follows is sent alone."""
        session = self._ready(asked=True)
        if session.failed:
            return
        if session.opening is not None or not session.is_proven:
            self._send_first(session, "SELECT 1", None)
        elif session.ahead:
            self._send(session, "SELECT 1", None)

    def _send(self, session: Session, sql: str, parameters: Any) -> Any:
        watch = session.watch
        seconds = self.deadline_seconds if self.guard is None else self.seconds_for(sql, session)
        opening, ahead = session.opening, session.ahead
        if opening is not None:
            sql = f"{opening}; {sql}"
        if ahead:
            sql, parameters = self.one_message([*ahead, (sql, parameters)])
        if self.echo:
            log.info("%s", sql)
        now = time.monotonic()
        session.silent_at = now + min(TRUSTED_SECONDS, seconds / 2)
        watch.deadline = now + seconds
        try:
            if opening is not None or ahead:  # not before: what is not sent must not be forgotten
                session.opening, session.ahead = None, []
            answer = self.send(session.cursor, sql, parameters)
        except self.driver.Error as caught:
            failure = self._failure(session, caught, sql)
        except Exception:  # the driver could not even write it: nothing was sent
            session.opening, session.ahead = opening, ahead
            raise
        except BaseException:  # interrupted: the protocol is out of step
            session.failed = session.lost = session.depth > 0
            self.discard()
            raise
        else:
            session.is_proven = True
            if session.ticket is not None:
                session.ticket.judge(is_answered=True)
            return answer
        finally:
            watch.deadline = None
        raise failure  # outside the handler, so that the driver's text is not chained to it

    def begin_or_discard(self, sql: str) -> None:
        """Begin a transaction whose settings were sent; if it fails, nobody inherits them."""
        try:
            self.run(sql)
        except DatabaseError:
            self.discard()
            raise

    def send(self, cursor: Any, sql: str, parameters: Any) -> Any:
        """Call the driver."""
        return cursor.execute(sql, parameters)

    def seconds_for(self, sql: str, session: Session) -> float:
        """Tell how long a statement may take; what ends a transaction always has its time.

        Raises:
            DeadlineExceeded: The caller has no time left.
        """
        session.watch.overdue = session.is_hurried = False
        if sql.startswith(_ENDS) or (sql.startswith(_KEEPS) and not session.ahead):
            return self.deadline_seconds
        seconds = shortest(self.deadline_seconds, self.guard)
        if seconds <= 0:
            session.failed = session.depth > 0
            raise DeadlineExceeded("the time of the caller is over; nothing was sent")
        session.is_hurried = seconds < self.deadline_seconds
        return seconds

    def _failure(self, session: Session, caught: Exception, sql: str) -> DatabaseError:
        # PyMySQL gives up by itself; a connection that is gone says so at once.
        session.was_silent = time.monotonic() > session.silent_at
        was_hurried = session.watch.overdue and session.is_hurried
        is_gone = self.is_disconnect(caught)
        if is_gone:
            error = self._lost(session, sql, was_hurried=was_hurried)
        else:
            error = self._refused(session, caught, was_hurried=was_hurried)
        # An old connection that is gone says nothing of the database; the next one will.
        is_telling = session.is_proven or session.was_silent or not is_gone
        if session.ticket is not None and is_telling and not was_hurried:
            session.ticket.judge(is_answered=not isinstance(error, ConnectionLost))
        if is_gone:
            self.discard()
            session.lost = session.depth > 0
        session.watch.overdue = False
        session.failed = session.depth > 0
        return error

    def _refused(self, session: Session, caught: Exception, *, was_hurried: bool) -> DatabaseError:
        """Translate the error of a connection that goes on."""
        error = self.translate(caught, session.connection.dbapi_connection)
        session.lost = session.depth > 0 and self.ended_transaction(error, session.connection)
        if was_hurried and isinstance(error, StatementTimeout):
            return DeadlineExceeded("the time of the caller was over", code=error.code)
        return error

    def _lost(self, session: Session, sql: str, *, was_hurried: bool) -> DatabaseError:
        """Say what is known of a statement whose connection is gone."""
        seconds = f" within {self.deadline_seconds:g} s" if session.watch.overdue else ""
        if not session.depth and not sql.startswith(_CHANGES_NOTHING):
            # A write outside a transaction commits itself: perhaps only the answer was lost.
            return OutcomeUnknown(f"the database did not answer{seconds}")
        if was_hurried:
            return DeadlineExceeded("the time of the caller was over")
        return ConnectionLost(f"the database did not answer{seconds}")

    def is_disconnect(self, caught: Exception) -> bool:
        """Tell whether the connection cannot be used any more."""
        dialect: Any = self.engine.dialect
        session = self.session
        return bool(dialect.is_disconnect(caught, session.connection, session.cursor))

    def ended_transaction(self, error: DatabaseError, connection: Any) -> bool:  # noqa: ARG002
        """Tell whether the server rolled the whole transaction back with the error."""
        return False
