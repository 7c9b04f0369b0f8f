"""Rows D1 to D6: a database that goes away and comes back, and the breaker that watches it."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg2
import pytest

from app.health import CACHED_SECONDS
from tests.faults.sites import HISTORY, Site
from tests.support.servers import Server

ME = "/api/v1/users/me"
BREAKER = 'circuit_breaker_state{dependency="database"}'


def test_d1_restart_behind_an_idle_pool_is_not_noticed(site: Site) -> None:
    with site.client() as client:
        _fill_pool(site)
        site.server.restart()

        answers = [client.get(ME).status_code for _ in range(6)]

    assert answers == [200] * 6


def test_d2_server_that_is_down_is_told_and_recovered_from(site: Site) -> None:
    workers = site.backend.workers()
    with site.client() as client:
        site.write(client)
        site.server.stop()
        first = [client.get(ME) for _ in range(6)]
        began = time.monotonic()
        refused = [client.get(ME) for _ in range(20)]
        seconds = time.monotonic() - began
        state = site.metric(BREAKER)
        ready, alive = client.get("/readyz"), client.get("/healthz")

        site.server.start()
        back = time.monotonic()
        while client.get(ME).status_code != 200:
            assert time.monotonic() - back < 10
            time.sleep(0.05)
        after = site.write(client)

    for answer in (*first, *refused):
        assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert state == 2, "the circuit is open"
    assert seconds < 5, "twenty refusals, none of which asked the database"
    assert (ready.status_code, ready.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert alive.status_code == 200
    assert after.status_code == 201
    assert site.backend.workers() == workers
    assert site.metric(BREAKER) == 0
    assert set(site.acknowledged) <= site.stored()


def test_d2_port_that_refuses_is_forgiven_by_the_readiness_probe(site: Site) -> None:
    with site.client() as client:
        site.proxy.refuse()
        for _ in range(6):
            assert client.get(ME).status_code == 503
        site.proxy.recover()
        site.wait_until_ready()

        answer = client.get(ME)

    assert answer.status_code == 200, "the probe has closed the circuit for all"


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d3_server_in_recovery_is_as_good_as_down(site: Site, server: Server) -> None:
    process = server.process
    assert process is not None
    data = process.folder / "data"
    server.stop()
    (data / "standby.signal").touch()
    process.serve += ["-c", "hot_standby=off"]
    try:
        process.start()
        _wait_until_it_refuses(process.port)
        with site.client() as client:
            answer = client.get(ME)
            time.sleep(CACHED_SECONDS)
            ready = client.get("/readyz")
    finally:
        del process.serve[-2:]
        process.stop(signal.SIGQUIT)
        (data / "standby.signal").unlink()
    server.start()
    site.wait_until_ready()

    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert ready.status_code == 503


@pytest.mark.parametrize("fault", ["d4", "d5"])
def test_crash_under_load_loses_no_acknowledged_write(site: Site, fault: str) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(_write_until, stop, site) for _ in range(4)]
        time.sleep(0.5)
        _crash(site, fault)
        site.server.start()
        site.wait_until_ready()
        written = len(site.acknowledged)
        _wait(lambda: len(site.acknowledged) > written + 20)
        stop.set()
        answers = [writer.result() for writer in writers]

    assert {status for each in answers for status in each} <= {201, 503}, "never a 500"
    assert [each[-1] for each in answers] == [201] * 4
    assert len(site.acknowledged) > 10
    assert set(site.acknowledged) <= site.stored()


def test_d6_dead_connections_of_a_full_pool_are_forgotten(site: Site) -> None:
    _fill_pool(site)
    site.server.stop()
    with site.client() as client:
        down = [client.get(ME).status_code for _ in range(3)]
        site.server.start()
        site.wait_until_ready()
        up = [client.get(ME).status_code for _ in range(12)]

    assert down == [503] * 3
    assert up == [200] * 12
    assert site.metric("database_connections_in_use") == 0


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _fill_pool(site: Site) -> None:
    """Let as many connections be opened as there are threads."""
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        clients = [stack.enter_context(site.client()) for _ in range(8)]
        answers = [pool.submit(client.get, HISTORY) for client in clients]
        assert {answer.result().status_code for answer in answers} == {200}


def _write_until(stop: threading.Event, site: Site) -> list[int]:
    answers = []
    with site.client() as client:
        while not stop.is_set():
            answers.append(site.write(client).status_code)
    return answers


def _crash(site: Site, fault: str) -> None:
    """Kill one backend of PostgreSQL, which takes all sessions down, or the server itself."""
    process = site.server.process
    assert process is not None
    assert process.child is not None
    if site.engine == "mariadb":
        process.stop(signal.SIGKILL)
    elif fault == "d5":
        process.stop(signal.SIGQUIT)
    else:
        found = subprocess.run(
            ["pgrep", "-P", str(process.child.pid), "-f", "postgres: clerk"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        subprocess.run(["kill", "-9", found.stdout.split()[0]], check=True)


def _wait_until_it_refuses(port: int) -> None:
    """Wait until the server refuses connections by its own words."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="postgres").close()
        except psycopg2.OperationalError as error:
            if "starting up" in str(error) or "not accepting" in str(error):
                return
        time.sleep(0.05)
    raise TimeoutError
