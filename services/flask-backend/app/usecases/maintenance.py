"""Taking away what is no use any more, and finishing what was left unfinished: the jobs of a cron.

Each job goes on in small batches until nothing is left. Any number may be started at once, on any
machine: one works, and one that died is replaced. None of it is needed for an answer to be right;
without it the tables grow.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from app import clock
from app.models import (
    delete_dead_sessions,
    delete_expired_email_tokens,
    delete_expired_idempotency_keys,
    delete_expired_leases,
    delete_expired_mails,
    delete_stale_counters,
    release,
)
from app.usecases import cache_storage
from app.usecases.audit import seal
from app.usecases.counters import REMEMBERED
from app.usecases.erasure import finish_erasures
from app.usecases.holds import end_due_holds
from app.usecases.leases import Lease
from app.usecases.sync.collection import collect_clients, collect_mutations, collect_tombstones
from app.usecases.work import unit_of_work

LEASE: Final = "maintenance"
LEASE_SECONDS: Final = 15.0
"""After which somebody else goes on, if whoever worked has died."""
BATCH: Final = 200
_KEPT: Final = timedelta(days=1)
"""What ended is kept so long, for those who look for the reason of yesterday's trouble."""

Job = Callable[[datetime], Iterator[int]]
"""Does small batches, at a time of the clock, and yields after each how many rows that were."""

log = structlog.get_logger(__name__)


class State(StrEnum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did.

    Attributes:
        job: Which one.
        count: How many rows it took away, or things it finished.
        state: How it ended. One is stopped because somebody else does it.
    """

    job: str
    count: int
    state: State


def run_jobs(
    names: Sequence[str], report: Callable[[str, int], None] = lambda _job, _count: None
) -> list[Outcome] | None:
    """Run jobs one after the other, and tell how each ended; None if somebody else does them.

    Args:
        names: Which of ``JOBS``, in which order.
        report: Hears after each batch how many rows its job has done.
    """
    lease = Lease(LEASE, LEASE_SECONDS)
    if not lease.begin():
        return None
    with lease:
        return [_run(name, lease, report) for name in names]


def _run(name: str, lease: Lease, report: Callable[[str, int], None]) -> Outcome:
    at, total, state = clock.now(), 0, State.DONE
    try:
        batches = JOBS[name](at)
        while not lease.is_lost and (count := next(batches, None)) is not None:
            total += count
            if count:
                report(name, total)
        if lease.is_lost:
            state = State.STOPPED
    except Exception as error:  # One job's failure is no reason to leave the others.
        log.exception("maintenance_failed", job=name, kind=type(error).__name__)
        state = State.FAILED
    release()
    log.info("maintenance_ended", job=name, count=total, state=state.value)
    return Outcome(name, total, state)


@unit_of_work
def _delete_idempotency_keys(at: datetime) -> int:
    return delete_expired_idempotency_keys(expired_at=at, limit=BATCH)


@unit_of_work
def _delete_sessions(at: datetime) -> int:
    return delete_dead_sessions(before=at - _KEPT, limit=BATCH)


@unit_of_work
def _delete_counters(at: datetime) -> int:
    return delete_stale_counters(before=at - REMEMBERED, limit=BATCH)


@unit_of_work
def _delete_email_tokens(at: datetime) -> int:
    return delete_expired_email_tokens(expired_at=at, limit=BATCH)


@unit_of_work
def _delete_mails(at: datetime) -> int:
    return delete_expired_mails(expired_at=at - _KEPT, limit=BATCH)


@unit_of_work
def _delete_leases(at: datetime) -> int:
    return delete_expired_leases(expired_at=at, limit=BATCH)


def _end_holds(at: datetime) -> int:
    return end_due_holds(at, BATCH)


def _tidy_cache(_at: datetime) -> int:
    return cache_storage.tidy()


def _until_none(batch: Callable[[datetime], int]) -> Job:
    """Return the job that repeats a batch until it finds nothing."""

    def job(at: datetime) -> Iterator[int]:
        while count := batch(at):
            yield count

    return job


JOBS: Final[dict[str, Job]] = {
    "idempotency_keys": _until_none(_delete_idempotency_keys),
    "sessions": _until_none(_delete_sessions),
    "counters": _until_none(_delete_counters),
    "email_tokens": _until_none(_delete_email_tokens),
    "mails": _until_none(_delete_mails),
    "query_cache": _until_none(_tidy_cache),
    "leases": _until_none(_delete_leases),
    "holds": _until_none(_end_holds),
    "erasures": _until_none(finish_erasures),
    "tombstones": collect_tombstones,
    "mutations": collect_mutations,
    "clients": collect_clients,
    "audit": seal,
}
