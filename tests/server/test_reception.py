"""What a worker's loop does with clients: who is passed on, who waits, and who is cut first."""

import selectors
import socket
import time
from collections.abc import Iterator

import pytest

from app.server import reception
from app.server.connections import Connection, Crowd
from app.server.reception import Reception
from app.server.refusals import BUSY

GET = b"GET / HTTP/1.1\r\n\r\n"
HEAD_OF_POST = b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"


class Loop:
    """As much of a worker as its clients notice.

    Attributes:
        passed_on: The connections that have sent a request, and the requests.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self.passed_on: list[tuple[Connection, bytes]] = []
        self.clients = Reception(
            self._selector,
            lambda conn, message: self.passed_on.append((conn, message)),
            max_body=1_000_000,
            idle_seconds=5,
        )

    def connect(self) -> socket.socket:
        """Return the client's end of a new connection."""
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.settimeout(5)
        self._sockets += (ours, theirs)
        self.clients.admit(ours, "client", "server")
        return theirs

    def turn(self) -> None:
        """Do all there is to do at this moment."""
        while events := self._selector.select(0):
            for key, _ in events:
                key.data(key.fileobj)

    def close(self) -> None:
        for each in self._sockets:
            each.close()
        self._selector.close()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(reception, "KEPT_BYTES", 1)  # Twice the longest body, then: 2 MB.
    loop = Loop()
    yield loop
    loop.close()


def send(loop: Loop, client: socket.socket, data: bytes) -> None:
    """Send more than the kernel takes at once."""
    client.settimeout(0)
    while data:
        try:
            data = data[client.send(data) :]
        except BlockingIOError:
            loop.turn()
    loop.turn()
    client.settimeout(5)


def is_cut(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        while client.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def answer(loop: Loop, data: bytes, *, is_kept: bool = True) -> None:
    """Answer the request that was passed on last."""
    conn, _ = loop.passed_on.pop()
    conn.sock.sendall(data)
    conn.is_kept = is_kept
    loop.clients.conclude(conn)
    loop.turn()


def test_next_request_is_read_after_the_answer(loop: Loop) -> None:
    client = loop.connect()

    send(loop, client, GET + HEAD_OF_POST)
    assert [message for _, message in loop.passed_on] == [GET]
    answer(loop, b"first")
    assert loop.passed_on == []
    send(loop, client, b"x" * 1_000_000)

    assert client.recv(100) == b"first"
    assert loop.passed_on[0][1] == HEAD_OF_POST + b"x" * 1_000_000


def test_requests_that_fill_the_memory_are_cut_the_slowest_first(loop: Loop) -> None:
    idle, *slow = [loop.connect() for _ in range(5)]
    for client in slow:
        send(loop, client, HEAD_OF_POST)
        send(loop, client, b"x" * 600_000)

    assert [is_cut(client) for client in (idle, *slow)] == [False, True, False, False, False]
    assert len(loop.clients) == 4


def test_requests_that_wait_and_fill_the_memory_are_refused(loop: Loop) -> None:
    clients = [loop.connect() for _ in range(4)]
    for client in clients:
        send(loop, client, HEAD_OF_POST + b"x" * 1_000_000)

    assert len(loop.passed_on) == 1
    assert [client.recv(12) for client in clients[1:]] == [b"HTTP/1.1 503"] * 3

    answer(loop, b"done")
    send(loop, clients[0], HEAD_OF_POST + b"x" * 1_000_000)
    assert len(loop.passed_on) == 1


def test_answers_that_fill_the_memory_are_cut_the_slowest_first(loop: Loop) -> None:
    slow = [loop.connect() for _ in range(4)]
    for client in slow:
        send(loop, client, GET)
        answer(loop, b"x" * 600_000)

    assert len(loop.clients) == 3
    assert is_cut(slow[0])
    assert not is_cut(slow[3])


def test_answer_is_sent_as_its_client_reads(loop: Loop) -> None:
    client = loop.connect()
    send(loop, client, GET)

    answer(loop, b"x" * 1_500_000, is_kept=False)

    received = 0
    while piece := client.recv(65536):
        received += len(piece)
        loop.turn()
    assert received == 1_500_000


def test_place_is_made_by_those_that_wait_longest(loop: Loop) -> None:
    answered, oldest, newest = loop.connect(), loop.connect(), loop.connect()
    send(loop, answered, GET)
    answer(loop, b"last", is_kept=False)

    cut = []
    while loop.clients.cut_longest():
        cut.append([is_cut(client) for client in (oldest, newest)])

    assert cut == [[False, False], [True, False], [True, True]]
    assert len(loop.clients) == 0


def test_overdue_is_refused_if_it_has_begun_and_closed_if_not(loop: Loop) -> None:
    silent, begun = loop.connect(), loop.connect()
    send(loop, begun, b"GET / HTTP/1.1\r\n")

    loop.clients.end_overdue(time.monotonic() + 4)
    assert not is_cut(silent)
    loop.clients.end_overdue(time.monotonic() + 6)

    assert is_cut(silent)
    begun.settimeout(5)
    assert begun.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_hurry_leaves_time_for_what_is_on_its_way(loop: Loop) -> None:
    idle, begun = loop.connect(), loop.connect()
    send(loop, begun, b"GET / HTTP/1.1\r\n")

    loop.clients.hurry()
    loop.clients.end_overdue(time.monotonic() + 1)
    assert not is_cut(idle)
    loop.clients.end_overdue(time.monotonic() + 3)

    assert is_cut(idle)
    send(loop, begun, b"\r\n")
    assert [message for _, message in loop.passed_on] == [GET]


def test_refused_client_gets_its_answer_and_the_end(loop: Loop) -> None:
    client = loop.connect()
    send(loop, client, GET)

    loop.clients.refuse(loop.passed_on[0][0], BUSY)

    text = client.recv(65536)
    assert text.startswith(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n")
    assert b"\r\nRetry-After: 1\r\n" in text
    assert client.recv(1) == b""
    client.close()
    loop.turn()
    assert len(loop.clients) == 0


def test_client_that_drips_does_not_make_the_loop_count_everybody_each_time(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = loop.connect()
    send(loop, client, HEAD_OF_POST + b"a" * 100_000)
    counted = []
    monkeypatch.setattr(Crowd, "__iter__", lambda _crowd: iter(counted.append(True) or ()))

    for _ in range(100):
        client.send(b"a")
        loop.turn()

    assert len(counted) <= 2
