"""What SQLAlchemy asks a connection by itself, within a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime.guard import Guard, shortest
from bilayer.runtime.watchdog import Watchdog

TRUSTED_SECONDS: Final = 1.0
"""How long after its last answer a connection is lent without being asked whether it is there.

Asking costs a round trip for each use. Whoever got such a connection asks with the first statement,
and sends that again over another one if nobody is there.
"""

_ANSWERED: Final = "answered"
_IS_PROVEN: Final = "is_proven"


def bound_questions(
    engine: sa.Engine, watchdog: Watchdog, seconds: float, guard: Guard | None
) -> None:
    """Give the ping before a connection is lent, and what is learned of a server, a deadline.

    They are the only statements that do not pass the adapter; a silent peer would hold them, and
    with them the pool, for ever.
    """
    dialect: Any = engine.dialect
    ping, initialize = dialect.do_ping, dialect.initialize

    def bounded_ping(connection: Any) -> Any:
        with watchdog.deadline(connection, shortest(seconds, guard)):
            return ping(connection)

    def bounded_initialize(connection: sa.Connection) -> None:
        longest = shortest(seconds, guard)
        with watchdog.deadline(connection.connection.dbapi_connection, longest):
            initialize(connection)

    dialect.do_ping, dialect.initialize = bounded_ping, bounded_initialize


def ask_before_lending(engine: sa.Engine, is_doubted: Callable[[], bool]) -> None:
    """Ask a connection of the pool whether it is still there, unless it has just answered.

    Args:
        engine: Asks nobody by itself.
        is_doubted: Whether the calling thread wants one that answers, however fresh.
    """
    dialect: Any = engine.dialect

    @event.listens_for(engine, "connect")
    def _answered(_connection: Any, record: Any) -> None:
        note_answer(record.info)

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _pooled: Any) -> None:
        info = record.info
        idle = time.monotonic() - info[_ANSWERED]
        info[_IS_PROVEN] = is_doubted() or idle > TRUSTED_SECONDS
        if info[_IS_PROVEN] and not _answers(dialect, connection):
            # The others of its age are gone too, as a rule: the server was restarted.
            raise sa.exc.InvalidatePoolError


def note_answer(info: Any) -> None:
    """Remember that a connection is there now."""
    info[_ANSWERED] = time.monotonic()


def is_proven(info: Any) -> bool:
    """Tell whether a connection was asked when it was lent."""
    return bool(info.get(_IS_PROVEN, True))


def _answers(dialect: Any, connection: Any) -> bool:
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        if dialect.is_disconnect(error, connection, None):
            return False
        raise
    return True
