"""How long the request of this thread may still take.

A request has ``REQUEST_SECONDS``; a statement may take less, and waiting for a lock less again, so
that whoever waits hears of it before the one in front gives up. Knows no request: ``app.api``
begins and ends one, and whoever waits or tries again asks here.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

REQUEST_SECONDS: Final = 10.0


class _Deadline(threading.local):
    moment: float | None = None


_deadline: Final = _Deadline()


def begin(seconds: float = REQUEST_SECONDS) -> None:
    """Give the work of this thread so much time, from now on."""
    _deadline.moment = time.monotonic() + seconds


def end() -> None:
    """Let this thread take its time: a command, or a thread between two requests."""
    _deadline.moment = None


def remaining() -> float | None:
    """Return how many seconds are left, never below 0; None where there is no deadline."""
    if _deadline.moment is None:
        return None
    return max(0.0, _deadline.moment - time.monotonic())


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Give what stands in the block less time than the request has."""
    before = _deadline.moment
    moment = time.monotonic() + seconds
    _deadline.moment = moment if before is None else min(before, moment)
    try:
        yield
    finally:
        _deadline.moment = before
