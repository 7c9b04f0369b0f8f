"""Workers die while clients send with a key until they hear an answer: each effect is one."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.e2e.test_faults import stored_ids
from tests.e2e.test_journey import register
from tests.support.backend import Backend

CLIENTS = 4
KILLS = 6


def send_until_answered(backend: Backend, token: str) -> str:
    """Store an action that has no id of its own, and return the id that was answered."""
    headers = {"Authorization": token, "Idempotency-Key": str(uuid4())}
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            # A connection each, so that none is bound to one worker.
            with backend.client(headers=headers) as client:
                answer = client.post("/api/v1/history", json={"action_type": "A", "payload": {}})
        except httpx.TransportError:
            continue
        # 409: the killed worker's transaction has not ended yet.
        if answer.status_code not in (409, 503):
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])
    raise AssertionError("no answer for half a minute")


@pytest.mark.slow
def test_w1_request_with_a_key_has_one_effect_however_many_workers_die(
    own_backend: Backend,
) -> None:
    stop = threading.Event()

    def send_all(token: str) -> list[str]:
        answered = []
        while not stop.is_set():
            answered.append(send_until_answered(own_backend, token))
        return answered

    with own_backend.client() as client:
        register(client)
        token = client.headers["Authorization"]
        with ThreadPoolExecutor(CLIENTS) as pool:
            sending = [pool.submit(send_all, token) for _ in range(CLIENTS)]
            for turn in range(KILLS):
                time.sleep(0.2)
                workers = own_backend.workers()
                os.kill(workers[turn % len(workers)], signal.SIGKILL)
            time.sleep(0.3)
            stop.set()
        answered = [action_id for each in sending for action_id in each.result()]

        assert len(answered) > CLIENTS
        assert sorted(stored_ids(client)) == sorted(answered)
