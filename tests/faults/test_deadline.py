"""How long a request may still take."""

from collections.abc import Iterator

import pytest

from app import deadline


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    monkeypatch.setattr("app.deadline.time.monotonic", lambda: now[0])
    yield now
    deadline.end()


def test_thread_without_a_request_has_no_deadline() -> None:
    assert deadline.remaining() is None


def test_time_runs_out_and_not_below_zero(clock: list[float]) -> None:
    deadline.begin()
    clock[0] += 4
    left = deadline.remaining()
    clock[0] += 60

    assert left == deadline.REQUEST_SECONDS - 4
    assert deadline.remaining() == 0


def test_part_of_a_request_may_have_less_time_and_never_more() -> None:
    deadline.begin(5)

    with deadline.at_most(2):
        assert deadline.remaining() == 2
        with deadline.at_most(60):
            assert deadline.remaining() == 2

    assert deadline.remaining() == 5


def test_part_without_a_request_has_an_end_too() -> None:
    with deadline.at_most(2):
        assert deadline.remaining() == 2

    assert deadline.remaining() is None
