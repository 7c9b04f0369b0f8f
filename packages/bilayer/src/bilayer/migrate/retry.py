"""Which failures pass by themselves, and how a command goes on after one."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy.exc import DBAPIError

from bilayer.migrate.errors import MigrationError
from bilayer.migrate.limits import Limits

log = logging.getLogger("bilayer.migrate")

Result = TypeVar("Result")
Work = Callable[[Any, MigrationContext], Iterable[RevisionStep]]

_POSTGRESQL_LOCKED: Final = {"55P03", "40P01"}
_POSTGRESQL_CANCELED: Final = "57014"
_MYSQL_LOCKED: Final = {1205, 1213, 1969}
_SQLITE_LOCKED: Final = {5, 6}


def is_passing(error: DBAPIError) -> bool:
    """Tell whether a statement met a lock, a deadlock or a time limit.

    Sources: PostgreSQL's appendix of error codes; MariaDB's error codes 1205, 1213, 1969;
    SQLite's primary result codes BUSY and LOCKED.
    """
    cause = error.orig
    code = getattr(cause, "pgcode", None)
    if code is not None:
        # Somebody who cancels the statement gives the same code, and means it.
        is_timeout = code == _POSTGRESQL_CANCELED and "statement timeout" in str(cause)
        return is_timeout or code in _POSTGRESQL_LOCKED
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in _SQLITE_LOCKED
    return bool(cause and cause.args and cause.args[0] in _MYSQL_LOCKED)


def reason(error: DBAPIError) -> str:
    """Return the first line of what the database said; later ones may hold values."""
    return str(error.orig).strip().partition("\n")[0]


def with_retries(attempt: Callable[[], Result], limits: Limits) -> Result:
    """Call ``attempt`` until it ends without meeting a lock, and return what it returns.

    Raises:
        MigrationError: It met one as often as ``limits.attempts``.
    """
    number = 1
    while True:
        try:
            return attempt()
        except DBAPIError as error:
            if not is_passing(error):
                raise
            if number >= limits.attempts:
                message = f"gave up after {number} attempts: {reason(error)}"
                raise MigrationError(message) from error
            pause = _pause(number, limits)
            number += 1
            log.warning("%s; attempt %d follows in %.1f s", reason(error), number, pause)
            time.sleep(pause)


class Plan:
    """The steps of one command, found out once.

    A repeated attempt goes on with the step that failed. Were the steps found out again,
    ``upgrade +2`` that failed at its second step would then apply two more.
    """

    def __init__(self, work: Work, before_each: Callable[[], None]) -> None:
        self._work = work
        self._before_each = before_each
        self._steps: list[RevisionStep] | None = None

    def __call__(self, heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        """Yield the steps that are left, as Alembic wants them."""
        if self._steps is None:
            self._steps = list(self._work(heads, context))
        while self._steps:
            self._before_each()
            yield self._steps[0]
            # Alembic asks for the next step once this one has been committed.
            del self._steps[0]


def _pause(number: int, limits: Limits) -> float:
    longest = min(limits.longest_pause, limits.pause * 2.0 ** (number - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
