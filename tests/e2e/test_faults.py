"""What is killed, cut or restarted while clients write: nothing that was acknowledged is lost."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.e2e.test_journey import register
from tests.support.backend import Backend, running
from tests.support.databases import migrate
from tests.support.servers import Server

CLIENTS = 4
KILLS = 20


class Writer:
    """A client that writes until it is told to stop, and remembers what was acknowledged.

    Attributes:
        acknowledged: Ids whose write was answered with 201 or 200.
        unanswered: How many requests were not answered at all.
    """

    def __init__(self, backend: Backend, token: str) -> None:
        self._backend = backend
        self._token = token
        self.acknowledged: list[str] = []
        self.unanswered = 0

    def write_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._write(str(uuid4()))

    def _write(self, action_id: str) -> None:
        """Send one action again and again, as a client does, until there is an answer to keep."""
        body = {"id": action_id, "action_type": "WRITE", "payload": {"a": 1}}
        deadline = time.monotonic() + 30
        while True:
            assert time.monotonic() < deadline, "no answer for half a minute"
            try:
                # A connection each, so that none is bound to one worker.
                with self._backend.client(headers={"Authorization": self._token}) as client:
                    answer = client.post("/api/v1/history", json=body)
            except httpx.TransportError:
                self.unanswered += 1
                continue
            if answer.status_code != 503:
                break
        assert answer.status_code in (200, 201), answer.text
        self.acknowledged.append(action_id)


def stored_ids(client: httpx.Client) -> list[str]:
    """Page through everything."""
    ids: list[str] = []
    cursor = None
    while True:
        parameters = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/v1/history", params=parameters).json()
        ids += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return ids


@pytest.mark.slow
def test_w1_killed_workers_lose_no_acknowledged_write(own_backend: Backend) -> None:
    with own_backend.client() as client:
        register(client)
        token = client.headers["Authorization"]
        writers = [Writer(own_backend, token) for _ in range(CLIENTS)]
        stop = threading.Event()
        killed = set()

        with ThreadPoolExecutor(CLIENTS) as pool:
            done = [pool.submit(writer.write_until, stop) for writer in writers]
            for turn in range(KILLS):
                time.sleep(0.2)
                workers = own_backend.workers()
                victim = workers[turn % len(workers)]
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
            time.sleep(0.3)
            stop.set()
        for future in done:
            future.result()

        acknowledged = [id_ for writer in writers for id_ in writer.acknowledged]
        stored = stored_ids(client)

    assert len(killed) == KILLS
    assert len(acknowledged) > CLIENTS
    assert sorted(stored) == sorted(acknowledged)
    assert sum(writer.unanswered for writer in writers) <= KILLS * CLIENTS


def test_w1_server_is_replaced_within_a_second_after_its_worker_died(own_backend: Backend) -> None:
    before = set(own_backend.workers())
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    with own_backend.client(transport=httpx.HTTPTransport(retries=5)) as client:
        answer = client.get("/readyz")

    deadline = time.monotonic() + 1  # The first of the new ones may have answered alone.
    while len(own_backend.workers()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert answer.status_code == 200
    assert len(own_backend.workers()) == 2
    assert not before & set(own_backend.workers())


def test_restarted_service_still_knows_tokens_and_rows(database_url: str, tmp_path: Path) -> None:
    with running(database_url, tmp_path) as first, first.client() as client:
        register(client)
        token = client.headers["Authorization"]
        client.post("/api/v1/history", json={"action_type": "A", "payload": {}})
        client.post("/api/v1/history", json={"action_type": "B", "payload": {}})
        page = client.get("/api/v1/history", params={"limit": 1}).json()
        client.close()
        code = first.stop()

    with running(database_url, tmp_path) as second, second.client() as client:
        client.headers["Authorization"] = token
        rest = client.get("/api/v1/history", params={"limit": 1, "cursor": page["next_cursor"]})

    assert code == 0
    assert [item["action_type"] for item in rest.json()["items"]] == ["A"]


def test_w3_w4_requests_are_answered_until_nobody_listens(own_backend: Backend) -> None:
    with own_backend.client() as client:
        register(client)
        token = client.headers["Authorization"]
    stop = threading.Event()
    answered: list[int] = []

    def write() -> None:
        while not stop.is_set():
            try:
                with own_backend.client(headers={"Authorization": token}) as client:
                    answer = client.post(
                        "/api/v1/history", json={"action_type": "A", "payload": {}}
                    )
            except httpx.ConnectError:
                return
            answered.append(answer.status_code)

    with ThreadPoolExecutor(CLIENTS) as pool:
        done = [pool.submit(write) for _ in range(CLIENTS)]
        time.sleep(0.5)
        code = own_backend.stop()
        stop.set()

    assert code == 0
    assert 201 in answered
    assert set(answered) <= {201, 503}
    assert [future.exception() for future in done] == [None] * CLIENTS


def test_service_recovers_when_its_database_restarts(server: Server, tmp_path: Path) -> None:
    url = server.create_database(f"restart_{os.getpid()}")
    migrate(url)

    with running(url, tmp_path) as backend, backend.client() as client:
        register(client)
        server.stop()
        down = client.get("/api/v1/users/me")
        not_ready = client.get("/readyz")
        alive = client.get("/healthz")
        server.start()
        deadline = time.monotonic() + 5  # The circuit may be open for a second or two.
        while (up := client.get("/api/v1/users/me").status_code) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        ready = client.get("/readyz")

    assert (down.status_code, down.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert int(down.headers["Retry-After"]) > 0
    assert (not_ready.status_code, alive.status_code, ready.status_code) == (503, 200, 200)
    assert up == 200


def test_service_answers_at_once_after_its_connections_were_killed(
    server: Server, tmp_path: Path
) -> None:
    url = server.create_database(f"killed_{os.getpid()}")
    migrate(url)

    with running(url, tmp_path) as backend, backend.client() as client:
        register(client)
        server.kill_connections()
        answers = [client.get("/api/v1/users/me").status_code for _ in range(8)]

    assert answers == [200] * 8
