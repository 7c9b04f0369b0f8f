"""Signals that ask this process to end: they unwind the stack, and wait while something is ended.

Only the main thread gets signals, and only what nobody else handles is handled here.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(SystemExit):
    """A signal asked this process to end; no stranger's ``sys.exit()``."""


class Signals:
    """The signals that came while a check ran.

    Attributes:
        received: The last one, until it has been raised or if somebody's code swallowed it.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._is_held = False

    def hold(self) -> None:
        """Raise nothing until ``release``: what is done now is done to its end."""
        self._is_held = True

    def release(self) -> None:
        """Raise what came meanwhile.

        Raises:
            KeyboardInterrupt: SIGINT came.
            Terminated: Another one came.
        """
        self._is_held = False
        if self.received is not None:
            _raise(self.received)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold signals for a block, unless they are held already."""
        if self._is_held:
            yield
            return
        self.hold()
        try:
            yield
        finally:
            self.release()

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal; raise it unless it has to wait."""
        self.received = number
        if not self._is_held:
            _raise(number)


@contextlib.contextmanager
def unwinding() -> Iterator[Signals]:
    """Let SIGINT, SIGTERM and SIGHUP unwind the stack instead of ending the process on the spot.

    A handler raises wherever the program happens to be, also where an exception gets lost: in a
    finalizer, or below a stranger's bare ``except``. What was lost is raised again at the end.
    """
    signals = Signals()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    outer = [getattr(handler, "__self__", None) for handler in before.values()]
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    for each in outer:
        if isinstance(each, Signals):
            yield each
            return
    usual = (signal.SIG_DFL, signal.default_int_handler)
    watched = [number for number, handler in before.items() if handler in usual]
    for number in watched:
        signal.signal(number, signals.handle)
    try:
        yield signals
    finally:
        for number in watched:
            signal.signal(number, before[number])
    if signals.received is not None:
        _raise(signals.received)


def _raise(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(128 + number)
