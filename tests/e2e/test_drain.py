"""The end of the service: it is announced, and nobody who was accepted is cut."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.e2e.test_journey import register
from tests.support.backend import Backend, running, running_faulty
from tests.support.databases import migrated_database
from tests.support.load import asking
from tests.support.run import Run

GET = b"GET /api/v1/nothing HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture(scope="module")
def migrated_url(suite_run: Run) -> Iterator[str]:
    with migrated_database(suite_run, "sqlite") as url:
        yield url


@pytest.fixture
def service(migrated_url: str, tmp_path: Path) -> Iterator[Backend]:
    """A server that stops without a time to drain."""
    with running_faulty(migrated_url, tmp_path) as backend:
        yield backend


def connect(backend: Backend) -> socket.socket:
    return socket.create_connection(("127.0.0.1", backend.port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def ask_for(backend: Backend, path: str) -> int:
    with backend.client() as client:
        return client.get(path).status_code


def test_drain_is_announced_and_serves_on(migrated_url: str, tmp_path: Path) -> None:
    with running(migrated_url, tmp_path, DRAIN_SECONDS="2") as backend:
        with backend.client() as client:
            register(client, f"{os.getpid()}-drain@example.com")
            token = client.headers["Authorization"]
        with asking(backend, "/api/v1/users/me", token=token) as load:
            time.sleep(0.3)
            before = ask_for(backend, "/readyz")
            backend.process.terminate()
            time.sleep(0.3)
            during = [ask_for(backend, "/readyz") for _ in range(12)]
            answered = load.answers
            time.sleep(0.7)
            served_on = load.answers - answered
            code = backend.process.wait(20)

    assert (before, set(during), code) == (200, {503}, 0)
    assert served_on > 10
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert load.closed > 10


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_w3_requests_in_flight_are_answered(service: Backend, how: signal.Signals) -> None:
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(ask_for, service, "/faults/sleep?seconds=1.5") for _ in range(4)]
        time.sleep(0.5)
        code = service.stop(how)

    assert [answer.result() for answer in slow] == [200] * 4
    assert code == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
@pytest.mark.parametrize("is_for_everybody", [False, True], ids=["master", "everybody"])
def test_w3_request_that_is_half_there_is_answered(
    service: Backend, how: signal.Signals, *, is_for_everybody: bool
) -> None:
    """A service manager, or a terminal, may tell every process of a service to stop."""
    told = [*service.workers(), service.process.pid] if is_for_everybody else [service.process.pid]
    with closing(connect(service)) as connection:
        connection.sendall(GET)
        time.sleep(0.2)
        for pid in told:
            os.kill(pid, how)
        time.sleep(0.5)
        connection.sendall(b"\r\n")
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"Connection: close" in answer
    assert service.process.wait(20) == 0


def test_w3_request_on_a_kept_connection_is_answered(service: Backend) -> None:
    with closing(connect(service)) as connection:
        connection.sendall(GET + b"\r\n")
        kept = b""
        while not kept.endswith(b"}\n"):
            kept += connection.recv(65536)
        service.process.terminate()
        time.sleep(1)
        connection.sendall(GET + b"\r\n")
        last = read_all(connection)

    assert b"Connection: keep-alive" in kept
    assert b"Connection: close" in last
    assert last.startswith(b"HTTP/1.1 404 ")
    assert service.process.wait(20) == 0


def test_w4_what_waits_in_the_backlog_is_answered(service: Backend) -> None:
    workers = service.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    with ExitStack() as stack:
        waiting = [stack.enter_context(closing(connect(service))) for _ in range(40)]
        for connection in waiting:
            connection.sendall(GET + b"\r\n")
        service.process.terminate()
        time.sleep(0.3)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        answers = [read_all(connection) for connection in waiting]

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 404"] * 40
    assert service.process.wait(20) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_second_signal_stops_at_once(service: Backend, how: signal.Signals) -> None:
    with closing(connect(service)) as connection:
        connection.sendall(b"GET /faults/sleep?seconds=9 HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        began = time.monotonic()
        service.process.send_signal(how)
        time.sleep(0.5)
        is_draining = service.process.poll() is None
        service.process.send_signal(how)
        service.process.wait(20)

    assert is_draining
    assert time.monotonic() - began < 6


def test_idle_service_stops_at_once(service: Backend) -> None:
    began = time.monotonic()

    code = service.stop()

    assert code == 0
    assert time.monotonic() - began < 5
