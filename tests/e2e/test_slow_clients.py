"""Clients that stall, drip, do not read, or speak no HTTP, in crowds: they hold up nobody else."""

import resource
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.e2e.test_journey import register
from tests.support.backend import Backend, running, running_with_files
from tests.support.databases import migrated_database
from tests.support.run import Run

CROWD: Final = 500
PATH: Final = "/api/v1/nothing"
Misbehaviour = Callable[[socket.socket], None]
LARGE: Final = "/docs/js/swagger-ui-bundle.js"
POST: Final = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000000\r\n\r\n"
)


def stall_in_head(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")


def stall_in_body(connection: socket.socket) -> None:
    connection.sendall(POST + b"{" * 60_000)


def read_nothing(connection: socket.socket) -> None:
    connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode())


def read_nothing_large(connection: socket.socket) -> None:
    """The kernel takes one for a client that does not read; so ask for more."""
    connection.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 4)


def talk_garbage(connection: socket.socket) -> None:
    connection.sendall(bytes(range(128, 256)) * 4)


@cache
def hello() -> bytes:
    """What a client of TLS sends first."""
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def say_hello(connection: socket.socket) -> None:
    connection.sendall(hello())


def say_nothing(connection: socket.socket) -> None:
    pass


KINDS: Final[dict[str, tuple[Misbehaviour, ...]]] = {
    "stalled heads": (stall_in_head,),
    "stalled bodies": (stall_in_body,),
    "slow readers": (read_nothing_large, *[read_nothing] * 19),
    "garbage": (talk_garbage,),
    "TLS": (say_hello,),
    "silence": (say_nothing,),
}


@pytest.fixture(scope="module")
def service(suite_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Two workers of eight threads."""
    folder = tmp_path_factory.mktemp("slow")
    with migrated_database(suite_run, "sqlite") as url, running(url, folder) as backend:
        yield backend


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2048), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def crowd(backend: Backend, *kinds: Misbehaviour) -> Iterator[list[socket.socket]]:
    """Connect a crowd of clients, each of the next kind."""
    with ExitStack() as stack:
        clients = []
        for misbehave in islice(cycle(kinds), CROWD):
            client = stack.enter_context(closing(socket.socket()))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(20)
            client.connect(("127.0.0.1", backend.port))
            with suppress(ConnectionError):  # It was cut already.
                misbehave(client)
            clients.append(client)
        yield clients


def longest_wait(backend: Backend, *, seconds: float) -> float:
    """Ask as somebody else, for a while; return how long the slowest answer took."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        with backend.client() as client:
            assert client.get(PATH).status_code == 404
        longest = max(longest, time.monotonic() - began)
    return longest


def cut_within(clients: list[socket.socket], seconds: float) -> int:
    """Return how many of the clients are hung up on before the time is over."""
    end, cut = time.monotonic() + seconds, 0
    for client in clients:
        client.settimeout(max(0.001, end - time.monotonic()))
        try:
            while client.recv(65536):
                pass
        except TimeoutError:
            continue
        except ConnectionError:
            pass
        cut += 1
    return cut


@pytest.mark.parametrize("kinds", [pytest.param(kinds, id=name) for name, kinds in KINDS.items()])
def test_c1_c2_c9_crowd_of_one_kind_holds_up_nobody(
    service: Backend, kinds: tuple[Misbehaviour, ...]
) -> None:
    with crowd(service, *kinds):
        waited = longest_wait(service, seconds=1.5)

    assert waited < 1


@pytest.mark.slow
def test_c1_w8_crowd_of_every_kind_holds_up_nobody_until_it_is_cut(service: Backend) -> None:
    kinds = (stall_in_head, stall_in_body, read_nothing, talk_garbage, say_hello, say_nothing)
    with crowd(service, *kinds) as clients:
        began = time.monotonic()
        waited = longest_wait(service, seconds=2)
        while time.monotonic() - began < 7:
            for client in clients:
                with suppress(OSError):  # This one was cut.
                    client.sendall(b"a")
            waited = max(waited, longest_wait(service, seconds=0.3))
        cut = cut_within(clients, 10)

    assert waited < 1
    assert cut == CROWD


def test_crowd_larger_than_a_worker_takes_makes_room(service: Backend) -> None:
    with (
        crowd(service, say_nothing) as first,
        crowd(service, stall_in_head),
        crowd(service, stall_in_head),
    ):
        waited = longest_wait(service, seconds=1)
        cut = cut_within(first, 2)

    assert waited < 1
    assert cut > CROWD / 2


def test_worker_with_few_files_to_open_makes_room(tmp_path: Path, suite_run: Run) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(migrated_database(suite_run, "sqlite"))
        backend = stack.enter_context(running_with_files(200, url, tmp_path, WORKERS="1"))
        for _ in range(300):
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", backend.port))))

        waited = longest_wait(backend, seconds=1)

    assert waited < 1
    assert "accept_failed" not in [event["event"] for event in backend.log]


@pytest.mark.slow
@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nX: ", POST + b"{"], ids=["head", "body"])
def test_c1_what_does_not_arrive_in_time_is_refused(service: Backend, start: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
        connection.sendall(start)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"code":"REQUEST_TIMEOUT"' in answer
    assert b"X-Content-Type-Options: nosniff" in answer


def test_c24_write_survives_a_client_that_hangs_up(service: Backend) -> None:
    with service.client() as client:
        register(client, "c24@example.com")
        action: dict[str, Any] = {"id": str(uuid4()), "action_type": "A", "payload": {}}
        request = client.build_request("POST", "/api/v1/history", json=action)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with closing(socket.create_connection(("127.0.0.1", service.port))) as connection:
            connection.sendall(f"POST /api/v1/history HTTP/1.1\r\n{head}\r\n".encode())
            connection.sendall(request.content)
            # Closing resets the connection instead of waiting for anything.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        again = await_row(client, action["id"])
        replayed = client.post("/api/v1/history", json=action)

    assert again == 200
    assert replayed.status_code == 200


def await_row(client: httpx.Client, action_id: str) -> int:
    deadline = time.monotonic() + 10
    while True:
        status = client.get(f"/api/v1/history/{action_id}").status_code
        if status == 200 or time.monotonic() > deadline:
            return status
        time.sleep(0.02)


def test_expected_client_is_invited_to_send_its_body(service: Backend) -> None:
    body = b'{"email":"a@example.com","password":"not the one"}'
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
        connection.sendall(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        invitation = connection.recv(65536)
        connection.sendall(body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece

    assert invitation == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_pipelined_requests_are_answered_in_order(service: Backend) -> None:
    paths = [f"/api/v1/nothing/{number}" for number in range(5)] + ["/healthz"]
    requests = [f"GET {path} HTTP/1.1\r\nHost: a\r\n" for path in paths]
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
        stream = "\r\n".join(requests) + "Connection: close\r\n\r\n"
        connection.sendall(stream.encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece

    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"404"] * 5 + [b"200"]
