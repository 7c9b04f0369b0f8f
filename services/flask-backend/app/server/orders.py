"""What the master wants of a worker, and a worker of the master: memory that both see.

A signal only wakes the other one up, because one that arrives while a worker starts is lost.
"""

import mmap
from enum import IntEnum
from typing import Final

_WORN: Final = 0
_ORDER: Final = 1


class Order(IntEnum):
    """What a worker is to do."""

    SERVE = 0
    RETIRE = 1
    """Another worker takes its place: it takes no more connections, and nobody notices."""
    DRAIN = 2
    """The service stops: it says so on ``/readyz``, and serves on for a while."""


class Orders:
    """The memory of one worker, made before the fork; each side writes a byte of its own."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 2)

    @property
    def is_worn(self) -> bool:
        """Whether the worker wants to be replaced."""
        return bool(self._memory[_WORN])

    def wear_out(self) -> None:
        """Ask for a replacement."""
        self._memory[_WORN] = 1

    @property
    def current(self) -> Order:
        """What the worker is to do."""
        return Order(self._memory[_ORDER])

    def give(self, order: Order) -> None:
        """Tell the worker what to do; an order to stop is never taken back."""
        self._memory[_ORDER] = max(order, self.current)
