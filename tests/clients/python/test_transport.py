"""The way over HTTP, against a server that answers as it is told to, or hangs up."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from offline_store import HttpTransport, Request, TooManyRequests, UnknownAnswer, Unreachable
from offline_store.protocol import pull


class Server(ThreadingHTTPServer):
    """Answers each request in the same way, and remembers them."""

    status = 200
    told: tuple[tuple[str, str], ...] = ()
    content = b"{}"
    missing_bytes = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/v1/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        for name, value in self.server.told:
            self.send_header(name, value)
        length = len(self.server.content) + self.server.missing_bytes
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(self.server.content)

    do_POST = do_GET  # noqa: N815 - the name is the base class's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_request_arrives_as_it_was_meant_with_the_token_of_the_moment(server: Server) -> None:
    tokens = iter(["first", "second"])
    transport = HttpTransport(server.url, lambda: next(tokens))

    transport.send(Request("GET", "sync", {"cursor": "a+b/c=", "limit": "5"}, etag='W/"x"'))
    answer = transport.send(Request("POST", "sync", body=b'{"a":1}'))

    (_, path, headers, _), (method, bare, further, body) = server.seen
    assert path == "/api/v1/sync?cursor=a%2Bb%2Fc%3D&limit=5"
    assert headers["Authorization"] == "Bearer first"
    assert headers["If-None-Match"] == 'W/"x"'
    assert (method, bare, body) == ("POST", "/api/v1/sync", b'{"a":1}')
    assert further["Authorization"] == "Bearer second"
    assert further["Content-Type"] == "application/json"
    assert (answer.status, answer.json()) == (200, {})


@pytest.mark.parametrize("status", [304, 401, 410, 503])
def test_every_status_is_an_answer(server: Server, status: int) -> None:
    server.status, server.content = status, b""
    server.told = (("ETag", 'W/"1"'), ("Retry-After", "7"))

    answer = HttpTransport(server.url, lambda: "token").send(Request("GET", "sync"))

    assert (answer.status, answer.headers["etag"], answer.body) == (status, 'W/"1"', b"")


@pytest.mark.parametrize(("told", "seconds"), [("7", 7.0), ("Fri, 20 Nov 2026", None)])
def test_how_long_to_wait_is_told(server: Server, told: str, seconds: float | None) -> None:
    server.status, server.told = 429, (("Retry-After", told),)
    transport = HttpTransport(server.url, lambda: "token")

    with pytest.raises(TooManyRequests) as refused:
        pull(transport, {}, None)

    assert refused.value.retry_after == seconds


def test_the_token_is_not_taken_to_another_address(server: Server) -> None:
    server.status, server.told = 302, (("Location", f"{server.url}elsewhere"),)

    answer = HttpTransport(server.url, lambda: "token").send(Request("GET", "sync"))

    assert answer.status == 302
    assert len(server.seen) == 1


def test_half_an_answer_is_none(server: Server) -> None:
    server.missing_bytes = 1
    transport = HttpTransport(server.url, lambda: "token")

    with pytest.raises(Unreachable):
        transport.send(Request("GET", "sync"))


def test_an_answer_without_end_is_not_read_to_its_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline_store.transport.MAX_ANSWER_BYTES", 100)
    transport = HttpTransport(server.url, lambda: "token")
    server.content = b"x" * 100
    whole = transport.send(Request("GET", "sync"))
    server.content = b"x" * 101

    with pytest.raises(UnknownAnswer):
        transport.send(Request("GET", "sync"))

    assert len(whole.body) == 100


@pytest.mark.parametrize("token", ["secret\n", "secret\r\nX: y", "secret♥"])
def test_a_token_is_not_told_to_logs(server: Server, token: str) -> None:
    with pytest.raises(ValueError, match="token") as refused:
        HttpTransport(server.url, lambda: token).send(Request("GET", "sync"))

    told = "".join(traceback.format_exception(refused.value))
    assert "secret" not in told
    assert server.seen == []


def test_a_host_that_has_no_name_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        HttpTransport(f"http://{'a' * 70}.example", lambda: "token").send(Request("GET", "sync"))


def test_nobody_there_and_nobody_answering_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        slow = HttpTransport(url, lambda: "token", timeout_seconds=0.05)
        with pytest.raises(Unreachable):
            slow.send(Request("GET", "sync"))

    with pytest.raises(Unreachable):
        HttpTransport(url, lambda: "token").send(Request("GET", "sync"))


def test_an_address_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(ValueError, match="http"):
        HttpTransport("file:///etc", lambda: "token")
