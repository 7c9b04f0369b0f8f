"""Answers that a client does not read: kept without waiting, and sent in order."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from app.server.outbox import Outbox

ANSWER = bytes(range(256)) * 20_000


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
