"""The unit of work: what a use case writes is committed together, or not at all, and tried again.

Every use case that writes is one unit, or calls several. A unit must be repeatable: all it does is
to read and write the database, and what ``alongside`` keeps in step with it. Hashing a password,
sending and asking others stay outside.

What is tried again is the whole transaction, because the failures worth it have undone all of it.
Waits grow and are random, so that those who met do not meet again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import structlog
from tenacity import RetryCallState, Retrying, wait_random_exponential

from app import deadline
from app.metrics import record_retry
from app.models import get_database, release, transaction
from app.usecases.alongside import Company
from app.usecases.violations import refusal_of
from bilayer.runtime.errors import (
    ConnectionLost,
    ConstraintViolation,
    DatabaseError,
    Deadlock,
    LockTimeout,
    OutcomeUnknown,
    ReadOnly,
    SerializationFailure,
)

P = ParamSpec("P")
T = TypeVar("T")

MAX_TRIES: Final = 4
_SHORTEST_WAIT: Final = 0.02
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 0.4

# Looked up by the very class: an open circuit is a lost connection too, and not worth a try.
_UNDONE: Final[dict[type[object], str]] = {
    Deadlock: "deadlock",
    SerializationFailure: "serialization_failure",
    LockTimeout: "lock_timeout",
    ConnectionLost: "connection_lost",
    ReadOnly: "read_only",
}
_PERHAPS_DONE: Final[dict[type[object], str]] = {OutcomeUnknown: "outcome_unknown"}

log = structlog.get_logger(__name__)


def unit_of_work(work: Callable[P, T]) -> Callable[P, T]:
    """Run a function in one transaction; inside another unit, as a part of it.

    A constraint that forbids a row becomes the refusal that ``violations`` has for it. When all
    tries have failed, the last failure is raised.
    """
    return _unit(work, _UNDONE)


def decided_unit_of_work(work: Callable[P, T]) -> Callable[P, T]:
    """Run a unit that itself finds out whether it was committed before.

    So it is tried again also when the answer to COMMIT was lost.
    """
    return _unit(work, _UNDONE | _PERHAPS_DONE)


def _unit(work: Callable[P, T], reasons: dict[type[object], str]) -> Callable[P, T]:
    retrying = _retrying(reasons)

    def _try(attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except DatabaseError as error:
            if type(error) not in reasons:
                raise
            failure = error
        # Only who has failed pays for the means to try again, and has failed once.
        return retrying(_having_failed(failure, attempt))

    @wraps(work)
    def unit(*args: P.args, **kwargs: P.kwargs) -> T:
        def attempt() -> T:
            with Company() as company, transaction():
                result = work(*args, **kwargs)
                company.write()
                return result

        try:
            if get_database().in_transaction:
                return work(*args, **kwargs)
            return _try(attempt)
        except ConstraintViolation as violation:
            refusal = refusal_of(violation)
        raise refusal

    return unit


def _having_failed(failure: DatabaseError, attempt: Callable[[], T]) -> Callable[[], T]:
    """Return an attempt whose first try is the one that failed."""
    failures = [failure]

    def try_next() -> T:
        if failures:
            raise failures.pop()
        return attempt()

    return try_next


def _retrying(reasons: dict[type[object], str]) -> Retrying:
    """Say when a unit is tried again."""

    def is_worth_a_try(state: RetryCallState) -> bool:
        error = _failure(state)
        # A server that only reads is met twice only if there is no other.
        return type(error) in reasons and not (
            isinstance(error, ReadOnly) and state.attempt_number > 1
        )

    def prepare(state: RetryCallState) -> None:
        error = _failure(state)
        reason = reasons[type(error)]
        record_retry(reason)
        log.info("unit_of_work_retried", reason=reason, attempt=state.attempt_number)
        if isinstance(error, ReadOnly):
            get_database().discard()  # A failover leaves connections to a server that only reads.
        release()  # Others may have the connection while this one waits.

    return Retrying(
        retry=is_worth_a_try,
        wait=wait_random_exponential(multiplier=_FIRST_WAIT, min=_SHORTEST_WAIT, max=_LONGEST_WAIT),
        stop=_is_too_late,
        before_sleep=prepare,
        reraise=True,
    )


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _is_too_late(state: RetryCallState) -> bool:
    left = deadline.remaining()
    is_late = left is not None and left <= state.upcoming_sleep
    return is_late or state.attempt_number >= MAX_TRIES
