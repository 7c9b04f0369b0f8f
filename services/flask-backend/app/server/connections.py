"""A client's connection, and those that wait: for a thread, or in crowds for their clients.

Only the worker's loop touches them; a thread has a connection for as long as it answers a request,
and then nobody else has it.
"""

import socket
from collections.abc import Callable, Iterator
from selectors import BaseSelector
from typing import Any, NamedTuple

from app.server.inbox import Inbox
from app.server.outbox import Outbox


class Connection:
    """One client.

    Args:
        raw: The socket. It never waits.
        client: The client's address.
        server: Ours.
        max_body: The longest body that is waited for.

    Attributes:
        inbox: What is read of the next request.
        sock: What is not sent of the answer; gunicorn writes to it as to a socket.
        arrived: When the first byte of the request was read; None: there is none.
        deadline: When whatever it waits for must have happened.
        answer_deadline: When the answer must be sent.
        passed_on: How many bytes the request has that is being answered.
        is_kept: Whether another request may follow the answer.
    """

    def __init__(self, raw: socket.socket, client: Any, server: Any, max_body: int) -> None:
        raw.settimeout(0)
        self.raw = raw
        self.client = client
        self.server = server
        self.inbox = Inbox(max_body)
        self.sock = Outbox(raw)
        self.arrived: float | None = None
        self.deadline = 0.0
        self.answer_deadline = 0.0
        self.passed_on = 0
        self.is_kept = False


class Waiting(NamedTuple):
    """A request that waits for a thread."""

    conn: Connection
    message: bytes
    since: float


class Crowd:
    """The connections that wait for the same, the one that waits longest first.

    Args:
        poller: Tells when what is waited for has happened.
        event: What that is: ``EVENT_READ`` or ``EVENT_WRITE``.
        on_event: Called with the connection then; it is still in the crowd.
        on_overdue: Called with a connection whose deadline has passed, and which has left.
    """

    def __init__(
        self,
        poller: BaseSelector,
        event: int,
        on_event: Callable[[Connection], None],
        on_overdue: Callable[[Connection], None],
    ) -> None:
        self._poller = poller
        self._event = event
        self._on_event = on_event
        self._on_overdue = on_overdue
        self._waiting: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._waiting)

    def add(self, conn: Connection, deadline: float) -> None:
        """Let a connection wait until a moment of ``time.monotonic``."""
        conn.deadline = deadline
        self._waiting[conn] = None
        self._poller.register(conn.raw, self._event, lambda _: self._report(conn))

    def remove(self, conn: Connection) -> None:
        """Let a connection wait no longer."""
        del self._waiting[conn]
        self._poller.unregister(conn.raw)

    def pop(self) -> Connection:
        """Return the connection that waits longest, after removing it."""
        conn = next(iter(self._waiting))
        self.remove(conn)
        return conn

    def end_overdue(self, now: float) -> None:
        """Remove every connection whose deadline has passed, and report each."""
        for conn in [conn for conn in self._waiting if conn.deadline <= now]:
            self.remove(conn)
            self._on_overdue(conn)

    def _report(self, conn: Connection) -> None:
        # Another event of the same turn may have ended its wait.
        if conn in self._waiting:
            self._on_event(conn)
