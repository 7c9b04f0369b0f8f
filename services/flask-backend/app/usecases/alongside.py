"""What a unit of work keeps outside of the database, written right before its COMMIT.

So a failure out there undoes the database's part, and a COMMIT that is refused undoes what was
written out there. Between the two a process may die: then they differ, which is for others to find.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from bilayer.runtime.errors import OutcomeUnknown, TransactionMisuse

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from types import TracebackType


class Companion(Protocol):
    """Something outside of the database that a unit of work changes as well."""

    def write(self) -> None:
        """Change it for good, as far as that is possible: what follows is the COMMIT."""

    def undo(self) -> None:
        """Put back what ``write`` has changed, as far as that is possible. Raises nothing."""

    def close(self) -> None:
        """Let go of whatever was held. Raises nothing."""


class Company:
    """The companions of one unit of work. Entered before its transaction, and left after it."""

    __slots__ = ("_companions", "_token")

    def __init__(self) -> None:
        self._companions: dict[Hashable, Companion] = {}

    def __enter__(self) -> Self:
        """Take in whoever joins from now on in this thread."""
        self._token: Token[Company | None] = _company.set(self)
        return self

    def find(self, key: Hashable) -> Companion | None:
        """Return the companion of a key, if it has joined."""
        return self._companions.get(key)

    def join(self, key: Hashable, make: Callable[[], Companion]) -> Companion:
        """Return the companion of a key, making it if need be."""
        if key not in self._companions:
            self._companions[key] = make()
        return self._companions[key]

    def write(self) -> None:
        """Let each write: the last thing before COMMIT."""
        for each in self._companions.values():
            each.write()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let each put back what it wrote, unless all is well or may be; and let go of it."""
        _company.reset(self._token)
        is_undone = error is not None and not isinstance(error, OutcomeUnknown)
        for each in self._companions.values():
            if is_undone:
                each.undo()
            each.close()


_company: Final[ContextVar[Company | None]] = ContextVar("company", default=None)


def join_unit(key: Hashable, make: Callable[[], Any]) -> Any:  # Any: the caller knows what it makes
    """Return what accompanies this thread's unit of work under a key, making it if need be.

    Raises:
        TransactionMisuse: There is no unit of work.
    """
    company = _company.get()
    if company is None:
        raise TransactionMisuse("only a unit of work has companions")
    return company.join(key, make)


def find_companion(key: Hashable) -> Any:  # Any: likewise
    """Return what accompanies this thread's unit of work under a key, or None."""
    company = _company.get()
    return None if company is None else company.find(key)
