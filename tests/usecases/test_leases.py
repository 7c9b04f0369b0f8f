"""Work that one does at a time: who gets a lease, keeps it, loses it, and takes it over."""

import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from app import clock, deadline
from app.models import delete_expired_leases, get_lease, transaction
from app.usecases.leases import Lease, acquire, is_held, release, renew
from tests.support.proxy import Proxy
from tests.support.service import connected, settings_for
from tests.support.threads import run_together, wait_until

pytestmark = pytest.mark.usefixtures("database")


def test_one_of_many_gets_a_free_lease() -> None:
    holders = [uuid4() for _ in range(12)]

    got = run_together([partial(acquire, "w", holder, 60) for holder in holders])

    assert sorted(got, key=repr) == [False] * 11 + [True]
    assert (get_lease("w") or {})["holder"] == holders[got.index(True)]


def test_one_of_many_takes_an_expired_lease_over() -> None:
    now = clock.now()
    with clock.frozen(now):
        assert acquire("w", uuid4(), 60)
        assert not acquire("w", uuid4(), 60)

    with clock.frozen(now + timedelta(seconds=60)):
        assert not is_held("w")
        got = run_together([lambda: acquire("w", uuid4(), 60) for _ in range(12)])

        assert sorted(got, key=repr) == [False] * 11 + [True]
        assert is_held("w")


def test_holder_may_ask_again_and_is_nobody_else() -> None:
    holder, other = uuid4(), uuid4()

    assert acquire("w", holder, 60)
    assert acquire("w", holder, 60)

    release("w", other)
    assert not renew("w", other, 60)
    assert is_held("w")
    assert renew("w", holder, 60)
    release("w", holder)
    assert acquire("w", other, 60)


def test_lease_that_was_taken_over_is_not_renewed() -> None:
    holder, now = uuid4(), clock.now()
    with clock.frozen(now):
        acquire("w", holder, 1)
    with clock.frozen(now + timedelta(seconds=2)):
        assert acquire("w", uuid4(), 60)

        assert not renew("w", holder, 60)


def test_lease_lasts_while_its_work_does_and_ends_with_it() -> None:
    lease = Lease("w", 0.3)
    assert lease.begin()
    with lease:
        first = (get_lease("w") or {})["expires_at"]
        wait_until(lambda: (get_lease("w") or {})["expires_at"] > first)
        assert not Lease("w", 0.3).begin()
        assert not lease.is_lost

    assert get_lease("w") is None


def test_who_lost_a_lease_hears_of_it() -> None:
    lease = Lease("w", 0.3)
    assert lease.begin()
    with lease, clock.frozen(clock.now() + timedelta(minutes=1)):
        assert acquire("w", uuid4(), 60)
        while not lease.is_lost:
            pass

    assert is_held("w"), "it is the other one's"


def test_work_ends_in_time_though_the_server_has_fallen_silent(
    engine: str, database_url: str, tmp_path: Path
) -> None:
    if engine == "sqlite":
        pytest.skip("has no server")
    with Proxy(database_url) as proxy, connected(settings_for(proxy.url, tmp_path)):
        lease = Lease("w", 0.6)
        assert lease.begin()
        with deadline.at_most(1.5):
            began = time.monotonic()
            with lease:
                proxy.fall_silent(60)
                time.sleep(0.5)  # A renewal waits for its answer by now.
            seconds = time.monotonic() - began
        wait_until(lambda: not lease._thread.is_alive())
        whole = time.monotonic() - began

    assert seconds < 3
    assert whole < 5, "who renews has stopped asking as well"


def test_lease_that_cannot_be_renewed_is_lost_when_it_has_run_out(
    engine: str, database_url: str, tmp_path: Path
) -> None:
    if engine == "sqlite":
        pytest.skip("has no server")
    with Proxy(database_url) as proxy, connected(settings_for(proxy.url, tmp_path)):
        lease = Lease("w", 1.5)
        assert lease.begin()
        with lease:
            proxy.refuse()
            wait_until(lambda: lease.is_lost)


def test_lease_is_had_where_there_is_no_room_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def start_others(thread: threading.Thread) -> None:
        if thread.name == "lease":
            raise RuntimeError
        start(thread)

    lease = Lease("w", 60)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_others)
        assert lease.begin()
    with lease:
        assert is_held("w")

    assert not is_held("w")


def test_expired_leases_are_forgotten_and_others_are_not() -> None:
    now = clock.now()
    with clock.frozen(now):
        for number in range(5):
            acquire(f"w{number}", uuid4(), number)

    with transaction():
        counts = [
            delete_expired_leases(expired_at=now + timedelta(seconds=3), limit=3) for _ in range(3)
        ]

    assert counts == [3, 1, 0]
    assert get_lease("w4") is not None
