"""Who decides whether a connection may be taken, and how long what is asked of it may take.

Holds the promise and no decision: a service brings its own, for example a circuit breaker.
"""

from __future__ import annotations

from typing import Protocol


class Guard(Protocol):
    """Asked before a connection leaves the pool, and told what became of it.

    Called by many threads at once. For each ``admit`` that returns there is one ``leave``; between
    them come ``connected`` or ``failed``, and ``failed`` again for a connection that is lost.
    ``leave`` may come from any thread, at any moment: it must not wait for a lock.
    """

    def admit(self) -> None:
        """Let the calling thread take a connection.

        Raises:
            DatabaseError: Not now: ``PoolTimeout`` or ``CircuitOpen``.
        """

    def connected(self) -> None:
        """Hear that the calling thread got a connection, which has been tried."""

    def failed(self) -> None:
        """Hear that the database could not be reached, or fell silent, or hung up.

        Refusals, statements that ran too long and callers without time left are no such failure.
        """

    def leave(self) -> None:
        """Hear that a connection was given back or thrown away, or was not to be had."""

    def remaining(self) -> float | None:
        """Tell how many seconds the calling thread has left, None if there is no end."""

    def renew(self) -> None:
        """Start anew in a forked child, which holds no connection."""


class Ticket:
    """One admission. It ends once, at the latest with the thread that had it."""

    __slots__ = ("_guard",)

    def __init__(self, guard: Guard) -> None:
        self._guard: Guard | None = guard

    def end(self) -> None:
        """Tell the guard, unless it has been told."""
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.leave()

    def __del__(self) -> None:
        self.end()


def shortest(seconds: float, guard: Guard | None) -> float:
    """Return a time, or what is left of the calling thread's if that is less."""
    left = guard.remaining() if guard is not None else None
    return seconds if left is None else min(seconds, left)
