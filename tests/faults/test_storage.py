"""Rows D23 to D25: disks that are full, and files that are damaged.

On PostgreSQL: MariaDB ends itself when a file of its cannot grow, which is row D5.
"""

import base64
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from app.health import CACHED_SECONDS
from bilayer.urls import parse_url
from tests.faults.sites import HISTORY, ROLE, Site, on_url, prepare_database
from tests.support import run as runs
from tests.support.disks import Disk, small_disk
from tests.support.run import Run
from tests.support.servers import Server, render

ME = "/api/v1/users/me"
_NOBODY = 65534
postgresql = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


@pytest.mark.slow
@postgresql
def test_d23_full_disk_of_the_journal_stops_the_server_and_loses_nothing(
    suite_run: Run, server: Server, tmp_path: Path
) -> None:
    with _server_on_small_disk(suite_run) as (disk, own):
        url = prepare_database(own, "journal")
        with on_url(own, url, _as_role(url), tmp_path) as site, site.client() as client:
            site.write(client)
            disk.fill()
            refused = _write_until_refused(site, client)
            # The server has panicked. It may come back by itself, or stay down for want of room.
            down = [client.get(ME).status_code, site.write(client).status_code]
            disk.clear()
            own.stop()
            own.start()
            site.wait_until_ready()
            after = site.write(client)

            assert (refused.status_code, after.status_code) == (503, 201)
            assert set(down) <= {200, 201, 503}
            assert set(site.acknowledged) <= site.stored()


@pytest.mark.slow
@postgresql
def test_d24_full_disk_of_the_rows_refuses_writes_and_reads_on(
    suite_run: Run, server: Server, tmp_path: Path
) -> None:
    with (
        _tablespace_on_small_disk(suite_run, server) as (disk, url),
        on_url(server, url, _as_role(url), tmp_path) as site,
        site.client() as client,
    ):
        site.write(client)
        disk.fill()
        refused = _write_until_refused(site, client)
        read = client.get(HISTORY)
        time.sleep(CACHED_SECONDS)
        ready = client.get("/readyz")
        disk.clear()
        after = site.write(client)

        assert (refused.status_code, refused.json()["code"]) == (503, "STORAGE_FULL")
        assert int(refused.headers["Retry-After"]) >= 1
        assert read.status_code == 200
        assert (ready.status_code, ready.json()["state"]) == (200, "storage_full")
        assert after.status_code == 201
        assert set(site.acknowledged) <= site.stored()


@postgresql
def test_d25_damaged_page_fails_what_reads_it_and_nothing_else(site: Site) -> None:
    process = site.server.process
    assert process is not None
    with site.client() as client:
        site.write(client)
        path = process.folder / "data" / _file_of(site, "history")
        site.server.stop()
        sound = path.read_bytes()
        path.write_bytes(b"\xff" * 64 + sound[64:])
        site.server.start()
        site.wait_until_ready()
        damaged, other = client.get(HISTORY), client.get(ME)
        time.sleep(CACHED_SECONDS)
        ready = client.get("/readyz")
        site.server.stop()
        path.write_bytes(sound)
        site.server.start()
        site.wait_until_ready()
        mended = client.get(HISTORY)

    assert (damaged.status_code, damaged.json()["code"]) == (503, "STORAGE_FAILED")
    assert other.status_code == 200
    assert (ready.status_code, ready.json()["state"]) == (200, "storage_failed")
    assert mended.status_code == 200


def _as_role(url: str) -> str:
    return render(parse_url(url).set(username=ROLE, password=None))


def _write_until_refused(site: Site, client: httpx.Client) -> httpx.Response:
    """Write rows that cannot be compressed until there is no room for one."""
    for _ in range(400):
        payload = {"noise": base64.b64encode(os.urandom(20_000)).decode()}
        answer = site.write(client, payload=payload)
        if answer.status_code != 201:
            return answer
    raise AssertionError("there was room for all of it")


def _file_of(site: Site, table: str) -> str:
    engine = sa.create_engine(parse_url(site.url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT pg_relation_filepath('{table}')").scalar_one()
        return str(found)


@contextmanager
def _tablespace_on_small_disk(run: Run, server: Server) -> Iterator[tuple[Disk, str]]:
    """Keep the rows on a small disk and the journal on the large one."""
    with small_disk(run, 48) as disk:
        space = disk.folder / "space"
        space.mkdir(mode=0o700)
        shutil.chown(space, _NOBODY, _NOBODY)
        server.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
        _set_tablespace(server, "SET default_tablespace = small")
        try:
            yield disk, prepare_database(server, "small")
        finally:
            _set_tablespace(server, "RESET default_tablespace")
            server.drop_database("small")
            server.execute("DROP TABLESPACE small")


def _set_tablespace(server: Server, change: str) -> None:
    server.execute(f"ALTER SYSTEM {change}")
    server.execute("SELECT pg_reload_conf()")


@contextmanager
def _server_on_small_disk(run: Run) -> Iterator[tuple[Disk, Server]]:
    with small_disk(run, 150) as disk:
        own = runs.new_server("postgresql", disk.folder / "server")
        assert own.process is not None
        own.process.install += ["--wal-segsize=1"]
        own.prepare()
        own.start()
        try:
            yield disk, own
        finally:
            own.stop()
