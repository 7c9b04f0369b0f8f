"""Requests no HTTP library would send: refused in words, without holding up anybody else."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_journey import register
from tests.support.backend import Backend, running
from tests.support.databases import migrated_database
from tests.support.run import Run

SLOW_CLIENTS = 3 * 8  # Three for each thread of the one worker.
BODY = b'{"email":"a@example.com","password":"x"}'
POST = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@contextmanager
def connected(backend: Backend) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", backend.port), timeout=20)) as connection:
        yield connection


def exchange(backend: Backend, request: bytes, *, half_close: bool = True) -> tuple[int, Any]:
    """Send bytes, then end our side; return the status and the problem."""
    with connected(backend) as connection:
        connection.sendall(request)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer
    return int(head.split()[1]), json.loads(body)


REFUSED = {
    "C5 truncated body": (POST + b"Content-Length: 100\r\n\r\n" + BODY, 400, "WRONG_LENGTH"),
    "C4 chunked body": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n28\r\n" + BODY + b"\r\n0\r\n\r\n",
        411,
        "LENGTH_REQUIRED",
    ),
    "no length": (POST + b"\r\n" + BODY, 411, "LENGTH_REQUIRED"),
    "C3 too large": (POST + b"Content-Length: 999999999\r\n\r\n", 413, "BODY_TOO_LARGE"),
    "C6 two lengths": (
        POST + b"Content-Length: 40\r\nContent-Length: 41\r\n\r\n" + BODY, 400, "MALFORMED_HTTP",
    ),
    "C6 length and chunked": (
        POST + b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "MALFORMED_HTTP",
    ),
    "C6 length that is no number": (
        POST + b"Content-Length: 4x\r\n\r\n" + BODY, 400, "MALFORMED_HTTP",
    ),
    "C6 unknown coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400, "MALFORMED_HTTP"),
    "C6 two hosts": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "MALFORMED_HTTP"),
    "C6 no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "HOST_REQUIRED"),
    "C6 folded header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400, "MALFORMED_HTTP"),
    "C6 underscore": (b"GET / HTTP/1.1\r\nHost: a\r\nX_Y: a\r\n\r\n", 400, "MALFORMED_HTTP"),
    "C6 NUL in a header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, "MALFORMED_HTTP"),
    "C6 no HTTP": (b"hello\r\n\r\n", 400, "MALFORMED_HTTP"),
    "C7 long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "MALFORMED_HTTP"),
    "C7 long header": (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, "MALFORMED_HTTP"),
    "C7 many headers": (
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n",
        431,
        "MALFORMED_HTTP",
    ),
    "raw bytes in a query": (
        b"GET /healthz?a=\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, "MALFORMED_HTTP",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [pytest.param(*case, id=name) for name, case in REFUSED.items()],
)
def test_malformed_http_is_a_problem(
    sqlite_backend: Backend, request_bytes: bytes, status: int, code: str
) -> None:
    answered, problem = exchange(sqlite_backend, request_bytes)

    assert (answered, problem["status"], problem["code"]) == (status, status, code)


def test_c9_tls_hello_is_no_request(sqlite_backend: Backend) -> None:
    context = ssl.create_default_context()
    with connected(sqlite_backend) as connection, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(connection, server_hostname="localhost")

    with sqlite_backend.client() as client:
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("size", [50_000, 70_000, 900_000, 2_000_000])
def test_refused_body_does_not_take_the_next_request_with_it(
    sqlite_backend: Backend, size: int
) -> None:
    with sqlite_backend.client() as client:
        refused = client.post("/api/v1/auth/login", content=b"x" * size)
        following = client.get("/healthz")

    assert refused.status_code == 415
    assert following.status_code == 200


def test_leftover_body_is_no_second_request(sqlite_backend: Backend) -> None:
    smuggled = b"DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    request = POST + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(smuggled) + smuggled

    status, problem = exchange(sqlite_backend, request)

    assert (status, problem["code"]) == (400, "NOT_JSON")


@pytest.fixture
def one_worker(tmp_path: Path) -> Iterator[Backend]:
    """A server of one worker and no database, to be crowded."""
    with running(f"sqlite:///{tmp_path}/none.db", tmp_path, WORKERS="1") as backend:
        yield backend


def test_c2_clients_that_do_not_hang_up_hold_up_nobody(one_worker: Backend) -> None:
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            connection = stack.enter_context(connected(one_worker))
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: a\r\n\r\n")

        waited = time_to_answer(one_worker)

    assert waited < 1


def test_c2_clients_that_do_not_read_hold_up_nobody(tmp_path: Path, suite_run: Run) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(migrated_database(suite_run, "sqlite"))
        backend = stack.enter_context(running(url, tmp_path, WORKERS="1"))
        with backend.client() as client:
            register(client)
            for _ in range(200):
                action = {"action_type": "BIG", "payload": {"text": "x" * 65_000}}
                assert client.post("/api/v1/history", json=action).status_code == 201
            token = client.headers["Authorization"]
        request = f"GET /api/v1/history?limit=200 HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n"
        for _ in range(SLOW_CLIENTS):
            connection = stack.enter_context(closing(socket.socket()))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", backend.port))
            # The kernel takes one page for a client that does not read; so they ask for more.
            connection.sendall(f"{request}\r\n".encode() * 4)
        time.sleep(2)  # By now every one of them has a page waiting.

        waited = time_to_answer(backend)
        with backend.client(headers={"Authorization": token}) as client:
            page = client.get("/api/v1/history", params={"limit": 200})

    assert waited < 1
    assert len(page.content) < 2.1 * 2**20
    assert page.json()["next_cursor"] is not None


def test_c2_slow_reader_gets_its_whole_answer(sqlite_backend: Backend) -> None:
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", sqlite_backend.port))
        name = "/docs/js/swagger-ui-bundle.js"
        connection.sendall(f"GET {name} HTTP/1.0\r\nHost: a\r\n\r\n".encode())
        time.sleep(1)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    with sqlite_backend.client() as client:
        expected = client.get(name, headers={"Accept-Encoding": "identity"}).content

    assert answer.partition(b"\r\n\r\n")[2] == expected


def time_to_answer(backend: Backend) -> float:
    """Return how many seconds somebody else waits."""
    began = time.monotonic()
    with backend.client() as client:
        assert client.get("/healthz").status_code == 200
    return time.monotonic() - began
