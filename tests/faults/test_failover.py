"""Rows D12 and D13: another server takes the place of the one that wrote."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.clusters import Cluster, start_cluster
from tests.faults.sites import HISTORY, ROLE, Site, on_url, prepare_database
from tests.support import run as runs
from tests.support.proxy import Proxy
from tests.support.run import Run
from tests.support.servers import render

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "postgresql" not in runs.own_server_engines(), reason="no PostgreSQL server is installed"
    ),
]


@pytest.fixture
def cluster(suite_run: Run) -> Iterator[Cluster]:
    """A primary with a standby that follows it."""
    folder = suite_run.folder / f"cluster-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o755)
    cluster = start_cluster(folder)
    yield cluster
    cluster.stop()


def test_d12_promoted_standby_has_every_acknowledged_write(
    cluster: Cluster, tmp_path: Path
) -> None:
    url = prepare_database(cluster.primary, "failover")
    cluster.follow_closely()
    both = cluster.url_of_both("failover", ROLE)
    stop = threading.Event()
    with on_url(cluster.primary, url, both, tmp_path) as site, ThreadPoolExecutor(3) as pool:
        workers = site.backend.workers()
        writers = [pool.submit(_write_until, stop, site) for _ in range(3)]
        time.sleep(0.7)
        assert cluster.primary.process is not None
        cluster.primary.process.stop(signal.SIGQUIT)
        cluster.promote()
        promoted = time.monotonic()
        before = len(site.acknowledged)
        site.wait_until_ready()
        while len(site.acknowledged) < before + 10:
            assert time.monotonic() < promoted + 20
            time.sleep(0.02)
        stop.set()
        answers = {status for writer in writers for status in writer.result()}
        site.url = render(cluster.standby.maintenance.set(database="failover"))

        assert answers <= {201, 503}
        assert before > 10
        assert set(site.acknowledged) <= site.stored()
        assert site.backend.workers() == workers


def test_d13_write_that_meets_a_standby_finds_the_primary(cluster: Cluster, tmp_path: Path) -> None:
    url = prepare_database(cluster.primary, "demoted")
    role_url = render(cluster.primary.maintenance.set(database="demoted", username=ROLE))
    with (
        Proxy(role_url) as wire,
        on_url(cluster.primary, url, wire.url, tmp_path) as site,
        site.client() as client,
    ):
        site.write(client)
        cluster.catch_up()
        # The address of the service leads to the server that was demoted.
        wire.lead_to(cluster.standby.url)
        wire.cut()
        site.wait_until_ready("read_only")
        read, refused = client.get(HISTORY), site.write(client)
        # Its connections stay, new ones find the server that writes.
        wire.lead_to(cluster.primary.url)
        written = site.write(client)

    assert read.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (503, "READ_ONLY")
    assert int(refused.headers["Retry-After"]) >= 1
    assert written.status_code == 201


def _write_until(stop: threading.Event, site: Site) -> list[int]:
    answers = []
    with site.client() as client:
        while not stop.is_set():
            answers.append(site.write(client).status_code)
    return answers
