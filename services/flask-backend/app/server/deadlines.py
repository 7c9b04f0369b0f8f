"""Total deadlines of connections: the moment at which one is cut, however busy it seems."""

import threading
import time
from contextlib import suppress
from typing import Any


class Deadlines:
    """At most one deadline for each connection, on the monotonic clock. Any thread may set one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[Any, tuple[float, int]] = {}

    def set(self, conn: Any, moment: float, how: int) -> None:
        """Shut the socket of ``conn`` down at a moment, instead of at the one set before.

        Args:
            conn: A connection of gunicorn's.
            moment: In seconds of ``time.monotonic``.
            how: ``SHUT_RD``: a thread that reads sees the end of the request and goes on to
                answer. ``SHUT_RDWR``: nothing more is read or sent.
        """
        with self._lock:
            self._deadlines[conn] = moment, how

    def clear(self, conn: Any) -> None:
        """Let ``conn`` take its time again."""
        with self._lock:
            self._deadlines.pop(conn, None)

    def cut_overdue(self) -> None:
        """Shut every overdue connection down, once."""
        now = time.monotonic()
        with self._lock:
            overdue = [(conn, how) for conn, (at, how) in self._deadlines.items() if at < now]
            for conn, _how in overdue:
                del self._deadlines[conn]
        for conn, how in overdue:
            with suppress(OSError):
                conn.sock.shutdown(how)
