"""What Prometheus is told. With several workers their numbers are added up at each scrape.

``prometheus_client`` decides when it is imported whether it keeps them in files that all workers
share, so ``app.server`` names the folder before this module is imported.
"""

import os
from typing import Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from app.config import METRICS_FOLDER

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
    "database_connections_in_use",
    "Connections that are out of the pool",
    multiprocess_mode="livesum",
)

_RETRIES: Final = Counter(
    "unit_of_work_retries_total", "Transactions that were tried again", ("reason",)
)
_REPLAYS: Final = Counter(
    "idempotent_replays_total", "Requests answered as the first time, for their Idempotency-Key"
)


def record_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one answer."""
    label = route or UNMATCHED
    _REQUESTS.labels(method, label, status).inc()
    _SECONDS.labels(method, label).observe(seconds)


def record_connections(count: int) -> None:
    """Note how many connections of this process are in use."""
    _CONNECTIONS.set(count)


def record_retry(reason: str) -> None:
    """Count one transaction that is tried again."""
    _RETRIES.labels(reason).inc()


def record_replay() -> None:
    """Count one answer that was given again."""
    _REPLAYS.inc()


def render_metrics() -> bytes:
    """Return everything in Prometheus' text format."""
    if METRICS_FOLDER not in os.environ:  # noqa: TID251 - set by app.server, read by the library
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types here
    return generate_latest(registry)
