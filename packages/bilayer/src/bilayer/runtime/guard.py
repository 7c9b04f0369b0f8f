"""Who decides whether a connection may be taken, and how long what is asked of it may take.

Holds the promise and no decision: a service brings its own, for example a circuit breaker.
"""

from __future__ import annotations

from typing import Protocol


class Guard(Protocol):
    """Asked before a connection leaves the pool, and told what became of it.

    Called by many threads at once. For each ``admit`` that returns there is one ``leave``, and
    between them at most one of ``connected`` and ``failed``: the verdict of the first statement.
    A connection that has answered and breaks later says nothing of the database, whose
    administrator may have ended it; the next one will. ``leave`` may come from any thread, at any
    moment: it must not wait for a lock.
    """

    def admit(self) -> None:
        """Let the calling thread take a connection.

        Raises:
            DatabaseError: Not now: ``PoolTimeout`` or ``CircuitOpen``.
        """

    def connected(self) -> None:
        """Hear that the calling thread has got an answer."""

    def failed(self) -> None:
        """Hear that it could not reach the database, or got no answer from it.

        Refusals, statements that ran too long and callers without time left are no such failure.
        """

    def leave(self) -> None:
        """Hear that a connection was given back or thrown away, or was not to be had."""

    def remaining(self) -> float | None:
        """Tell how many seconds the calling thread has left, None if there is no end."""

    def renew(self) -> None:
        """Start anew in a forked child, which holds no connection."""


class Ticket:
    """One admission: its verdict is told once, and so is its end, at the latest with its thread."""

    __slots__ = ("_guard", "_is_judged")

    def __init__(self, guard: Guard) -> None:
        self._guard: Guard | None = guard
        self._is_judged = False

    def judge(self, *, is_answered: bool) -> None:
        """Tell the guard whether the database answered, the first time."""
        guard = self._guard
        if self._is_judged or guard is None:
            return
        self._is_judged = True
        if is_answered:
            guard.connected()
        else:
            guard.failed()

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
