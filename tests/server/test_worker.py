"""How long a worker's loop sleeps, and who sends an answer when there is no loop any more."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from selectors import DefaultSelector
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from app.server.reception import Reception
from app.server.worker import TICK_SECONDS, DeadlineWorker


class Sleeper(DeadlineWorker):
    """A worker that notes how long it would sleep, and whether newcomers would wake it."""

    def __init__(self, listener: socket.socket) -> None:
        cfg = Config()
        cfg.set("threads", 1)
        super().__init__(1, os.getppid(), [listener], SimpleNamespace(), 30, cfg, Logger(cfg))
        self.poller = DefaultSelector()
        self.clients = Reception(self.poller, self._enqueue, max_body=100, idle_seconds=5)
        self.naps: list[tuple[bool, float]] = []

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what there is to do at this moment."""
        self.naps.append((self._accepting, timeout))
        super().wait_for_and_dispatch_events(0)


@pytest.fixture
def worker() -> Iterator[Sleeper]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sleeper = Sleeper(listener)
        yield sleeper
        sleeper.poller.close()
        sleeper.tmp.close()


def test_worker_that_takes_nobody_sleeps_no_longer_than_a_tick(worker: Sleeper) -> None:
    """Who came last took the only thread's place, and is gone."""
    socket.create_connection(worker.sockets[0].getsockname()).close()

    worker._turn_until(lambda: (False, TICK_SECONDS) in worker.naps and worker._accepting)

    naps = {nap for is_accepting, nap in worker.naps if not is_accepting}
    assert naps == {TICK_SECONDS}
    assert worker.naps[-1] == (True, 1.0)


@pytest.mark.parametrize("is_stopping", [True, False])
def test_who_answers_while_the_service_ends_sends_the_answer_too(
    worker: Sleeper, *, is_stopping: bool
) -> None:
    """The loop, which sends answers together, may end before the last thread does."""

    def application(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("201 Created", [("Content-Length", "4")])
        return [b"made"]

    worker.wsgi = application
    worker.alive = not is_stopping
    name = worker.sockets[0].getsockname()
    with socket.create_connection(name) as client:
        raw, peer = worker.sockets[0].accept()
        conn = worker.clients.admit(raw, peer, name)
        with closing(conn.sock):
            worker.handle(conn, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert bool(len(conn.sock)) is not is_stopping
            conn.sock.flush()
        assert client.recv(4096).endswith(b"\r\n\r\nmade")
