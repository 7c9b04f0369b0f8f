"""Who may take a connection of this process's database: the gate in front of the pool.

A circuit breaker keeps everybody away from a database that does not answer. Behind it there are as
many places as connections; who finds none waits a moment, and not as long as the request may take.
"""

import queue
from typing import Final

from app import deadline
from app.breaker import CircuitBreaker
from app.metrics import (
    record_admission_refused,
    record_admission_waiting,
    record_breaker,
)
from bilayer.runtime import CircuitOpen, PoolTimeout

DEPENDENCY: Final = "database"


class Admission:
    """The guard of the service's database (``bilayer.runtime.Guard``).

    Args:
        places: How many connections there may be.
        patience: How many seconds somebody waits for a place.
    """

    def __init__(self, *, places: int, patience: float) -> None:
        self._count = places
        self._patience = patience
        self.breaker = CircuitBreaker(lambda state: record_breaker(DEPENDENCY, state))
        self.renew()

    def renew(self) -> None:
        """Start with every place free, in this process or in a forked child."""
        self.breaker.renew()
        # Unlike a semaphore's, its put() may interrupt anything, also itself: a garbage collector
        # calls leave() when it pleases.
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(self._count):
            self._places.put(None)

    def admit(self) -> None:
        """Let the calling thread take a connection.

        Raises:
            CircuitOpen: The database does not answer; nobody waits for it.
            PoolTimeout: No place became free in time.
        """
        seconds = self.breaker.enter()
        if seconds is not None:
            record_admission_refused()
            raise CircuitOpen("the database does not answer", retry_after=seconds)
        if not self._take_place():
            self.breaker.abandon()
            record_admission_refused()
            raise PoolTimeout("no connection became free in time")

    def connected(self) -> None:
        """Hear that the database answers."""
        self.breaker.succeed()

    def failed(self) -> None:
        """Hear that it does not."""
        self.breaker.fail()

    def leave(self) -> None:
        """Free a place."""
        self.breaker.abandon()
        self._places.put(None)

    def remaining(self) -> float | None:
        """Tell how long the request of the calling thread may still take."""
        return deadline.remaining()

    def _take_place(self) -> bool:
        try:
            self._places.get_nowait()
        except queue.Empty:
            return self._wait_for_place()
        return True

    def _wait_for_place(self) -> bool:
        left = deadline.remaining()
        seconds = self._patience if left is None else min(self._patience, left)
        record_admission_waiting(1)
        try:
            self._places.get(timeout=seconds)
        except queue.Empty:
            return False
        finally:
            record_admission_waiting(-1)
        return True
