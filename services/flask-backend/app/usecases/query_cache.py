"""Answers that cost much and are asked for often: computed once, told many times.

    key = Key.private(principal, hash_query({"model": "m-1", "prompt": prompt, "language": "en"}))
    answer = get_or_compute(key, lambda: ask_model(prompt), ttl=3600, fresh_for=600)

Of many who miss the same answer one computes it, over all threads and processes; the others wait
for it. A stale answer is told at once, and computed anew behind the back of whoever asked. A cache
that cannot be written makes nobody fail. All of it stands outside of transactions.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from cachetools import LRUCache

from app import clock, deadline
from app.errors import NotFound, Unavailable
from app.metrics import record_cache_request
from app.models import release
from app.usecases.cache_storage import delete_answer, read_answer, write_answer
from app.usecases.cached_answers import Answer, Key, hash_query, make_answer
from app.usecases.leases import Lease, is_held
from bilayer.runtime.errors import DatabaseError, ReadOnly

__all__ = ["Key", "delete", "get", "get_or_compute", "hash_query", "put", "require"]

LEASE_SECONDS: Final = 5.0
"""After which somebody else computes what a process that died was about to. Less than a request
may take, so that those who wait live to see it."""
MAX_REFRESHERS: Final = 4
"""How many stale answers a process computes at once."""
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_GROWTH: Final = 1.5
_LAST_LOOK: Final = 0.3
"""Seconds of a request that nobody waits through, because the database is to be asked then."""

Compute = Callable[[], Any]

_refreshing: Final[set[Key]] = set()
_unstorable: Final[LRUCache[Key, bool]] = LRUCache(1000)
"""What had an answer that cannot be kept, so that nobody waits for it."""
_choosing: Final = threading.Lock()
log = structlog.get_logger(__name__)


def get(key: Key) -> Answer | None:
    """Return an answer that has not expired, stale or not, or None."""
    answer = read_answer(key)
    record_cache_request(_outcome(answer))
    return answer


def require(key: Key) -> Answer:
    """Return an answer that has not expired, stale or not.

    Raises:
        NotFound: ``CACHE_MISS``: there is none.
    """
    answer = get(key)
    if answer is None:
        raise NotFound("CACHE_MISS", "There is no such answer, or none any more.")
    return answer


def put(
    key: Key, result: Any, *, ttl: float, fresh_for: float | None = None
) -> tuple[Answer, bool]:
    """Store an answer; return it, and whether there was none. Times are in seconds."""
    answer = make_answer(result, at=clock.now(), ttl=ttl, fresh_for=fresh_for)
    return answer, write_answer(key, answer)


def delete(key: Key) -> None:
    """Forget an answer, if there is one."""
    delete_answer(key)


def get_or_compute(
    key: Key, compute: Compute, *, ttl: float, fresh_for: float | None = None
) -> Any:
    """Return an answer: the stored one, or what ``compute`` gives, which is then stored.

    Args:
        key: Which one.
        compute: Makes it. What it raises goes to the caller, and others try. It is called outside
            of transactions, with no connection held; of a stale answer in another thread. Let it
            come to an end: while it works, nobody else computes this answer.
        ttl: For how many seconds the answer is told.
        fresh_for: After how many of them it is computed anew; None: not before it is gone.

    Raises:
        TransactionMisuse: The caller is inside a transaction.
        Unavailable: ``ANSWER_PENDING``: somebody else computes it, and the request's time is over.
        DatabaseError: The database cannot be asked.
    """

    def renew() -> Any:
        release()  # Others may have the connection meanwhile.
        result = compute()
        _put_quietly(key, result, ttl, fresh_for)
        return result

    try:
        answer = get(key)
    except ReadOnly:  # A replica of PostgreSQL has no such table.
        answer = None
    if answer is None:
        return _compute_once(key, renew)
    if answer.is_stale(clock.now()) and not answer.is_copy:
        _refresh(key, renew)
    return answer.result


def _outcome(answer: Answer | None) -> str:
    if answer is None:
        return "miss"
    if answer.is_copy:
        return "copy"
    return "stale" if answer.is_stale(clock.now()) else "hit"


def _compute_once(key: Key, renew: Compute) -> Any:
    """Compute an answer, unless somebody else does: then wait for theirs."""
    for pause in _pauses():
        if key in _unstorable:
            return renew()
        lease = Lease(key.lease, LEASE_SECONDS)
        try:
            is_mine = not is_held(key.lease) and lease.begin()
        except DatabaseError as error:
            log.warning("query_cache_not_claimed", kind=type(error).__name__)
            return renew()
        if is_mine:
            with lease:
                return _read_or(key, renew)
        release()
        time.sleep(pause)
        answer = read_answer(key)
        if answer is not None:
            return answer.result
    raise Unavailable("ANSWER_PENDING", "The answer is being computed. Ask again.", retry_after=1)


def _read_or(key: Key, renew: Compute) -> Any:
    """Compute an answer, unless somebody else has just done so."""
    answer = read_answer(key)
    if answer is not None and not answer.is_stale(clock.now()):
        return answer.result
    return renew()


def _pauses() -> Iterator[float]:
    """Give growing times to wait, as long as the request may last."""
    pause = _FIRST_PAUSE
    while (left := deadline.remaining()) is None or left > pause + _LAST_LOOK:
        yield pause
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _put_quietly(key: Key, result: Any, ttl: float, fresh_for: float | None) -> None:
    try:
        put(key, result, ttl=ttl, fresh_for=fresh_for)
    except (DatabaseError, ValueError) as error:
        log.warning("query_cache_not_written", kind=type(error).__name__)
        if isinstance(error, ValueError):
            with _choosing:
                _unstorable[key] = True
    else:
        with _choosing:
            _unstorable.pop(key, None)


def _refresh(key: Key, renew: Compute) -> None:
    """Compute an answer anew in a thread of its own, unless that happens or too much does."""
    with _choosing:
        if key in _refreshing or len(_refreshing) >= MAX_REFRESHERS:
            return
        _refreshing.add(key)
    thread = threading.Thread(target=_refresh_now, args=(key, renew), name="refresher", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # There is no room for one more; the next who asks tries again.
        log.warning("query_cache_not_refreshed", kind="RuntimeError")
        with _choosing:
            _refreshing.discard(key)


def _refresh_now(key: Key, renew: Compute) -> None:
    try:
        lease = Lease(key.lease, LEASE_SECONDS)
        if not is_held(key.lease) and lease.begin():
            with lease:
                _read_or(key, renew)
    except Exception as error:  # noqa: BLE001 - the edge of this thread; the stale answer stays
        log.warning("query_cache_not_refreshed", kind=type(error).__name__)
    finally:
        with _choosing:
            _refreshing.discard(key)
        release()
