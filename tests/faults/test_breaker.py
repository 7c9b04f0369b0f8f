"""The circuit breaker, on a clock of its own: when it opens, who probes, when it closes."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.breaker import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    MAX_FAILURES,
    WINDOW_SECONDS,
    BreakerState,
    CircuitBreaker,
)


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(now=clock, chance=lambda: 0.5)


def open_it(breaker: CircuitBreaker) -> None:
    for _ in range(MAX_FAILURES):
        assert breaker.enter() is None
        breaker.fail()


def elsewhere(action: Callable[[], object]) -> object:
    """Do something in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result()


def test_closed_breaker_lets_everybody_ask(breaker: CircuitBreaker) -> None:
    assert [breaker.enter() for _ in range(20)] == [None] * 20


def test_few_failures_do_not_open_it(breaker: CircuitBreaker) -> None:
    for _ in range(MAX_FAILURES - 1):
        breaker.fail()

    assert breaker.state is BreakerState.CLOSED
    assert breaker.enter() is None


def test_five_failures_close_together_open_it(breaker: CircuitBreaker) -> None:
    open_it(breaker)

    assert breaker.state is BreakerState.OPEN
    assert breaker.enter() == FIRST_WAIT_SECONDS


def test_failures_far_apart_do_not_open_it(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(5 * MAX_FAILURES):
        breaker.fail()
        clock.pass_by(WINDOW_SECONDS / (MAX_FAILURES - 1) + 0.01)

    assert breaker.state is BreakerState.CLOSED


def test_it_says_how_long_to_stay_away(breaker: CircuitBreaker, clock: Clock) -> None:
    open_it(breaker)
    clock.pass_by(0.75)

    assert breaker.enter() == pytest.approx(FIRST_WAIT_SECONDS - 0.75)


def test_after_the_wait_there_is_one_probe(breaker: CircuitBreaker, clock: Clock) -> None:
    open_it(breaker)
    clock.pass_by(FIRST_WAIT_SECONDS)
    gate = threading.Barrier(16)

    def enter() -> float | None:
        gate.wait(10)
        return breaker.enter()

    with ThreadPoolExecutor(16) as pool:
        answers = [future.result() for future in [pool.submit(enter) for _ in range(16)]]

    assert answers.count(None) == 1
    assert breaker.state is BreakerState.HALF_OPEN
    assert all(answer is None or answer > 0 for answer in answers)


def test_probe_that_succeeds_closes_it_for_all(breaker: CircuitBreaker, clock: Clock) -> None:
    open_it(breaker)
    clock.pass_by(FIRST_WAIT_SECONDS)
    breaker.enter()

    breaker.succeed()

    assert breaker.state is BreakerState.CLOSED
    assert elsewhere(breaker.enter) is None
    breaker.fail()
    assert breaker.state is BreakerState.CLOSED, "what was counted before is forgotten"


def test_wait_doubles_with_each_vain_probe_up_to_the_longest(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    open_it(breaker)
    waits = []
    for _ in range(8):
        wait = breaker.enter()
        assert wait is not None
        waits.append(wait)
        clock.pass_by(wait)
        assert breaker.enter() is None
        breaker.fail()

    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[5:] == [LONGEST_WAIT_SECONDS] * 3


def test_wait_is_short_again_after_a_recovery(breaker: CircuitBreaker, clock: Clock) -> None:
    open_it(breaker)
    for _ in range(3):
        clock.pass_by(LONGEST_WAIT_SECONDS)
        breaker.enter()
        breaker.fail()
    clock.pass_by(LONGEST_WAIT_SECONDS)
    breaker.enter()
    breaker.succeed()

    open_it(breaker)

    assert breaker.enter() == FIRST_WAIT_SECONDS


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_waits_are_spread_so_that_workers_do_not_probe_together(
    clock: Clock, chance: float
) -> None:
    breaker = CircuitBreaker(now=clock, chance=lambda: chance)

    open_it(breaker)

    assert breaker.enter() == pytest.approx(0.8 + 0.4 * chance)


def test_others_cannot_decide_for_the_probe(breaker: CircuitBreaker, clock: Clock) -> None:
    open_it(breaker)
    clock.pass_by(FIRST_WAIT_SECONDS)
    breaker.enter()

    for late in (breaker.succeed, breaker.fail, breaker.abandon):
        elsewhere(late)

    assert breaker.state is BreakerState.HALF_OPEN


def test_late_failures_do_not_prolong_the_wait(breaker: CircuitBreaker, clock: Clock) -> None:
    open_it(breaker)
    clock.pass_by(0.5)

    breaker.fail()

    assert breaker.enter() == pytest.approx(0.5)


def test_probe_that_learned_nothing_leaves_it_open_as_long_as_before(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    open_it(breaker)
    clock.pass_by(FIRST_WAIT_SECONDS)
    breaker.enter()

    breaker.abandon()

    assert breaker.enter() == FIRST_WAIT_SECONDS


def test_probe_that_is_never_heard_of_again_is_replaced(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    open_it(breaker)
    clock.pass_by(FIRST_WAIT_SECONDS)
    elsewhere(breaker.enter)
    assert breaker.enter() is not None

    clock.pass_by(LONGEST_WAIT_SECONDS)

    assert breaker.enter() is None


def test_probe_can_be_hastened_and_stays_one(breaker: CircuitBreaker, clock: Clock) -> None:
    open_it(breaker)
    breaker.hasten()

    first, second = breaker.enter(), elsewhere(breaker.enter)
    breaker.hasten()

    assert first is None
    assert second is not None
    assert elsewhere(breaker.enter) is not None


def test_hastened_probe_in_vain_does_not_prolong_the_wait(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    open_it(breaker)
    for _ in range(5):
        clock.pass_by(0.1)
        breaker.hasten()
        breaker.enter()
        breaker.fail()

    assert breaker.enter() == FIRST_WAIT_SECONDS
    clock.pass_by(FIRST_WAIT_SECONDS)
    breaker.enter()
    breaker.fail()
    assert breaker.enter() == 2 * FIRST_WAIT_SECONDS


def test_every_change_is_told_in_order(clock: Clock) -> None:
    told: list[BreakerState] = []
    breaker = CircuitBreaker(told.append, now=clock, chance=lambda: 0.5)

    open_it(breaker)
    clock.pass_by(1)
    breaker.enter()
    breaker.fail()
    clock.pass_by(2)
    breaker.enter()
    breaker.succeed()

    closed, half, is_open = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
    assert told == [is_open, half, is_open, half, closed]


def test_forked_child_starts_closed(breaker: CircuitBreaker) -> None:
    open_it(breaker)

    breaker.renew()

    assert breaker.enter() is None
