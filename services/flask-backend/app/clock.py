"""What time it is. The only caller of the system's wall clock; tests freeze it here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


def _system_now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_now


def now() -> datetime:
    """Return the present moment, aware, in UTC, with microseconds."""
    return _source()


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Make ``now()`` answer ``at`` in every thread of this process, until the block ends.

    Raises:
        ValueError: ``at`` has no zone.
    """
    global _source  # noqa: PLW0603 - time is one per process, and so is its source
    if at.tzinfo is None:
        message = "a frozen clock needs a time with a zone"
        raise ValueError(message)
    previous = _source
    moment = at.astimezone(UTC)
    _source = lambda: moment  # noqa: E731 - a constant function, and assigned to a variable of that type
    try:
        yield
    finally:
        _source = previous
