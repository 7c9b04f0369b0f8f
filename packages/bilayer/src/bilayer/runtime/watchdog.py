"""A deadline for every statement, kept by one thread per process and database.

libpq waits for an answer without limit: a peer that accepts TCP but stops answering holds the
thread for ever, and neither ``statement_timeout`` nor keepalives help. PyMySQL has socket
timeouts, SQLite has none of its own. The watchdog looks at the running statements a few times a
second and cuts those that are overdue; a statement pays two attribute writes for it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Final

from bilayer.runtime.session import Watch

CHECK_INTERVAL_SECONDS: Final = 0.2


class Watchdog:
    """Cuts statements that run past their deadline.

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
        self._stopped = threading.Event()

    def add(self, watch: Watch) -> None:
        """Watch one thread's session; starts the thread, also anew after a fork."""
        with self._lock:
            self._watches.add(watch)
            if self._thread is None or self._process != os.getpid():
                self._process = os.getpid()
                self._stopped = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopped,), name="bilayer-watchdog", daemon=True
                )
                self._thread.start()

    def guard(self, call: Callable[[Any], Any], seconds: float) -> Callable[[Any], Any]:
        """Give a call on a driver's connection a deadline."""

        def guarded(connection: Any) -> Any:
            watch = Watch()
            watch.connection = connection
            watch.deadline = time.monotonic() + seconds
            self.add(watch)
            try:
                return call(connection)
            finally:
                watch.deadline = None

        return guarded

    def stop(self) -> None:
        """End the thread; a later ``add`` starts it again."""
        with self._lock:
            self._stopped.set()
            self._thread = None

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

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.wait(CHECK_INTERVAL_SECONDS):
            now = time.monotonic()
            with self._lock:
                watches = list(self._watches)
            for watch in watches:
                deadline, connection = watch.deadline, watch.connection
                if deadline is not None and now > deadline and connection is not None:
                    watch.overdue = True
                    self._cut(connection)
