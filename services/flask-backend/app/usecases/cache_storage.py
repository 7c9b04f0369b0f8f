"""Keeping answers: in the database, within bounds, and what is public in this process as well.

Every write is a short transaction of its own. What is too old or too much goes in small batches,
which those who write pay for now and then, and ``backend maintenance run`` for all of them.
"""

import secrets
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import datetime
from typing import Final

import structlog

from app import clock, deadline
from app.models import (
    Row,
    count_cached_answers,
    count_cached_bytes,
    delete_cached_answer,
    delete_cached_answers,
    delete_expired_answers,
    delete_oldest_answers,
    get_cached_answer,
    get_database,
    is_circuit_open,
    replace_cached_answer,
)
from app.usecases.cached_answers import Answer, Key
from app.usecases.public_copy import PublicCopy
from app.usecases.work import decided_unit_of_work, unit_of_work
from app.vocabulary import CacheScope
from bilayer.runtime.errors import (
    ConnectionLost,
    DatabaseError,
    OutOfMemory,
    PoolTimeout,
    ReadOnly,
    StatementTimeout,
    StorageFailure,
    StorageFull,
    TransactionMisuse,
)

BATCH: Final = 100
_ONE_WRITE_IN: Final = 32
"""So many writes bring fewer rows than the batch that one of them pays for takes away."""
_PROBE_SECONDS: Final = 0.25
"""How long a database that did not answer is given, where there is a copy to be told instead."""
_CANNOT_BE_ASKED: Final = (
    ConnectionLost,
    PoolTimeout,
    StatementTimeout,
    ReadOnly,
    OutOfMemory,
    StorageFull,
    StorageFailure,
)
"""What passes without us. Any other failure is a fault of ours, which a copy would hide."""

log = structlog.get_logger(__name__)


class _Bounds:
    """How much is kept. One a process, as the database is."""

    max_bytes = 268_435_456
    copy = PublicCopy(8_388_608)


def set_bounds(*, max_bytes: int, copy_bytes: int) -> None:
    """Say how much is kept in the database, and how much here; forgets what is kept here."""
    _Bounds.max_bytes = max_bytes
    _Bounds.copy = PublicCopy(copy_bytes)


def read_answer(key: Key) -> Answer | None:
    """Return an answer that has not expired, or None.

    Raises:
        DatabaseError: The database cannot be asked, and the answer is private or not known here.
    """
    _require_no_transaction()
    if not key.is_public:
        return _read(key)
    copy = _Bounds.copy
    changes = copy.changes
    try:
        with _patience(copy, key):
            answer = _read(key)
    except _CANNOT_BE_ASKED:
        kept = copy.get(key.query_hash, clock.now())
        if kept is None:
            raise
        return kept
    copy.follow(key.query_hash, answer, changes=changes)
    return answer


def write_answer(key: Key, answer: Answer) -> bool:
    """Store an answer; tell whether there was none. Of two at once, both may be the first."""
    _require_no_transaction()
    copy = _Bounds.copy
    changes = copy.changes
    is_new = _write(key, answer)
    if key.is_public:
        copy.put(key.query_hash, answer, changes=changes)
    if secrets.randbelow(_ONE_WRITE_IN) == 0:
        _tidy_quietly()
    return is_new


def delete_answer(key: Key) -> None:
    """Forget an answer, if there is one."""
    _require_no_transaction()
    _delete(key)
    if key.is_public:
        _Bounds.copy.delete(key.query_hash)


def tidy() -> int:
    """Delete a batch of what has expired, else of what is too much; tell how many were deleted."""
    return _delete_expired(clock.now()) or _delete_surplus()


@unit_of_work
def clear(scope: CacheScope | None, before: datetime) -> int:
    """Delete a batch of answers of a scope, or of all; tell how many were deleted.

    What is stored after ``before`` stays, so that it comes to an end.
    """
    return delete_cached_answers(scope=scope, before=before, limit=BATCH)


def count_answers() -> dict[CacheScope, Row]:
    """Return for each scope how many ``entries`` and ``bytes`` it has, how many ``expired``."""
    found = {row.pop("scope"): row for row in count_cached_answers(at=clock.now())}
    nothing = {"entries": 0, "bytes": 0, "expired": 0}
    return {scope: found.get(scope, nothing) for scope in CacheScope}


def _require_no_transaction() -> None:
    """Keep what is cached out of transactions, which may be undone, and may last.

    Raises:
        TransactionMisuse: There is one.
    """
    if get_database().in_transaction:
        raise TransactionMisuse("the query cache is used outside transaction()")


def _patience(copy: PublicCopy, key: Key) -> AbstractContextManager[None]:
    is_doubtful = is_circuit_open() and copy.get(key.query_hash, clock.now()) is not None
    return deadline.at_most(_PROBE_SECONDS) if is_doubtful else nullcontext()


def _read(key: Key) -> Answer | None:
    row = get_cached_answer(key.owner, key.scope, key.query_hash)
    if row is None or row["expires_at"] <= clock.now():
        return None
    return Answer(**row)


@decided_unit_of_work
def _write(key: Key, answer: Answer) -> bool:
    before = _read(key)
    columns = asdict(answer)
    del columns["is_copy"]
    replace_cached_answer(key.owner, key.scope, key.query_hash, **columns)
    return before is None


@decided_unit_of_work
def _delete(key: Key) -> None:
    delete_cached_answer(key.owner, key.scope, key.query_hash)


def _tidy_quietly() -> None:
    try:
        tidy()
    except DatabaseError as error:
        log.warning("query_cache_not_tidied", kind=type(error).__name__)


@unit_of_work
def _delete_expired(now: datetime) -> int:
    return delete_expired_answers(expired_at=now, limit=BATCH)


@unit_of_work
def _delete_surplus() -> int:
    excess = count_cached_bytes() - _Bounds.max_bytes
    return delete_oldest_answers(excess_bytes=excess, limit=BATCH) if excess > 0 else 0
