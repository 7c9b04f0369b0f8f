"""Bytes no honest client sends: one answer each, and nothing that hides in them is executed.

Every message is followed by two more on the same connection: a write that must never happen, and
a harmless request. Whoever reads the first message as it stands sees the write as a part of it, or
stops reading. So there is one answer and the end; or, if the message was read whole, a second
answer, to the harmless request. The ids begin with a row of the fault list: C3, C4, ...
"""

import json
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.test_journey import register
from tests.support.backend import Backend
from tests.support.headers import missing_protection

VALID = b'{"action_type":"A","payload":{}}'
FOLLOWING = (
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-ID: following\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True)
class Victim:
    """An account on a running server, and the write that nobody may smuggle into it."""

    backend: Backend
    token: str
    stolen_id: str

    @property
    def hidden(self) -> bytes:
        """A complete request that stores an action."""
        body = json.dumps({"id": self.stolen_id, "action_type": "HIDDEN", "payload": {}}).encode()
        return self.head(b"X-Request-ID: hidden-request\r\n") + length(body) + b"\r\n" + body

    def head(self, headers: bytes, line: bytes = b"POST /api/v1/history HTTP/1.1") -> bytes:
        """A head that lacks its length and the empty line."""
        return (
            line
            + b"\r\nHost: a\r\nAuthorization: Bearer "
            + self.token.encode()
            + b"\r\nContent-Type: application/json\r\n"
            + headers
        )

    def is_untouched(self) -> bool:
        """Tell whether the hidden request was not executed."""
        with self.backend.client(headers={"Authorization": f"Bearer {self.token}"}) as client:
            return client.get(f"/api/v1/history/{self.stolen_id}").status_code == 404


@dataclass(frozen=True)
class Answer:
    """One answer on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def exchange(backend: Backend, *pieces: bytes) -> list[Answer]:
    """Send bytes, end our side, and return every answer until the server ends its own."""
    with closing(socket.create_connection(("127.0.0.1", backend.port), timeout=20)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            time.sleep(0.02 if number else 0)  # So that the server reads one by one.
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return list(read_answers(received))


def read_answers(received: bytes) -> Iterator[Answer]:
    while received:
        head, found, rest = received.partition(b"\r\n\r\n")
        assert found, received
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        size = int(headers.get("Content-Length", "0"))
        assert len(rest) >= size, received
        yield Answer(int(status.split()[1]), headers, rest[:size])
        received = rest[size:]


@pytest.fixture(scope="module")
def token(sqlite_backend: Backend) -> str:
    """Return a token that the attacker knows, which is the worst case."""
    with sqlite_backend.client() as client:
        register(client, f"{uuid.uuid4()}@example.com")
        return client.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def victim(sqlite_backend: Backend, token: str) -> Victim:
    """An account, and an action that it does not have."""
    return Victim(sqlite_backend, token, str(uuid.uuid4()))


def judge(victim: Victim, message: bytes, *statuses: int) -> None:
    """Send a message with the hidden request in it, and look for its one answer."""
    answers = exchange(victim.backend, message + FOLLOWING)
    check(victim, answers, *statuses)


def check(victim: Victim, answers: list[Answer], *statuses: int) -> None:
    """Look for the one answer to a message, and for nothing of the hidden request."""
    assert victim.is_untouched()
    assert answers[0].status in statuses, answers
    assert missing_protection("/", answers[0].headers) == {}
    if answers[0].status >= 400:
        assert answers[0].headers["Content-Type"] == "application/problem+json"
        assert json.loads(answers[0].body)["status"] == answers[0].status
    if len(answers) > 1:
        assert [answer.headers.get("X-Request-ID") for answer in answers[1:]] == ["following"]
        assert answers[1].status == 200
    assert "hidden-request" not in [answer.headers.get("X-Request-ID") for answer in answers]


# A front and a back that disagree: for one the coding counts, for the other the length.
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CODINGS = {
    "plain": CHUNKED,
    "in capitals": b"TRANSFER-ENCODING: CHUNKED\r\n",
    "after a tab": b"Transfer-Encoding:\tchunked\r\n",
    "before a tab": b"Transfer-Encoding: chunked\t\r\n",
    "without a space": b"Transfer-Encoding:chunked\r\n",
    "unknown": b"Transfer-Encoding: xchunked\r\n",
    "empty": b"Transfer-Encoding: \r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
    "identity first": b"Transfer-Encoding: identity, chunked\r\n",
    "identity last": b"Transfer-Encoding: chunked, identity\r\n",
    "gzip first": b"Transfer-Encoding: gzip, chunked\r\n",
    "gzip last": b"Transfer-Encoding: chunked, gzip\r\n",
    "twice": CHUNKED + CHUNKED,
    "twice in a list": b"Transfer-Encoding: chunked, chunked\r\n",
    "and another": CHUNKED + b"Transfer-Encoding: cow\r\n",
    "after another": b"Transfer-Encoding: cow\r\n" + CHUNKED,
    "with a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "quoted": b'Transfer-Encoding: "chunked"\r\n',
    "after a comma": b"Transfer-Encoding: ,chunked\r\n",
    "after a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
    "before a NUL": b"Transfer-Encoding: chunked\0\r\n",
    "with a long s": "Transfer-Encoding: chunked\u017f\r\n".encode(),
    "with a byte beyond ASCII": b"Transfer-Encoding: chunk\xe9d\r\n",
    "space before the colon": b"Transfer-Encoding : chunked\r\n",
    "tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
    "NUL before the colon": b"Transfer-Encoding\0: chunked\r\n",
    "space before the name": b" Transfer-Encoding: chunked\r\n",
    "folded": b"Transfer-Encoding:\r\n chunked\r\n",
    "underscore": b"Transfer_Encoding: chunked\r\n",
    "behind a bare LF": b"X: x\nTransfer-Encoding: chunked\r\n",
    "behind a bare CR": b"X: x\rTransfer-Encoding: chunked\r\n",
    "ended by a bare LF": b"Transfer-Encoding: chunked\n",
    "CR in the name": b"Transfer\r-Encoding: chunked\r\n",
}
LENGTHS = {
    "with a plus": b"Content-Length: +%d\r\n",
    "with a minus": b"Content-Length: -%d\r\n",
    "in hex": b"Content-Length: 0x%x\r\n",
    "with an exponent": b"Content-Length: %de0\r\n",
    "with a fraction": b"Content-Length: %d.0\r\n",
    "with an underscore": b"Content-Length: 0_%d\r\n",
    "with a space inside": b"Content-Length: 0 %d\r\n",
    "with a comment": b"Content-Length: %d;\r\n",
    "as a list of two": b"Content-Length: %d, 0\r\n",
    "as a list of the same": b"Content-Length: %(size)d, %(size)d\r\n",
    "empty": b"Content-Length: \r\n",
    "word": b"Content-Length: chunked\r\n",
    "superscript": b"Content-Length: \xb2\r\n",
    "in other digits": "Content-Length: \u0663\r\n".encode(),
    "before a NUL": b"Content-Length: %d\0\r\n",
    "after a vertical tab": b"Content-Length: \x0b%d\r\n",
    "beyond 64 bits": b"Content-Length: 1" + b"0" * 30 + b"\r\n",
    "of 5,000 digits": b"Content-Length: " + b"9" * 5000 + b"\r\n",
    "twice the same": b"Content-Length: %(size)d\r\nContent-Length: %(size)d\r\n",
    "twice, larger first": b"Content-Length: %d\r\nContent-Length: 0\r\n",
    "twice, larger last": b"Content-Length: 0\r\nContent-Length: %d\r\n",
    "space before the colon": b"Content-Length : %d\r\n",
    "underscore": b"Content_Length: %d\r\n",
    "space before the name": b" Content-Length: %d\r\n",
    "behind a bare LF": b"X: x\nContent-Length: %d\r\n",
    "behind a bare CR": b"X: x\rContent-Length: %d\r\n",
}


CHUNKS = {
    "one chunk": b"%(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "size in capitals": b"%(size)X\r\n%(body)s\r\n0\r\n\r\n",
    "size with zeros": b"000%(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "size with 0x": b"0x%(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "size with a plus": b"+%(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "size with a minus": b"-%(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "size with an underscore": b"0_%(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "size after a space": b" %(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "size beyond 64 bits": b"10000000000000000%(size)x\r\n%(body)s\r\n0\r\n\r\n",
    "no size": b"\r\n%(body)s\r\n0\r\n\r\n",
    "extension": b"%(size)x;a=b\r\n%(body)s\r\n0\r\n\r\n",
    "extension with a bare CR": b"%(size)x;a\rb\r\n%(body)s\r\n0\r\n\r\n",
    "extension with a bare LF": b"%(size)x;a\n%(body)s\r\n0\r\n\r\n",
    "lines ended by LF": b"%(size)x\n%(body)s\n0\n\n",
    "last chunk ended by LF": b"%(size)x\r\n%(body)s\r\n0\n\n",
    "no end of the chunk": b"%(size)x\r\n%(body)s0\r\n\r\n",
    "no last chunk": b"%(size)x\r\n%(body)s\r\n",
    "chunk that is too short": b"1\r\n%(body)s\r\n0\r\n\r\n",
    "chunk that is too long": b"ffff\r\n%(body)s\r\n0\r\n\r\n",
    "trailer": b"%(size)x\r\n%(body)s\r\n0\r\nContent-Length: 0\r\n\r\n",
    "trailer with a host": b"%(size)x\r\n%(body)s\r\n0\r\nHost: b\r\n\r\n",
}
# Request lines, and the status that each gets. What is read at all is read as this one target.
LINES = {
    "two spaces": (b"GET  /healthz HTTP/1.1", 400),
    "tab": (b"GET\t/healthz\tHTTP/1.1", 400),
    "no target": (b"GET HTTP/1.1", 400),
    "no version": (b"GET /healthz", 400),
    "further word": (b"GET /healthz HTTP/1.1 x", 400),
    "space in the target": (b"GET /health z HTTP/1.1", 400),
    "NUL in the target": (b"GET /health\0z HTTP/1.1", 400),
    "bare CR in the target": (b"GET /health\rz HTTP/1.1", 400),
    "byte beyond ASCII in the target": (b"GET /health\xffz HTTP/1.1", 400),
    "fragment": (b"GET /healthz#x HTTP/1.1", 400),
    "method in small letters": (b"get /healthz HTTP/1.1", 400),
    "method with odd characters": (b"GE(T /healthz HTTP/1.1", 400),
    "method with a colon": (b"GET: /healthz HTTP/1.1", 400),
    "empty method": (b" /healthz HTTP/1.1", 400),
    "version 0.9": (b"GET /healthz HTTP/0.9", 400),
    "version 2.0": (b"GET /healthz HTTP/2.0", 400),
    "version 1.10": (b"GET /healthz HTTP/1.10", 400),
    "version in small letters": (b"GET /healthz http/1.1", 400),
    "preface of HTTP/2": (b"PRI * HTTP/2.0", 400),
    "line of the PROXY protocol": (b"PROXY TCP4 6.6.6.6 127.0.0.1 1 2", 400),
    "space before the line": (b" GET /healthz HTTP/1.1", 400),
    "two empty lines before": (b"\r\n\r\nGET /healthz HTTP/1.1", 400),
    "bare LF before": (b"\nGET /healthz HTTP/1.1", 400),
    "other host": (b"GET http://evil.example/healthz HTTP/1.1", 400),
    "other host with our name": (b"GET http://a@evil.example/healthz HTTP/1.1", 400),
    "other host and port": (b"GET http://a:81/healthz HTTP/1.1", 400),
    "no host in the target": (b"GET http:///healthz HTTP/1.1", 400),
    "other scheme": (b"GET ftp://a/healthz HTTP/1.1", 400),
    "no slash": (b"GET healthz HTTP/1.1", 400),
    "only a query": (b"GET ?x=1 HTTP/1.1", 400),
    "host as target": (b"GET evil.example:80 HTTP/1.1", 400),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1", 400),
    "TRACE": (b"TRACE /healthz HTTP/1.1", 405),
    "asterisk": (b"OPTIONS * HTTP/1.1", 404),
    "two slashes": (b"GET //healthz HTTP/1.1", 400),
    "encoded slash": (b"GET /%2Fhealthz HTTP/1.1", 400),
    "two slashes after our own host": (b"GET http://a//healthz HTTP/1.1", 400),
    "encoded dots": (b"GET /docs/%2e%2e/healthz HTTP/1.1", 404),
    "backslash": (b"GET /\\healthz HTTP/1.1", 404),
    "parameter of a path": (b"GET /healthz;x=1 HTTP/1.1", 404),
    "slash at the end": (b"GET /healthz/ HTTP/1.1", 404),
    "dots": (b"GET /docs/../healthz HTTP/1.1", 404),
    "our own host": (b"GET http://A/healthz HTTP/1.1", 200),
    "one empty line before": (b"\r\nGET /healthz HTTP/1.1", 200),
    "10,000 parameters": (b"GET /healthz?" + b"&".join([b"a=1"] * 10_000) + b" HTTP/1.1", 414),
    "encoded letters": (b"GET /%68ealthz HTTP/1.1", 200),
}
# What stands in a head besides the line, and the status.
HEADS = {
    "no host": (b"", 400),
    "empty host": (b"Host: \r\n", 400),
    "two hosts": (b"Host: a\r\nHost: b\r\n", 400),
    "the same host twice": (b"Host: a\r\nHost: a\r\n", 400),
    "two content types": (b"Host: a\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n", 400),
    "host with a user": (b"Host: a@b\r\n", 400),
    "host with a path": (b"Host: a/b\r\n", 400),
    "host with a space": (b"Host: a b\r\n", 400),
    "host with a comma": (b"Host: a, b\r\n", 400),
    "host with a wrong port": (b"Host: a:x\r\n", 400),
    "host beyond ASCII": (b"Host: \xff\r\n", 400),
    "bare LF": (b"Host: a\nX: b\r\n", 400),
    "bare CR": (b"Host: a\rX: b\r\n", 400),
    "folded": (b"Host: a\r\nX: a\r\n b\r\n", 400),
    "folded by a tab": (b"Host: a\r\nX: a\r\n\tb\r\n", 400),
    "space before the first": (b" Host: a\r\n", 400),
    "space before the colon": (b"Host : a\r\n", 400),
    "no colon": (b"Host: a\r\nX\r\n", 400),
    "no name": (b"Host: a\r\n: b\r\n", 400),
    "NUL in a value": (b"Host: a\r\nX: a\0b\r\n", 400),
    "NUL in a name": (b"Host: a\r\nX\0: a\r\n", 400),
    "DEL in a value": (b"Host: a\r\nX: a\x7fb\r\n", 400),
    "vertical tab": (b"Host: a\r\nX: a\x0bb\r\n", 400),
    "name in brackets": (b"Host: a\r\n(X): a\r\n", 400),
    "underscore": (b"Host: a\r\nX_Forwarded_For: 6.6.6.6\r\n", 400),
    "unknown expectation": (b"Host: a\r\nExpect: tea\r\n", 417),
    "chunked body where none is read": (b"Host: a\r\n" + CHUNKED, 400),
    "upgrade": (b"Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", 200),
    "hop by hop": (b"Host: a\r\nConnection: Host, close\r\nX: y\r\n", 200),
}
# Limits of the head; those of the body are in tests/api/test_body.py and test_bad_input.py.
OVERSIZED = {
    "200 headers": (b"Host: a\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(200)), 431),
    "header of 9 kB": (b"Host: a\r\nX: " + b"a" * 9000 + b"\r\n", 431),
    "head of 67 kB": (
        b"Host: a\r\n" + b"".join(b"X%d: %01200d\r\n" % (n, n) for n in range(55)),
        431,
    ),
    "name of 9 kB": (b"Host: a\r\n" + b"X" * 9000 + b": a\r\n", 431),
}


def _cases(row: str, table: dict[str, Any]) -> list[Any]:
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), id=f"{row} {name}")
        for name, case in table.items()
    ]


def test_what_is_hidden_would_be_executed_if_it_were_a_request(victim: Victim) -> None:
    first = victim.head(length(VALID)) + b"\r\n" + VALID

    answers = exchange(victim.backend, first + victim.hidden + FOLLOWING)

    assert [answer.status for answer in answers] == [201, 201, 200]
    assert answers[1].headers["X-Request-ID"] == "hidden-request"
    assert not victim.is_untouched()


@pytest.mark.parametrize("coding", _cases("C6", CODINGS))
@pytest.mark.parametrize("order", ["length first", "coding first"])
def test_length_beside_a_coding_is_refused(victim: Victim, coding: bytes, order: str) -> None:
    end = b"0\r\n\r\n"
    if order == "length first":
        body = end + victim.hidden
        message = victim.head(length(body) + coding) + b"\r\n" + body
    else:
        chunk = b"%x\r\n%s\r\n" % (len(victim.hidden), victim.hidden)
        message = victim.head(coding + length(chunk[:4])) + b"\r\n" + chunk + end

    judge(victim, message, 400)


@pytest.mark.parametrize("line", _cases("C6", LENGTHS))
def test_length_that_two_could_read_in_two_ways_is_refused(victim: Victim, line: bytes) -> None:
    size = len(VALID) + len(victim.hidden)
    declared = line % ({b"size": size} if b"%(size)" in line else (size,)[: line.count(b"%")])

    judge(victim, victim.head(declared) + b"\r\n" + VALID + victim.hidden, 400)


@pytest.mark.parametrize("chunks", _cases("C4", CHUNKS))
def test_chunked_body_is_refused_unread(victim: Victim, chunks: bytes) -> None:
    body = chunks % {b"size": len(victim.hidden), b"body": victim.hidden}

    judge(victim, victim.head(CHUNKED) + b"\r\n" + body, 411)


@pytest.mark.parametrize(("line", "status"), _cases("C6", LINES))
def test_request_line_is_read_in_one_way(victim: Victim, line: bytes, status: int) -> None:
    head = victim.head(length(victim.hidden), line).removesuffix(b"\r\n")
    # With a body, what is read at all is refused for that, too.
    judge(victim, head + b"\r\n\r\n" + victim.hidden, status, 400)
    answers = exchange(victim.backend, line + b"\r\nHost: a\r\n\r\n")

    assert [answer.status for answer in answers] == [status]


@pytest.mark.parametrize(("headers", "status"), _cases("C6", HEADS) + _cases("C7", OVERSIZED))
def test_head_is_read_in_one_way(victim: Victim, headers: bytes, status: int) -> None:
    message = b"GET /readyz HTTP/1.1\r\n" + headers + b"\r\n"

    judge(victim, message, status)


@pytest.mark.parametrize("cut", [1, 30, 160, -260, -200, -90, -5])
@pytest.mark.parametrize("kind", ["both", "chunked", "two lengths", "whole"])
def test_message_that_comes_in_pieces_is_read_in_the_same_way(
    victim: Victim, kind: str, cut: int
) -> None:
    body = b"0\r\n\r\n" + victim.hidden
    fields, status = {
        "both": (length(body) + CHUNKED, 400),
        "chunked": (CHUNKED, 411),
        "two lengths": (length(body) + length(b""), 400),
        "whole": (length(body), 400),
    }[kind]
    message = victim.head(fields) + b"\r\n" + body + FOLLOWING

    check(victim, exchange(victim.backend, message[:cut], message[cut:]), status)


@pytest.mark.parametrize("path", [b"/healthz", b"/api/v1/users/me", b"/docs", b"/nowhere"])
def test_body_where_none_is_read_is_no_request(victim: Victim, path: bytes) -> None:
    head = victim.head(length(victim.hidden), b"GET " + path + b" HTTP/1.1")

    judge(victim, head + b"\r\n" + victim.hidden, 400, 404)


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (b"Authorization: Bearer x\r\n", 401),
        (b"Content-Type: application/json\r\n", 400),
        (b"Content-Length: 33\r\n", 400),
        (b"Host: a\r\n", 400),
    ],
)
def test_field_that_is_said_twice_is_refused(victim: Victim, field: bytes, status: int) -> None:
    judge(victim, victim.head(field + length(VALID)) + b"\r\n" + VALID, status)
