"""Requests found in a stream of bytes, however it is cut into pieces."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.server.inbox import HEAD_BYTES, Inbox

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
PUT = b"PUT / HTTP/1.1\r\ncontent-LENGTH:\t 3 \r\nHost: a\r\n\r\n\r\n\n"
UNCLEAR = {
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "length and coding": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: a\r\n\r\n",
    "chunked": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "signed length": b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
    "list of lengths": b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
    "folded length": b"POST / HTTP/1.1\r\nContent-Length:\r\n 5\r\n\r\n",
    "endless length": b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "too long a body": b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n",
    "other expectation": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: more\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost",
    "NUL": b"GET / HTTP/1.1\r\nHost: \0",
    "TLS": b"\x16\x03\x01\x02\x00\x01",
    "too long a head": b"GET / HTTP/1.1\r\nX: " + b"a" * HEAD_BYTES,
}


def taken(*pieces: bytes) -> list[bytes]:
    """Return every request that an inbox gives when these pieces arrive."""
    inbox, found = Inbox(100), []
    for piece in pieces:
        inbox.add(piece)
        while (message := inbox.take()) is not None:
            found.append(message)
    return found


@given(st.permutations([GET, POST, PUT, GET]), st.data())
def test_requests_are_found_however_they_are_cut(
    requests: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(requests)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20).map(sorted))

    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert taken(*pieces) == requests


def test_byte_by_byte_is_as_good_as_at_once() -> None:
    stream = GET + POST + PUT

    assert taken(*(bytes([byte]) for byte in stream)) == taken(stream) == [GET, POST, PUT]


@pytest.mark.parametrize("missing", range(1, len(POST)))
def test_part_of_a_request_is_waited_for(missing: int) -> None:
    assert taken(POST[:-missing]) == []


@pytest.mark.parametrize("unclear", [pytest.param(data, id=name) for name, data in UNCLEAR.items()])
def test_what_is_unclear_is_handed_over_at_once(unclear: bytes) -> None:
    assert taken(unclear) == [unclear]


def test_head_that_is_too_long_is_handed_over_without_its_end() -> None:
    head = (
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: %01200d\r\n" % (n, n) for n in range(55)) + b"\r\n"
    )

    for pieces in ([head], [head[:HEAD_BYTES], head[HEAD_BYTES:]]):
        (message,) = taken(*pieces)
        assert HEAD_BYTES <= len(message) < len(head)


def test_expecting_client_is_invited_once() -> None:
    inbox = Inbox(100)
    inbox.add(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n")

    assert inbox.take() is None
    assert [inbox.must_invite(), inbox.must_invite()] == [True, False]

    inbox.add(b"hello" + POST)
    assert (inbox.take() or b"").endswith(b"hello")
    assert inbox.take() == POST
    assert not inbox.must_invite()


def test_client_of_an_old_version_is_not_invited() -> None:
    inbox = Inbox(100)
    inbox.add(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")

    assert inbox.take() is None
    assert not inbox.must_invite()


def test_expecting_client_is_not_invited_to_send_too_much() -> None:
    inbox = Inbox(100)
    inbox.add(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n")

    assert inbox.take() is not None
    assert not inbox.must_invite()


@pytest.mark.parametrize("filler", [b" ", b"\t", b"\r", b"\r\n", b"a", b"content-length:"])
def test_no_head_takes_long_to_judge(filler: bytes) -> None:
    head = (b"GET / HTTP/1.1\r\nContent-Length:" + filler * HEAD_BYTES)[: HEAD_BYTES - 8]
    began = time.monotonic()

    taken(*(head[start : start + 1024] for start in range(0, len(head), 1024)), b"\r\n\r\n")

    assert time.monotonic() - began < 1
