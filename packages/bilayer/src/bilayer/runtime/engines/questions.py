"""What SQLAlchemy asks a connection by itself, within a deadline."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bilayer.runtime.guard import Guard, shortest
from bilayer.runtime.watchdog import Watchdog


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
