"""Everything a worker does with its clients while no thread answers them, without ever waiting.

A connection is in one place at a time: it waits for its request, is answered elsewhere, waits until
its answer is sent, or waits for its client to hang up. Each wait has a total deadline. Knows
nothing of threads and of HTTP.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from typing import Any, Final

from app.server.connections import Connection, Crowd
from app.server.inbox import HEAD_BYTES
from app.server.outbox import ClientGone
from app.server.refusals import BUSY, TIMEOUT, Refusal, write_refusal

HEAD_SECONDS: Final = 5.0
BODY_SECONDS: Final = 10.0
"""Both count from the first byte."""

ANSWER_SECONDS: Final = 30.0
"""From the moment a request is whole to the last byte of its answer."""

LINGER_SECONDS: Final = 2.0
"""How long a client may take to hang up. Closed sooner, it could lose the end of the answer."""

KEPT_BYTES: Final = 64 * 2**20
"""How much is kept of unfinished requests, of unanswered ones, and of unread answers, each."""


class Reception:
    """The clients of one worker. Only its loop may call this.

    Args:
        poller: The loop's.
        on_request: Called with a connection and its request, which may be broken off or malformed.
        max_body: The longest body that is waited for.
        idle_seconds: How long a connection may be silent before a request.
    """

    def __init__(
        self,
        poller: BaseSelector,
        on_request: Callable[[Connection, bytes], None],
        *,
        max_body: int,
        idle_seconds: float,
    ) -> None:
        self._on_request = on_request
        self._max_body = max_body
        self._kept_bytes = max(KEPT_BYTES, 2 * max_body)
        self._idle_seconds = idle_seconds
        self._count = 0
        self._passed_on = 0
        self._unweighed = 0
        self._unready = Crowd(poller, EVENT_READ, self._receive, self._give_up)
        self._unsent = Crowd(poller, EVENT_WRITE, self._send_more, self._close)
        self._lingering = Crowd(poller, EVENT_READ, self._discard, self._close)

    def __len__(self) -> int:
        """Return how many connections are open, wherever they are."""
        return self._count

    def admit(self, raw: socket.socket, client: Any, server: Any) -> Connection:
        """Let a new connection wait for its request."""
        conn = Connection(raw, client, server, self._max_body)
        self._count += 1
        self._await_request(conn)
        return conn

    def refuse(self, conn: Connection, refusal: Refusal) -> None:
        """Answer a request that is passed on to nobody."""
        conn.is_kept = False
        with suppress(ClientGone):  # Which is found out below.
            conn.sock.sendall(write_refusal(refusal))
        self.conclude(conn)

    def conclude(self, conn: Connection) -> None:
        """Send what is unsent of an answer; then wait for the next request, or for the end."""
        self._passed_on -= conn.passed_on
        conn.passed_on = 0
        try:
            is_sent = conn.sock.flush()
        except ClientGone:
            self._close(conn)
            return
        if not is_sent:
            self._unsent.add(conn, conn.answer_deadline)
            self._limit(self._unsent, lambda one: len(one.sock))
        elif conn.is_kept:
            self._await_request(conn)
        else:
            self._linger(conn)

    def cut_longest(self) -> bool:
        """Close the connection that has made its client's wait longest; tell whether there is one.

        Those that are answered go first, then those that have not sent a request.
        """
        crowds = (self._lingering, self._unready, self._unsent)
        crowd = next((crowd for crowd in crowds if len(crowd)), None)
        if crowd is not None:
            self._close(crowd.pop())
        return crowd is not None

    def end_overdue(self, now: float) -> None:
        """End every wait whose time is over."""
        for crowd in (self._unready, self._unsent, self._lingering):
            crowd.end_overdue(now)

    def hurry(self) -> None:
        """Wait no longer for requests than for those that are on their way already."""
        self._idle_seconds = min(self._idle_seconds, LINGER_SECONDS)
        for conn in self._unready:
            if conn.arrived is None:
                conn.deadline = min(conn.deadline, time.monotonic() + LINGER_SECONDS)

    def _await_request(self, conn: Connection) -> None:
        conn.arrived = None
        self._unready.add(conn, time.monotonic() + self._idle_seconds)
        if len(conn.inbox):
            self._advance(conn)

    def _receive(self, conn: Connection) -> None:
        try:
            data = conn.raw.recv(HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            conn.inbox.add(data)
            self._advance(conn)
            self._weigh(len(data))
            return
        self._unready.remove(conn)
        if len(conn.inbox):
            self._pass_on(conn, conn.inbox.take_rest())
        else:
            self._close(conn)

    def _advance(self, conn: Connection) -> None:
        """Pass the request on if it need not be waited for; otherwise set its deadline."""
        message = conn.inbox.take()
        if message is not None:
            self._unready.remove(conn)
            self._pass_on(conn, message)
            return
        conn.arrived = conn.arrived or time.monotonic()
        conn.deadline = conn.arrived + (BODY_SECONDS if conn.inbox.has_head else HEAD_SECONDS)
        if conn.inbox.must_invite():
            with suppress(ClientGone):  # Which the next read tells.
                conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                conn.sock.flush()

    def _weigh(self, size: int) -> None:
        """Limit what is kept of unfinished requests, but not anew for each byte that drips in."""
        self._unweighed += size
        if self._unweighed > HEAD_BYTES:
            self._unweighed = 0
            self._limit(self._unready, lambda one: len(one.inbox))

    def _pass_on(self, conn: Connection, message: bytes) -> None:
        conn.answer_deadline = conn.sock.deadline = time.monotonic() + ANSWER_SECONDS
        conn.passed_on = len(message)
        self._passed_on += conn.passed_on
        if self._passed_on > self._kept_bytes:
            self.refuse(conn, BUSY)
        else:
            self._on_request(conn, message)

    def _give_up(self, conn: Connection) -> None:
        if conn.arrived is None:
            self._close(conn)
        else:
            conn.answer_deadline = time.monotonic() + LINGER_SECONDS
            self.refuse(conn, TIMEOUT)

    def _limit(self, crowd: Crowd, size: Callable[[Connection], int]) -> None:
        """Cut those that keep much, the slowest first, until all together keep little enough."""
        excess = sum(map(size, crowd)) - self._kept_bytes
        for conn in [conn for conn in crowd if size(conn) > HEAD_BYTES]:
            if excess <= 0:
                return
            excess -= size(conn)
            crowd.remove(conn)
            self._close(conn)

    def _send_more(self, conn: Connection) -> None:
        self._unsent.remove(conn)
        self.conclude(conn)

    def _linger(self, conn: Connection) -> None:
        """End a connection without losing what is on its way (RFC 9112, 9.6)."""
        try:
            conn.raw.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._lingering.add(conn, time.monotonic() + LINGER_SECONDS)

    def _discard(self, conn: Connection) -> None:
        try:
            if conn.raw.recv(HEAD_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # It was reset.
        self._lingering.remove(conn)
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        self._count -= 1
        conn.raw.close()
