"""A deadline for every statement, kept by one thread per process and database.

libpq waits for an answer without limit: a peer that accepts TCP but stops answering holds the
thread for ever, and neither ``statement_timeout`` nor keepalives help. PyMySQL has socket
timeouts, SQLite has none of its own. The watchdog looks at the running statements a few times a
second and cuts those that are overdue; a statement pays two attribute writes for it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from bilayer.runtime.session import Watch

log = logging.getLogger("bilayer.runtime")

CHECK_INTERVAL_SECONDS: Final = 0.2


class Watchdog:
    """Cuts statements that run past their deadline.

    Its thread starts with the first connection and ends when no thread holds one.

    Args:
        cut: Called in the watchdog's thread with the driver's connection; it must make the
            waiting call of the other thread return.
    """

    def __init__(self, cut: Callable[[Any], None]) -> None:
        self._cut = cut
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0

    def add(self, watch: Watch) -> None:
        """Watch one thread's session; starts the watchdog's thread, also anew after a fork."""
        with self._lock:
            self._watches.add(watch)
            is_running = self._thread is not None and self._thread.is_alive()
            if not is_running or self._process != os.getpid():
                self._process = os.getpid()
                self._thread = threading.Thread(
                    target=self._run, name="bilayer-watchdog", daemon=True
                )
                self._thread.start()

    @contextmanager
    def deadline(self, connection: Any, seconds: float) -> Iterator[None]:
        """Give what happens on a driver's connection outside of statements a deadline."""
        watch = Watch()
        watch.connection = connection
        watch.deadline = time.monotonic() + seconds
        self.add(watch)
        try:
            yield
        finally:
            watch.connection = watch.deadline = None

    def pin(self) -> list[Watch]:
        """Give the watches of all threads, and let none come or go until ``unpin``."""
        self._lock.acquire()
        return list(self._watches)

    def unpin(self) -> None:
        """Let threads come and go again."""
        self._lock.release()

    def renew(self) -> None:
        """Forget, in a forked child, the parent's thread, its lock and what it watched."""
        self._lock = threading.Lock()
        self._watches = weakref.WeakSet()
        self._thread = None

    def _run(self) -> None:
        while self._look():
            time.sleep(CHECK_INTERVAL_SECONDS)

    def _look(self) -> bool:
        """Cut what is overdue; tell whether there is anything left to watch.

        A method of its own, so that no local keeps the session of a dead thread alive.
        """
        now = time.monotonic()
        with self._lock:
            watches = [watch for watch in self._watches if watch.connection is not None]
            if not watches:
                self._thread = None
                return False
        for watch in watches:
            deadline, connection = watch.deadline, watch.connection
            if deadline is not None and now > deadline and connection is not None:
                watch.overdue = True
                self._try_to_cut(connection)
        return True

    def _try_to_cut(self, connection: Any) -> None:
        try:
            self._cut(connection)
        except Exception:  # noqa: BLE001 - whatever a closed connection says; others need the watchdog
            log.debug("a connection was closed before it could be cut")
