"""The gunicorn worker: threads that answer requests, and a loop that waits for clients.

gunicorn gives a thread to whoever has sent a byte, and its limits measure silence; so a few dozen
clients that send a byte now and then, or read none, stop the service. Here a request gets a thread
when all of it has arrived, and the thread is free when the answer is made; everything else is
``app.server.reception``. gunicorn's parser stays the only judge of HTTP.
"""

import errno
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from selectors import EVENT_READ
from typing import Any, Final

import structlog
from gunicorn import http
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData
from gunicorn.workers.gthread import ThreadWorker

from app.api.limits import MAX_PUSH_BYTES
from app.api.probes import HEALTH
from app.server.connections import Connection, Waiting
from app.server.inbox import HEAD_BYTES
from app.server.orders import Order, Orders
from app.server.outbox import ClientGone
from app.server.reception import ANSWER_SECONDS, BODY_SECONDS, Reception
from app.server.refusals import BUSY, find_refusal, write_refusal

QUEUE_SECONDS: Final = 2.0
"""How long a whole request waits for a thread."""

TICK_SECONDS: Final = 0.05
PATIENCE_TICKS: Final = 3
"""A worker whose threads are busy takes connections only after others had so long to take them."""

LEFTOVERS: Final = 128
"""How many it takes then, in one tick."""

EXIT_SECONDS: Final = 3.0
"""How long the end of a stopping process takes, its last mail included."""

_PROBES: Final = (b"GET /healthz ", b"GET /readyz ", b"GET /metrics ")

log = structlog.get_logger(__name__)


class DeadlineWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves until it is ordered otherwise."""

    max_requests: int
    sockets: list[Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.orders = Orders()
        # gunicorn would end after so many requests; this worker asks to be replaced.
        self._worn_after, self.max_requests = self.max_requests, sys.maxsize
        self._queue: deque[Waiting] = deque()
        self._running = 0
        self._newcomers: set[Connection] = set()
        self._is_full = False
        self._patience = 0
        self._next_tick = 0.0

    def init_signals(self) -> None:
        """Leave Ctrl-C, which reaches every process of a terminal, to the master."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, self._wake_up)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Drain, whoever says so: service managers send SIGTERM to every process."""
        self.orders.give(Order.DRAIN)
        self._wake_up(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:  # noqa: ARG002 - as gunicorn calls it
        """End at once: Python itself would wait for every thread that answers."""
        os._exit(0)

    def run(self) -> None:
        """Serve; if the service stops, say so and serve on for a while; finish what was begun."""
        settings = self.app.settings
        self.poller.register(
            self.method_queue.fileno(), EVENT_READ, self.method_queue.run_callbacks
        )
        self._probes = {start: ThreadPoolExecutor(1) for start in _PROBES}
        self.clients = Reception(
            self.poller,
            self._enqueue,
            max_body=max(settings.max_body_bytes, MAX_PUSH_BYTES),
            idle_seconds=self.cfg.keepalive,
        )
        self._turn_until(
            lambda: self.orders.current is not Order.SERVE or not self.is_parent_alive()
        )
        self.alive = False  # From now on every answer says that its connection is closed.
        seconds = BODY_SECONDS + QUEUE_SECONDS + ANSWER_SECONDS
        if self.orders.current is Order.DRAIN:
            self.wsgi.extensions[HEALTH].drain()
            end = time.monotonic() + settings.draining
            self._turn_until(lambda: time.monotonic() >= end)
            self._take_leftovers(sys.maxsize)
            seconds = self.cfg.graceful_timeout - settings.draining - EXIT_SECONDS
        self._finish(time.monotonic() + seconds)

    def accept(self, listener: Any) -> bool:
        """Take a connection, if need be in the place of the one that waits longest."""
        if len(self.clients) >= self.worker_connections and not self.clients.cut_longest():
            self._is_full = True
            return False
        try:
            raw, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:  # There are no more files, or no memory.
            log.warning("accept_failed", error=errno.errorcode.get(error.errno or 0))
            self._is_full = True
            self.clients.cut_longest()
            return False
        self._newcomers.add(self.clients.admit(raw, client, listener.getsockname()))
        return True

    def handle(self, conn: Connection, message: bytes) -> bool:
        """Answer a request, in a thread; tell whether the connection is kept."""
        is_kept = self._answer(conn, message)
        if not self.alive:  # The loop, which sends what is left, may have ended.
            with suppress(ClientGone):
                conn.sock.flush()
        return is_kept

    def _answer(self, conn: Connection, message: bytes) -> bool:
        unanswered = conn.sock.taken
        try:
            parser = http.get_parser(self.cfg, [message], conn.client)
            req = next(parser)
            if parser.unreader.buf.getbuffer().nbytes != getattr(req.body.reader, "length", None):
                req.force_close()  # Where the next request begins is not known for sure.
            req._expected_100_continue = False  # noqa: SLF001 - the loop has answered it
            return bool(self.handle_request(req, conn))
        except (ClientGone, StopIteration):
            return False  # gunicorn raises the latter, after logging why the answer broke off.
        except NoMoreData as error:
            if len(message) < HEAD_BYTES:
                return False  # The client hung up in the middle.
            failure: Exception = LimitRequestHeaders(error)
        except Exception as error:  # noqa: BLE001 - nobody behind this one would answer
            failure = error
        refusal = write_refusal(find_refusal(failure), failure)
        if conn.sock.taken == unanswered:
            conn.sock.sendall(refusal)
        return False

    def _wake_up(self, _sig: int, _frame: Any) -> None:
        self.method_queue.defer(lambda: None)

    def _turn_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            self.notify()
            now = time.monotonic()
            if now >= self._next_tick:
                self._next_tick = now + TICK_SECONDS
                self._tick(now)
            has_room = self._has_room()
            if self.sockets:
                self.set_accept_enabled(has_room)
            is_idle = self.alive and has_room and not len(self.clients)  # Ticks make room.
            self.wait_for_and_dispatch_events(1.0 if is_idle else TICK_SECONDS)

    def _tick(self, now: float) -> None:
        self.clients.end_overdue(now)
        while self._queue and self._queue[0].since + QUEUE_SECONDS <= now:
            self.clients.refuse(self._queue.popleft().conn, BUSY)
        if self.nr >= self._worn_after:
            self.orders.wear_out()
        is_patient = not self._has_room() and self._has_leftovers()
        self._patience = self._patience + 1 if is_patient else 0
        self._is_full = False
        self._newcomers.clear()
        if self._patience >= PATIENCE_TICKS:
            self._take_leftovers(LEFTOVERS)

    def _has_room(self) -> bool:
        busy = self._running + len(self._queue) + len(self._newcomers)
        return bool(busy < self.cfg.threads) and not self._is_full

    def _has_leftovers(self) -> bool:
        backlog = select.poll()
        for listener in self.sockets:
            backlog.register(listener, select.POLLIN)
        return bool(self.sockets) and bool(backlog.poll(0))

    def _take_leftovers(self, most: int) -> None:
        for listener in self.sockets:
            for _ in range(most):
                if not self.accept(listener):
                    break

    def _enqueue(self, conn: Connection, message: bytes) -> None:
        self._newcomers.discard(conn)
        probe = next((start for start in _PROBES if message.startswith(start)), None)
        if probe is not None:
            # Neither overload nor a database that says nothing must look like death.
            self._submit(self._probes[probe], conn, message, self._conclude)
        else:
            self._queue.append(Waiting(conn, message, time.monotonic()))
            self._dispatch()

    def _dispatch(self) -> None:
        while self._queue and self._running < self.cfg.threads:
            conn, message, _since = self._queue.popleft()
            self._running += 1
            self._submit(self.tpool, conn, message, self._release)

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        conn: Connection,
        message: bytes,
        done: Callable[[Connection, Future[bool]], None],
    ) -> None:
        future = pool.submit(self.handle, conn, message)
        future.add_done_callback(lambda future: self.method_queue.defer(done, conn, future))

    def _release(self, conn: Connection, future: Future[bool]) -> None:
        self._running -= 1
        self._dispatch()
        self._conclude(conn, future)

    def _conclude(self, conn: Connection, future: Future[bool]) -> None:
        conn.is_kept = future.exception() is None and future.result()
        self.clients.conclude(conn)

    def _finish(self, deadline: float) -> None:
        """Take no more connections, and end when the last one has ended."""
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        self.sockets = []
        self.clients.hurry()
        self._turn_until(lambda: not len(self.clients) or time.monotonic() >= deadline)
        self.tpool.shutdown(wait=False)
        for pool in self._probes.values():
            pool.shutdown(wait=False)
