"""The gate in front of the pool: places, waits, and what the breaker behind it is told."""

import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from app import deadline
from app.breaker import MAX_FAILURES, BreakerState
from app.dal.admission import Admission
from bilayer.runtime import CircuitOpen, Guard, PoolTimeout


@pytest.fixture
def gate() -> Admission:
    return Admission(places=2, patience=0.2)


@pytest.fixture(autouse=True)
def _no_deadline() -> Iterator[None]:
    yield
    deadline.end()


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_it_is_a_guard_of_the_runtime(gate: Admission) -> None:
    guard: Guard = gate

    assert guard.remaining() is None


def test_so_many_are_let_in_as_there_are_places(gate: Admission) -> None:
    gate.admit()
    gate.admit()

    before = value("admission_refused_total")
    began = time.monotonic()
    with pytest.raises(PoolTimeout):
        gate.admit()

    assert 0.2 <= time.monotonic() - began < 2
    assert value("admission_refused_total") == before + 1
    assert value("admission_waiting") == 0


def test_who_waits_gets_the_place_that_becomes_free(gate: Admission) -> None:
    gate = Admission(places=1, patience=10)
    gate.admit()
    waiting = threading.Thread(target=gate.admit)
    waiting.start()
    while value("admission_waiting") != 1:
        time.sleep(0.005)

    gate.leave()
    waiting.join(5)

    assert not waiting.is_alive()
    assert value("admission_waiting") == 0


def test_nobody_waits_longer_than_the_request_may_take() -> None:
    gate = Admission(places=0, patience=30)
    deadline.begin(0.1)

    began = time.monotonic()
    with pytest.raises(PoolTimeout):
        gate.admit()

    assert time.monotonic() - began < 5


def test_open_circuit_refuses_at_once_and_takes_no_place(gate: Admission) -> None:
    for _ in range(MAX_FAILURES):
        gate.admit()
        gate.failed()
        gate.leave()

    began = time.monotonic()
    for _ in range(99):
        with pytest.raises(CircuitOpen):
            gate.admit()
    with pytest.raises(CircuitOpen) as refusal:
        gate.admit()
    seconds = time.monotonic() - began

    assert seconds < 1  # A hundred refusals. Each takes microseconds; cores are shared.
    assert 0 < refusal.value.retry_after <= 1.2
    assert gate.breaker.state is BreakerState.OPEN
    assert value("circuit_breaker_state", dependency="database") == BreakerState.OPEN


def test_probe_without_a_place_is_no_verdict(gate: Admission) -> None:
    gate = Admission(places=1, patience=0.01)
    gate.admit()
    for _ in range(MAX_FAILURES):
        gate.failed()
    gate.breaker.hasten()

    with pytest.raises(PoolTimeout):
        gate.admit()

    after_the_vain_one = gate.breaker.state
    gate.leave()
    gate.breaker.hasten()
    gate.admit()
    gate.connected()
    assert (after_the_vain_one, gate.breaker.state) == (BreakerState.OPEN, BreakerState.CLOSED)


def test_each_opening_is_counted(gate: Admission) -> None:
    before = value("circuit_breaker_opened_total", dependency="database")

    for _ in range(MAX_FAILURES + 3):
        gate.failed()

    assert value("circuit_breaker_opened_total", dependency="database") == before + 1


def test_forked_child_has_every_place(gate: Admission) -> None:
    gate.admit()
    gate.admit()
    for _ in range(MAX_FAILURES):
        gate.failed()

    gate.renew()

    gate.admit()
    gate.admit()
