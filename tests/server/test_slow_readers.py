"""Answers that a client does not read: kept without waiting, sent in order, and cut in time."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from app.server.deadlines import Deadlines
from app.server.outbox import Outbox

ANSWER = bytes(range(256)) * 20_000


@dataclass(eq=False)
class Connection:
    """As much of gunicorn's as a deadline needs."""

    sock: socket.socket


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Ours and the client's end, with hardly any room between them."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.settimeout(5)
        yield ours, theirs


def test_writing_does_not_wait_for_the_reader(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    outbox = Outbox(sockets[0])
    began = time.monotonic()

    outbox.sendall(ANSWER)

    assert time.monotonic() - began < 1
    assert 0 < len(outbox) < len(ANSWER)
    assert not outbox.flush()


def test_slow_reader_gets_every_byte_in_order(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    outbox = Outbox(sockets[0])
    received = b""

    outbox.sendall(b"head")
    outbox.sendall(ANSWER)
    outbox.sendall(b"tail")
    while len(received) < len(ANSWER) + 8:
        received += sockets[1].recv(65536)
        outbox.flush()

    assert received == b"head" + ANSWER + b"tail"
    assert len(outbox) == 0


def test_overdue_answer_is_cut(sockets: tuple[socket.socket, socket.socket]) -> None:
    deadlines, connection, outbox = Deadlines(), Connection(sockets[0]), Outbox(sockets[0])
    outbox.sendall(ANSWER)

    deadlines.set(connection, time.monotonic() - 0.1, socket.SHUT_RDWR)
    deadlines.cut_overdue()

    with pytest.raises(BrokenPipeError):
        outbox.flush()


def test_later_deadline_takes_the_place_of_the_first(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    deadlines, connection = Deadlines(), Connection(sockets[0])

    deadlines.set(connection, time.monotonic() - 0.1, socket.SHUT_RD)
    deadlines.set(connection, time.monotonic() + 60, socket.SHUT_RDWR)
    deadlines.cut_overdue()
    sockets[1].sendall(b"still here")

    assert sockets[0].recv(100) == b"still here"


def test_cleared_deadline_cuts_nobody(sockets: tuple[socket.socket, socket.socket]) -> None:
    deadlines, connection = Deadlines(), Connection(sockets[0])

    deadlines.set(connection, time.monotonic() - 0.1, socket.SHUT_RDWR)
    deadlines.clear(connection)
    deadlines.cut_overdue()
    sockets[1].sendall(b"still here")

    assert sockets[0].recv(100) == b"still here"
