"""What Prometheus is told. With several workers their numbers are added up at each scrape.

``prometheus_client`` decides when it is imported whether it keeps them in files that all workers
share, so ``app.server`` names the folder before this module is imported.
"""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)

from app.config import METRICS_FOLDER

_ROOM: Final = {
    "counter": 2**18,
    "histogram": 2**19,
    "gauge_livemax": 2**16,
    "gauge_livesum": 2**16,
    "gauge_mostrecent": 2**16,
}
"""More bytes than a worker needs for its numbers of each kind."""

_worker = 0  # The master's, and that of a process that is no server.


def take_number(number: int) -> None:
    """Let this process count where the last worker of this number did.

    Under its process id each would leave files behind, and every scrape would read them all.
    """
    global _worker  # noqa: PLW0603 - the library asks for it at each change
    _worker = number


def reserve_room(number: int) -> None:
    """Take the room on the disk that a worker's numbers may need.

    They are mapped into its memory: where a disk has become full the kernel would kill it.

    Raises:
        OSError: There is no room.
    """
    for kind, room in _ROOM.items():
        path = Path(os.environ[METRICS_FOLDER], f"{kind}_{number}.db")  # noqa: TID251 - set by app.server
        with path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, room)


if METRICS_FOLDER in os.environ:  # noqa: TID251 - as in render_metrics()
    values.ValueClass = values.MultiProcessValue(lambda: _worker)  # type: ignore[no-untyped-call]  # the library has no types here

UNMATCHED: Final = "unmatched"
"""The route of a request that has none. A path is no label, because there is no end of them."""

_REQUESTS: Final = Counter(
    "http_requests_total", "Requests answered", ("method", "route", "status")
)
_SECONDS: Final = Histogram(
    "http_request_duration_seconds",
    "Time from the parsed head of a request to its answer",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_CONNECTIONS: Final = Gauge(
    "database_connections_in_use", "Connections out of the pool", multiprocess_mode="livesum"
)

_RETRIES: Final = Counter(
    "unit_of_work_retries_total", "Transactions that were tried again", ("reason",)
)
_REPLAYS: Final = Counter(
    "idempotent_replays_total", "Requests answered as the first time, for their Idempotency-Key"
)
_SIGN_IN_LOCKED: Final = Counter(
    "sign_in_locked_total", "Attempts that were refused because there had been too many"
)
_HASHES_REFUSED: Final = Counter(
    "password_hashes_refused_total", "Passwords that had to wait too long to be hashed"
)
_CACHE_REQUESTS: Final = Counter(
    "query_cache_requests_total",
    "Answers that were asked for: hit, stale, miss, copy (of this process, without the database)",
    ("outcome",),
)
_MAIL: Final = Counter("mail_sent_total", "Attempts to send a mail", ("outcome",))
_MAIL_WAITING: Final = Gauge(
    "mail_outbox_pending", "Mails that were not sent yet", multiprocess_mode="mostrecent"
)
_SPENT: Final = Counter("credits_spent_total", "Credits that were spent", ("bucket",))
_SPENDS_REFUSED: Final = Counter(
    "credits_refused_total", "Spends that were refused because there were too few credits"
)
_BREAKER: Final = Gauge(
    "circuit_breaker_state",
    "Whether a dependency is asked: 0 closed (it is), 1 half open (by one), 2 open (it is not)",
    ("dependency",),
    multiprocess_mode="livemax",
)
_BREAKER_OPENED: Final = Counter(
    "circuit_breaker_opened_total", "Times a dependency was given up for a while", ("dependency",)
)
_ADMISSION_REFUSED: Final = Counter(
    "admission_refused_total", "Connections that were refused at the gate in front of the pool"
)
_ADMISSION_WAITING: Final = Gauge(
    "admission_waiting",
    "Threads that wait at the gate in front of the pool",
    multiprocess_mode="livesum",
)
_BACKUP: Final = Gauge(
    "backup_last_verified_timestamp_seconds",
    "When the newest backup was made that was restored to see whether it is one; 0: never",
    multiprocess_mode="mostrecent",
)
_STRIPE_EVENTS: Final = Counter(
    "stripe_events_total", "Events that Stripe sent, by what became of them", ("state",)
)
_STATE: Final = Gauge(
    "service_state",
    "What /readyz said last: 1 for the state that a worker is in",
    ("state",),
    multiprocess_mode="livemax",
)
_WORKER_STARTS: Final = Counter(
    "worker_starts_total", "Workers that began to serve, in the place of others or at the start"
)
_OPEN: Final = 2


def record_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one answer."""
    requests, durations = _children(method, route or UNMATCHED, status)
    requests.inc()
    durations.observe(seconds)


@cache
def _children(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return what counts such answers; looking it up costs more than counting."""
    return _REQUESTS.labels(method, route, status), _SECONDS.labels(method, route)


def record_connections(count: int) -> None:
    """Note how many connections of this process are in use."""
    _CONNECTIONS.set(count)


def record_worker_start() -> None:
    """Count this worker."""
    _WORKER_STARTS.inc()


def record_retry(reason: str) -> None:
    """Count one transaction that is tried again."""
    _RETRIES.labels(reason).inc()


def record_replay() -> None:
    """Count one answer that was given again."""
    _REPLAYS.inc()


def record_locked_sign_in() -> None:
    """Count one attempt that met a lock."""
    _SIGN_IN_LOCKED.inc()


def record_refused_hash() -> None:
    """Count one password that was not hashed, for want of a free core."""
    _HASHES_REFUSED.inc()


def record_cache_request(outcome: str) -> None:
    """Count one answer that was asked for."""
    _CACHE_REQUESTS.labels(outcome).inc()


def record_mail(outcome: str) -> None:
    """Count one attempt to send a mail."""
    _MAIL.labels(outcome).inc()


def record_waiting_mail(count: int) -> None:
    """Note how many mails wait, in the whole service."""
    _MAIL_WAITING.set(count)


def record_spend(bucket: str, amount: int) -> None:
    """Count credits that were spent."""
    _SPENT.labels(bucket).inc(amount)


def record_refused_spend() -> None:
    """Count one spend that was refused."""
    _SPENDS_REFUSED.inc()


def record_breaker(dependency: str, state: int) -> None:
    """Note what the breaker of a dependency does now."""
    _BREAKER.labels(dependency).set(state)
    if state == _OPEN:
        _BREAKER_OPENED.labels(dependency).inc()


def record_admission_refused() -> None:
    """Count one connection that was not to be had."""
    _ADMISSION_REFUSED.inc()


def record_admission_waiting(change: int) -> None:
    """Note that one more or one less waits at the gate."""
    _ADMISSION_WAITING.inc(change)


def record_verified_backup(made_at: float) -> None:
    """Note when the newest backup was made that was verified, in seconds since 1970."""
    _BACKUP.set(made_at)


def record_stripe_event(state: str) -> None:
    """Count one delivery of an event."""
    _STRIPE_EVENTS.labels(state).inc()


def record_state(state: str, states: Iterable[str]) -> None:
    """Note which of its states this process is in."""
    for each in states:
        _STATE.labels(each).set(each == state)


def render_metrics() -> bytes:
    """Return everything in Prometheus' text format."""
    if METRICS_FOLDER not in os.environ:  # noqa: TID251 - set by app.server, read by the library
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types here
    return generate_latest(registry)
