"""The pool of a guarded database: nobody waits in it, or for a new connection, past their time."""

from __future__ import annotations

from math import ceil
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime.errors import DeadlineExceeded
from bilayer.runtime.guard import Guard, shortest


def pool_class(guard: Guard | None) -> type[sa.QueuePool]:
    """Return the class of a database's pool; SQLAlchemy's own where there is no guard."""
    if guard is None:
        return sa.QueuePool

    class BoundedPool(sa.QueuePool):
        """Waits for a connection no longer than the calling thread has time."""

        _longest: float

        @property
        def _timeout(self) -> float:
            return shortest(self._longest, guard)

        @_timeout.setter
        def _timeout(self, seconds: float) -> None:
            self._longest = seconds

        def recreate(self) -> BoundedPool:
            """Make an empty one with the same settings, however little time is left now."""
            renewed = super().recreate()
            assert isinstance(renewed, BoundedPool)  # noqa: S101 - the type has no word for it
            renewed._longest = self._longest
            return renewed

    return BoundedPool


def bound_connecting(engine: sa.Engine, guard: Guard | None) -> None:
    """Give a new connection no longer than the calling thread has time; drivers count seconds.

    Without time none is begun. Then SQLAlchemy lets our error through.
    """
    if guard is None:
        return

    @event.listens_for(engine, "do_connect")
    def _hurry(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        if shortest(1, guard) <= 0:
            raise DeadlineExceeded("the time of the caller is over")
        for name in ("connect_timeout", "read_timeout"):
            if name in options:
                options[name] = max(1, ceil(shortest(options[name], guard)))
