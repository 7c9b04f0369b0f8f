"""Clients that ask without a pause while a test does something to the server."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.backend import Backend


@dataclass
class Load:
    """What the clients have seen so far.

    Attributes:
        statuses: How often each status was answered.
        failures: What each request that was not answered died of.
        closed: How many answers said that their connection ends.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[Exception] = field(default_factory=list)
    closed: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def answers(self) -> int:
        """How many requests were answered."""
        return self.statuses.total()

    def ask_until_told(self, backend: Backend, path: str, token: str, pause: float) -> None:
        """Ask on one kept-alive connection until the end, or until nobody listens."""
        with backend.client(headers={"Authorization": token}) as client:
            while not self._stop.is_set():
                if not self._ask(client, path):
                    return
                self._stop.wait(pause)

    def ask_anew_until_told(self, backend: Backend, path: str, token: str) -> None:
        """The same with a connection for each request."""
        while not self._stop.is_set():
            with backend.client(headers={"Authorization": token}) as client:
                if not self._ask(client, path):
                    return

    def stop(self) -> None:
        """Let everybody finish the request under way."""
        self._stop.set()

    def _ask(self, client: httpx.Client, path: str) -> bool:
        try:
            answer = client.get(path)
        except httpx.ConnectError:
            return False
        except httpx.TransportError as error:
            self.failures.append(error)
        else:
            self.statuses[answer.status_code] += 1
            self.closed += answer.headers.get("Connection") == "close"
        return True


@contextmanager
def asking(
    backend: Backend, path: str, *, token: str = "", clients: int = 4, pause: float = 0
) -> Iterator[Load]:
    """Let clients ask until the block ends, half of them with a connection for each request.

    Args:
        backend: Whom.
        path: For what.
        token: What they send as ``Authorization``.
        clients: How many.
        pause: Between two requests on a kept-alive connection.
    """
    load = Load()
    with ThreadPoolExecutor(clients) as pool:
        for number in range(clients):
            if number % 2:
                done = pool.submit(load.ask_anew_until_told, backend, path, token)
            else:
                done = pool.submit(load.ask_until_told, backend, path, token, pause)
            done.add_done_callback(lambda done: done.result())
        try:
            yield load
        finally:
            load.stop()
