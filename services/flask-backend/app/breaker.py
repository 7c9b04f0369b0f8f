"""When to stop asking what does not answer, and who finds out that it does again.

A closed breaker lets everybody ask. Failures that come close together open it: for a while that
doubles with each vain probe, nobody asks, so that nobody waits in vain and nothing that recovers is
run over. Then one thread is the probe, and its answer decides for all.

Knows nothing of what is asked. One breaker for each dependency of a process.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final

MAX_FAILURES: Final = 5
WINDOW_SECONDS: Final = 10.0
FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0
_SPREAD: Final = 0.2
"""By how much a wait is longer or shorter, so that the workers do not probe together."""


class BreakerState(IntEnum):
    """What a breaker does, in the numbers that ``/metrics`` shows."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """Counts failures of one dependency, and keeps everybody away for a while.

    Args:
        changed: Told each new state, in the order in which they come.
        now: Monotonic time in seconds.
        chance: Between 0 and 1, anew at each call.
    """

    def __init__(
        self,
        changed: Callable[[BreakerState], None] = lambda _state: None,
        *,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._changed = changed
        self._now = now
        self._chance = chance
        self.renew()

    def renew(self) -> None:
        """Start closed, with nothing counted; also in a forked child, whose locks may be held."""
        # Reentrant: a garbage collector may say "abandon" for another thread at any moment.
        self._lock = threading.RLock()
        self._failures: deque[float] = deque(maxlen=MAX_FAILURES)
        self._state = BreakerState.CLOSED
        self._wait = FIRST_WAIT_SECONDS
        self._until = 0.0
        self._prober: int | None = None
        self._is_hastened = False

    @property
    def state(self) -> BreakerState:
        """What it does at this moment."""
        return self._state

    def enter(self) -> float | None:
        """Let the calling thread ask, or return in how many seconds somebody may.

        Whoever was let in says how it went: ``succeed``, ``fail`` or ``abandon``.
        """
        if self._state is BreakerState.CLOSED:
            return None
        with self._lock:
            state, left = self.state, self._until - self._now()
            if state is BreakerState.CLOSED:
                return None
            if left > 0:
                return left if state is BreakerState.OPEN else FIRST_WAIT_SECONDS
            self._prober = threading.get_ident()
            # A probe that is never heard of again must not keep everybody out for ever.
            self._until = self._now() + LONGEST_WAIT_SECONDS
            self._become(BreakerState.HALF_OPEN)
            return None

    def succeed(self) -> None:
        """Close, if the calling thread is the probe."""
        if self._is_probe():
            with self._lock:
                self._prober = None
                self._failures.clear()
                self._is_hastened = False
                self._wait = FIRST_WAIT_SECONDS
                self._become(BreakerState.CLOSED)

    def fail(self) -> None:
        """Count a failure, and open after too many; after a vain probe for twice as long.

        What others began before it opened does not count any more.
        """
        with self._lock:
            if self._is_probe():
                if not self._is_hastened:
                    self._wait = min(self._wait * 2, LONGEST_WAIT_SECONDS)
                self._open()
            elif self._state is BreakerState.CLOSED:
                now = self._now()
                self._failures.append(now)
                oldest = self._failures[0]
                if len(self._failures) == MAX_FAILURES and now - oldest <= WINDOW_SECONDS:
                    self._open()

    def abandon(self) -> None:
        """Open for as long as before, if the calling thread is the probe and learned nothing."""
        if self._is_probe():
            with self._lock:
                self._open()

    def hasten(self) -> None:
        """Let the next one who asks be the probe, unless there is one; in vain costs nobody."""
        with self._lock:
            if self._state is BreakerState.OPEN:
                self._until = self._now()
                self._is_hastened = True

    def _is_probe(self) -> bool:
        return self._prober == threading.get_ident()

    def _open(self) -> None:
        self._prober = None
        self._is_hastened = False
        spread = 1 + _SPREAD * (2 * self._chance() - 1)
        self._until = self._now() + min(self._wait * spread, LONGEST_WAIT_SECONDS)
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        if state is not self._state:
            self._state = state
            self._changed(state)
