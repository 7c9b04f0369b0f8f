"""The gunicorn worker: threads that serve requests, and wait for no client without end.

gunicorn's own limits measure silence, so a client that sends a byte now and then, or reads none,
holds a thread for ever; a few dozen of them stop the service. Here the head and the body have
total deadlines. Before the first byte, and from the moment the answer is made, a connection waits
in the worker's loop and holds no thread. Malformed HTTP is answered the way the application
answers everything else.
"""

import json
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from socket import SHUT_RD, SHUT_RDWR, SHUT_WR
from types import SimpleNamespace
from typing import Any, Final

import structlog
from gunicorn import util
from gunicorn.http import errors as http
from gunicorn.http.body import ChunkedReader
from gunicorn.workers.gthread import ThreadWorker

from app.api.headers import SECURITY_HEADERS
from app.api.probes import HEALTH
from app.server.deadlines import Deadlines
from app.server.outbox import Outbox

HEAD_SECONDS: Final = 5.0
BODY_SECONDS: Final = 10.0
"""Both count from the first byte: a crowd of slow clients is cut as soon as a single one."""

ANSWER_SECONDS: Final = 30.0
"""From the last byte read to the last byte sent."""

LINGER_SECONDS: Final = 2.0
"""How long a client may take to hang up. Closed sooner, it could lose the end of the answer."""

UNSENT_BYTES: Final = 64 * 2**20
"""How much a worker keeps for clients that are slow to read, all together."""

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
    """Cuts connections that take too long; checked about once a second."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.deadlines = Deadlines()
        self._slow_readers: set[Any] = set()

    def enqueue_req(self, conn: Any) -> None:
        """Let a connection wait for its first byte, then for a thread; its time runs already."""
        if not conn.initialized and not conn.data_ready:
            conn.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(conn)
            self.poller.register(
                conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn)
            )
            return
        conn.arrived = time.monotonic()
        conn.outbox = Outbox(conn.sock)
        self.deadlines.set(conn, conn.arrived + HEAD_SECONDS, SHUT_RD)
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Run the application, which reads the body on the clock and waits for no reader."""
        self.await_answer(conn)
        if _is_long(req.body.reader):
            # If it is refused unread, gunicorn gives up draining it and closes the connection,
            # so the answer must say so; otherwise the client's next request is lost.
            req.force_close()
        req.body.reader = _TimedReader(self, conn, req.body.reader)
        answering = SimpleNamespace(sock=conn.outbox, client=conn.client, server=conn.server)
        return super().handle_request(req, answering)

    def await_answer(self, conn: Any) -> None:
        """Give a connection the time of an answer, from now on."""
        self.deadlines.set(conn, time.monotonic() + ANSWER_SECONDS, SHUT_RDWR)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Send what is unsent from the worker's loop; then keep the connection, or end it."""
        try:
            conn.sock.settimeout(0)
            is_sent = conn.outbox.flush()
        except OSError:
            self._close(conn)
            return
        if is_sent:
            self.deadlines.clear(conn)
            if _is_kept(fs):
                super().finish_request(conn, fs)
            else:
                self._linger(conn)
        elif len(conn.outbox) + sum(len(one.outbox) for one in self._slow_readers) > UNSENT_BYTES:
            self._close(conn)
        else:
            self._slow_readers.add(conn)
            self.poller.register(conn.sock, EVENT_WRITE, partial(self._on_writable, conn, fs))

    def murder_pending(self) -> None:
        """Cut the overdue, at the one moment the worker's loop has for it."""
        super().murder_pending()
        self.deadlines.cut_overdue()

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

    def _on_writable(self, conn: Any, fs: Any, _sock: Any) -> None:
        self.poller.unregister(conn.sock)
        self._slow_readers.discard(conn)
        self.finish_request(conn, fs)

    def _linger(self, conn: Any) -> None:
        """End a connection (RFC 9112, 9.6) without gunicorn's wait, which stops the loop."""
        try:
            conn.sock.shutdown(SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self.deadlines.set(conn, time.monotonic() + LINGER_SECONDS, SHUT_RDWR)
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_lingering, conn))

    def _on_lingering(self, conn: Any, _sock: Any) -> None:
        try:
            if conn.sock.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # It was reset, or its time is over.
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: Any) -> None:
        self.deadlines.clear(conn)
        self.nr_conns -= 1
        conn.close()


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
        self._worker.deadlines.set(self._conn, self._conn.arrived + BODY_SECONDS, SHUT_RD)
        try:
            return self._reader.read(*args)
        finally:
            self._worker.await_answer(self._conn)


def _is_kept(fs: Any) -> bool:
    return not fs.cancelled() and fs.exception() is None and bool(fs.result())


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
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
    )
    protection = "".join(f"{name}: {value}\r\n" for name, value in SECURITY_HEADERS.items())
    return f"{head}{protection}\r\n".encode("ascii") + body
