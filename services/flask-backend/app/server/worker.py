"""The gunicorn worker: threads, with a total deadline for reading a request.

gunicorn's own limits measure silence, so a client that sends a byte now and then holds a thread
for ever; a few dozen of them stop the service. This worker bounds the whole head and the whole
body. It also answers malformed HTTP the way the application answers everything else.
"""

import json
import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import structlog
from gunicorn import util
from gunicorn.http import errors as http
from gunicorn.http.body import ChunkedReader
from gunicorn.workers.gthread import ThreadWorker

from app.api.probes import HEALTH

HEAD_SECONDS: Final = 5.0
BODY_SECONDS: Final = 10.0
"""Both count from the arrival, so that a crowd of slow clients is cut as soon as a single one."""

DRAINED_BYTES: Final = 60 * 1024
"""How much of an unread body gunicorn drains for sure (its own limit is 64 KiB)."""

_STATUS: Final = {
    http.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    http.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
    http.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    http.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    http.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    http.ParseException: HTTPStatus.BAD_REQUEST,
}

log = structlog.get_logger(__name__)


class DeadlineWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Cuts connections that take too long to bring a request; checked about once a second."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadlines: dict[Any, float] = {}
        self._lock = threading.Lock()

    def enqueue_req(self, conn: Any) -> None:
        """Let a connection wait for a thread; its time runs already."""
        conn.arrived = time.monotonic()
        self.cut_at(conn, conn.arrived + HEAD_SECONDS)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Serve one request of a connection."""
        try:
            return super().handle(conn)
        finally:
            self.spare(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Run the application, which takes its time, except while it reads the body."""
        self.spare(conn)
        if _is_long(req.body.reader):
            # If it is refused unread, gunicorn gives up draining it and closes the connection,
            # so the answer must say so; otherwise the client's next request is lost.
            req.force_close()
        req.body.reader = _TimedReader(self, conn, req.body.reader)
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Cut the overdue, at the one moment the worker's loop has for it."""
        super().murder_pending()
        now = time.monotonic()
        with self._lock:
            overdue = [conn for conn, deadline in self._deadlines.items() if deadline < now]
        for conn in overdue:
            # What has arrived is still read; then the thread sees the end and goes on to answer.
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RD)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Say on ``/readyz`` that this worker is stopping, then stop as gunicorn does."""
        if self.wsgi is not None:
            self.wsgi.extensions[HEALTH].drain()
        super().handle_exit(sig, frame)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:  # noqa: ARG002 - the base passes them
        """Answer what never became a request with problem details; log no part of it."""
        found = (status for kind, status in _STATUS.items() if isinstance(exc, kind))
        status = next(found, HTTPStatus.INTERNAL_SERVER_ERROR)
        log.warning("malformed_http", kind=type(exc).__name__, status=status.value)
        with suppress(OSError):
            util.write_nonblock(client, _problem(status))

    def cut_at(self, conn: Any, deadline: float) -> None:
        """End the reading of ``conn`` at a moment of the monotonic clock, unless it is spared."""
        with self._lock:
            self._deadlines[conn] = deadline

    def spare(self, conn: Any) -> None:
        """Let ``conn`` take its time again."""
        with self._lock:
            self._deadlines.pop(conn, None)


class _TimedReader:
    """A body's reader that has until ``BODY_SECONDS`` after the arrival."""

    def __init__(self, worker: DeadlineWorker, conn: Any, reader: Any) -> None:
        self._worker = worker
        self._conn = conn
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, *args: Any) -> Any:
        """Read as the reader does, on the clock."""
        self._worker.cut_at(self._conn, self._conn.arrived + BODY_SECONDS)
        try:
            return self._reader.read(*args)
        finally:
            self._worker.spare(self._conn)


def _is_long(reader: Any) -> bool:
    return isinstance(reader, ChunkedReader) or getattr(reader, "length", 0) > DRAINED_BYTES


def _problem(status: HTTPStatus) -> bytes:
    details: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": "This is not HTTP as this service reads it.",
        "code": "MALFORMED_HTTP",
        "request_id": None,
        "errors": [],
    }
    body = json.dumps(details, separators=(",", ":")).encode("ascii")
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
