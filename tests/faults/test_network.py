"""Rows D7, D9, D10, D21 and D22: what a network does to a request, and what is known afterwards."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

from app.dal.connection import CONNECT_SECONDS, SILENCE_SECONDS
from app.health import CACHED_SECONDS, PROBE_SECONDS
from tests.faults.sites import HISTORY, Site

ME = "/api/v1/users/me"
BUSY_SECONDS = 4
"""What two shared cores may add to any wait."""


def answered(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_d7_connection_whose_settings_failed_is_not_used(site: Site) -> None:
    # PostgreSQL gets its settings in the packet that opens the connection: they cannot fail alone.
    site.server.kill_connections()
    with site.client() as client:
        site.proxy.lose("SET SESSION sql_mode")
        first = client.get(ME)
        # The value of a setting that was not sent would be cut or stored as it is.
        second = site.write(client, action_type="A" * 51)
        third = site.write(client)

    assert answered(first) == (503, "DATABASE_UNAVAILABLE")
    assert second.status_code == 422
    assert third.status_code == 201


@pytest.mark.slow
def test_d9_process_that_asks_a_silent_server_does_not_look_dead(site: Site) -> None:
    waits = []
    with (
        site.backend.client() as balancer,
        site.backend.client() as orchestrator,
        ThreadPoolExecutor(1) as pool,
    ):
        site.proxy.fall_silent(seconds=60)
        while balancer.get("/readyz").status_code == 200:
            time.sleep(0.1)
        time.sleep(1.1)  # What it said is no longer remembered.
        asked = pool.submit(balancer.get, "/readyz")
        while not asked.done():
            began = time.monotonic()
            assert orchestrator.get("/healthz").status_code == 200
            waits.append(time.monotonic() - began)
            time.sleep(0.05)
        site.proxy.recover()
        site.wait_until_ready()

    assert asked.result().status_code == 503
    assert max(waits) < 1


@pytest.mark.slow
def test_d9_silent_server_costs_one_request_and_not_the_worker(site: Site) -> None:
    with site.client() as client, site.client() as other, ThreadPoolExecutor(1) as pool:
        site.write(client)
        site.proxy.fall_silent(seconds=60)
        began = time.monotonic()
        waiting = pool.submit(site.write, client)
        while not waiting.done():
            assert other.get("/healthz").status_code == 200
            time.sleep(0.05)
        waited = time.monotonic() - began
        silent = waiting.result()

        site.proxy.recover()
        site.wait_until_ready()
        after = site.write(client)

    assert silent.status_code == 503
    assert silent.json()["code"] in ("DATABASE_UNAVAILABLE", "DATABASE_TIMEOUT", "OUTCOME_UNKNOWN")
    assert int(silent.headers["Retry-After"]) >= 1
    assert waited < 10 + BUSY_SECONDS, "a request has ten seconds"
    assert after.status_code == 201
    assert set(site.acknowledged) <= site.stored()


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d9_breaker_spares_those_who_come_later(site: Site) -> None:
    site.proxy.fall_silent(seconds=60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _read(site), range(8)))

    began = time.monotonic()
    answers = [_read(site) for _ in range(5)]
    waited = time.monotonic() - began

    assert [answered(answer) for answer in answers] == [(503, "DATABASE_UNAVAILABLE")] * 5
    assert waited < 2 * (CONNECT_SECONDS + 1), "one of them at most was the probe"


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d9_readiness_does_not_wait_long_for_a_silent_server(site: Site) -> None:
    time.sleep(CACHED_SECONDS)
    site.proxy.fall_silent(seconds=60)
    with site.client() as client:
        began = time.monotonic()
        answer = client.get("/readyz")
        waited = time.monotonic() - began

    assert answered(answer) == (503, "DATABASE_UNAVAILABLE")
    assert waited < PROBE_SECONDS + 2.5, "a ping and a new connection alone may take six"


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d10_dead_host_is_given_up_in_time(site: Site) -> None:
    process = site.server.process
    assert process is not None
    with site.client() as client:
        site.write(client)
        with _packets_dropped(process.port):
            began = time.monotonic()
            lost = client.get(ME)
            waited = time.monotonic() - began
        site.proxy.recover()
        site.wait_until_ready()
        after = site.write(client)

    assert lost.status_code == 503
    assert waited < SILENCE_SECONDS + CONNECT_SECONDS + BUSY_SECONDS
    assert after.status_code == 201


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO"])
def test_d21_what_never_reached_the_server_is_tried_again(site: Site, statement: str) -> None:
    if site.engine == "mariadb":
        statement = statement.replace("BEGIN", "START TRANSACTION")
    with site.client() as client:
        site.write(client)
        site.proxy.lose(statement)
        answer = site.write(client)

    assert answer.status_code == 201
    assert site.acknowledged[-1] in site.stored()


def test_d21_answer_lost_inside_the_transaction_stores_nothing_twice(site: Site) -> None:
    with site.client() as client:
        site.write(client)
        before = len(site.stored())
        site.proxy.lose_answer_to("INSERT INTO")
        answer = site.write(client)

    assert answer.status_code == 201
    assert site.metric('unit_of_work_retries_total{reason="connection_lost"}') >= 1
    assert len(site.stored()) == before + 1


def test_d21_commit_that_never_reached_the_server_stored_nothing(site: Site) -> None:
    key = str(uuid4())
    with site.client() as client:
        site.write(client)
        site.proxy.lose("COMMIT")
        unknown = site.write(client, id=key)
        stored = key in site.stored()
        again = site.write(client, id=key)

    assert answered(unknown) == (503, "OUTCOME_UNKNOWN")
    assert int(unknown.headers["Retry-After"]) >= 1
    assert not stored
    assert again.status_code == 201


def test_d22_commit_whose_answer_was_lost_is_stored_once(site: Site) -> None:
    key = str(uuid4())
    with site.client() as client:
        site.write(client)
        site.proxy.lose_answer_to("COMMIT")
        unknown = site.write(client, id=key)
        stored = key in site.stored()
        again = site.write(client, id=key)

    assert answered(unknown) == (503, "OUTCOME_UNKNOWN")
    assert stored
    assert again.status_code == 200, "it was there"


@pytest.mark.parametrize("fault", ["lose", "lose_answer_to"])
def test_d22_idempotency_key_decides_an_unknown_outcome(site: Site, fault: str) -> None:
    body = {"action_type": "WRITE", "payload": {"a": 1}}
    headers = {"Idempotency-Key": f"d22-{uuid4()}"}
    with site.client() as client:
        site.write(client)
        before = len(site.stored())
        getattr(site.proxy, fault)("COMMIT")
        first = client.post(HISTORY, json=body, headers=headers)
        again = client.post(HISTORY, json=body, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(site.stored()) == before + 1


def _read(site: Site) -> httpx.Response:
    with site.client() as client:
        return client.get(ME)


@contextmanager
def _packets_dropped(port: int) -> Iterator[None]:
    """Let every packet to a port of this machine vanish."""
    rule = ["OUTPUT", "-p", "tcp", "-d", "127.0.0.1", "--dport", str(port), "-j", "DROP"]
    iptables = shutil.which("iptables", path="/usr/sbin:/sbin:/usr/bin")
    if iptables is None or subprocess.run([iptables, "-A", *rule], check=False).returncode:
        pytest.skip("iptables is not to be had, or not permitted")
    try:
        yield
    finally:
        subprocess.run([iptables, "-D", *rule], check=True)
