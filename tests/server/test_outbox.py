"""Answers that a client does not read: kept without waiting, and sent in order."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from gunicorn.util import close_graceful

from app.server.outbox import MOST_UNSENT, ClientGone, Outbox

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


def test_head_goes_with_its_body(sockets: tuple[socket.socket, socket.socket]) -> None:
    outbox = Outbox(sockets[0])
    sockets[1].settimeout(0)

    outbox.sendall(b"head ")
    with pytest.raises(BlockingIOError):
        sockets[1].recv(100)
    outbox.sendall(b"body")

    assert outbox.flush()
    assert sockets[1].recv(100) == b"head body"
    assert outbox.taken == len(b"head body")


def test_answer_that_breaks_off_is_sent_as_far_as_it_was_written(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    outbox = Outbox(sockets[0])

    outbox.sendall(b"head and a piece")
    close_graceful(outbox, timeout=0)

    assert sockets[1].recv(100) == b"head and a piece"
    assert sockets[1].recv(100) == b""


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


def test_answer_without_end_waits_for_its_reader(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    outbox = Outbox(sockets[0])
    outbox.deadline = time.monotonic() + 20
    piece, pieces = ANSWER, 2 * MOST_UNSENT // len(ANSWER)
    received = bytearray()

    def read() -> None:
        while len(received) < pieces * len(piece):
            received.extend(sockets[1].recv(2**20))

    reader = threading.Thread(target=read)
    reader.start()
    most = 0
    for _ in range(pieces):
        outbox.sendall(piece)
        most = max(most, len(outbox))
    while not outbox.flush():
        time.sleep(0.001)
    reader.join()

    assert received == piece * pieces
    assert most <= MOST_UNSENT


def test_reader_who_never_reads_on_is_given_up(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    outbox = Outbox(sockets[0])
    outbox.deadline = time.monotonic() + 0.2

    with pytest.raises(ClientGone):
        outbox.sendall(bytes(MOST_UNSENT + 10**6))

    assert time.monotonic() >= outbox.deadline
