"""Who has an account is told to nobody: not by an answer, not by its headers, not by its time."""

import math
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models import release
from app.usecases import passwords
from tests.factories import PASSWORD, make_user, new_email
from tests.support.people import API, login, problem
from tests.support.threads import run_together

SAMPLES = 200
TRIES = 3  # A busy machine can make one comparison lie, and hardly three.


def p_of_equal_times(left: list[float], right: list[float]) -> float:
    """Return how probable so great a difference is if there is none (Mann-Whitney, two-sided).

    The normal approximation is good from some twenty samples on; times have no ties to speak of.
    """
    ranked = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    rank_sum = sum(rank for rank, (_, group) in enumerate(ranked, start=1) if group == 0)
    count = len(left) * len(right)
    statistic = rank_sum - len(left) * (len(left) + 1) / 2
    deviation = math.sqrt(count * (len(left) + len(right) + 1) / 12)
    return math.erfc(abs(statistic - count / 2) / deviation / math.sqrt(2))


@pytest.mark.parametrize(
    ("left", "right", "p"),
    # Computed by hand: U is 190 and 0, its mean 200 and its deviation 36.97.
    [(range(0, 40, 2), range(1, 41, 2), 0.787), (range(20), range(20, 40), 6.3e-8)],
)
def test_statistic_is_what_the_books_say(left: range, right: range, p: float) -> None:
    assert p_of_equal_times([*map(float, left)], [*map(float, right)]) == pytest.approx(p, rel=0.01)


def addresses() -> Iterator[str]:
    """Yield addresses from which nobody has tried before, so that no lock is in the way."""
    while True:
        yield f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def times_of(attempts: Mapping[str, Callable[[str], object]]) -> dict[str, list[float]]:
    """Time each kind of attempt as often as the other, mixed."""
    order = [name for name in attempts for _ in range(SAMPLES)]
    random.shuffle(order)
    times: dict[str, list[float]] = {name: [] for name in attempts}
    for name, address in zip(order, addresses(), strict=False):
        began = time.perf_counter()
        attempts[name](address)
        times[name].append(time.perf_counter() - began)
    return times


def are_alike(times: dict[str, list[float]]) -> bool:
    """Tell whether nobody could learn from the times who has an account.

    A row that is found is read, too, which takes a two-hundredth of what the hash takes: on a quiet
    machine that is significant, and no difference that shows at the end of a network.
    """
    one, other = times.values()
    medians = sorted((statistics.median(one), statistics.median(other)))
    ratio = medians[1] / medians[0]
    return ratio < 1.02 or (ratio < 1.1 and p_of_equal_times(one, other) > 0.001)


@pytest.mark.slow
def test_wrong_password_and_unknown_email_take_the_same_time(client: FlaskClient) -> None:
    known = [make_user()["email"] for _ in range(SAMPLES * TRIES)]
    release()

    def guess(email: Callable[[], str], address: str) -> None:
        environ = {"REMOTE_ADDR": address}
        body = {"email": email(), "password": "wrong guess"}
        answer = client.post(f"{API}/auth/login", json=body, environ_base=environ)
        assert problem(answer) == (401, "INVALID_CREDENTIALS")

    attempts = {"known": partial(guess, known.pop), "unknown": partial(guess, new_email)}

    assert any(are_alike(times_of(attempts)) for _ in range(TRIES))


def test_times_that_differ_are_told_apart() -> None:
    times = [0.02 + number / 100_000 for number in range(SAMPLES)]

    assert are_alike({"known": times, "unknown": times[::-1]})
    assert not are_alike({"known": times, "unknown": [0.001] * SAMPLES})
    assert not are_alike({"known": times, "unknown": [value * 1.08 for value in times]})


def test_no_more_passwords_are_hashed_at_once_than_there_are_slots(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    gauge = Gauge(slots=2)
    monkeypatch.setattr(passwords, "_SLOTS", threading.BoundedSemaphore(2))
    monkeypatch.setattr(passwords, "_HASHER", gauge)
    email = make_user()["email"]
    release()

    answers = run_together([partial(login, app.test_client(), email=email) for _ in range(4)])

    assert {answer.status_code for answer in answers} == {200}
    assert gauge.highest == 2


class Gauge:
    """Hashes as usual, and notes how many do so at once."""

    def __init__(self, slots: int) -> None:
        self._hasher: Any = passwords._HASHER
        self._together = threading.Barrier(slots, timeout=10)
        self._lock = threading.Lock()
        self._present = self.highest = 0

    def verify(self, *args: Any) -> Any:
        with self._lock:
            self._present += 1
            self.highest = max(self.highest, self._present)
        with suppress(threading.BrokenBarrierError):
            self._together.wait()  # For as many as may be here at once.
        try:
            return self._hasher.verify(*args)
        finally:
            with self._lock:
                self._present -= 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hasher, name)


@pytest.mark.parametrize("path", ["login", "register"])
def test_who_would_have_to_wait_too_long_for_a_hash_is_told_to_come_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    email = make_user()["email"] if path == "login" else new_email()
    release()
    monkeypatch.setattr(passwords, "_SLOTS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "_MAX_WAIT_SECONDS", 0.01)
    before = refused_hashes(client)

    with passwords._slot():
        answer = client.post(f"{API}/auth/{path}", json={"email": email, "password": PASSWORD})

    assert problem(answer) == (503, "BUSY")
    assert int(answer.headers["Retry-After"]) > 0
    assert refused_hashes(client) == before + 1
    assert client.post(
        f"{API}/auth/{path}", json={"email": email, "password": PASSWORD}
    ).status_code in (200, 201)


def refused_hashes(client: FlaskClient) -> float:
    lines = client.get("/metrics").text.splitlines()
    name = "password_hashes_refused_total"
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
