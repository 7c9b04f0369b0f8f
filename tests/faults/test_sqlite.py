"""Rows S1 to S5: the embedded file under many writers, on disks that are full or read only."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app import create_app
from tests.e2e.test_journey import register
from tests.faults.sites import HISTORY
from tests.support.backend import Backend, running
from tests.support.databases import migrate
from tests.support.disks import small_disk
from tests.support.run import Run
from tests.support.service import connected, settings_for

ME = "/api/v1/users/me"


@contextmanager
def service(file: Path, folder: Path) -> Iterator[Backend]:
    """Serve a file with one worker."""
    with running(f"sqlite:///{file}", folder, WORKERS="1", THREADS="8") as backend:
        yield backend


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A migrated database."""
    return migrated(tmp_path / "app.db")


def migrated(file: Path) -> Path:
    migrate(f"sqlite:///{file}")
    return file


def write(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post(HISTORY, json={"action_type": "WRITE", "payload": {}} | body)


def test_s1_many_writers_take_turns_and_none_is_refused(file: Path, tmp_path: Path) -> None:
    with service(file, tmp_path) as backend, backend.client() as client:
        register(client)
        token = client.headers["Authorization"]

        def write_some(_: int) -> set[int]:
            with backend.client(headers={"Authorization": token}) as own:
                return {write(own).status_code for _ in range(15)}

        with ThreadPoolExecutor(8) as pool:
            answers = set().union(*pool.map(write_some, range(8)))

    with closing(sqlite3.connect(file)) as database:
        count = database.execute("SELECT count(*) FROM history").fetchone()
    assert answers == {201}
    assert count == (8 * 15,)


@pytest.mark.slow
def test_s2_writer_that_keeps_its_lock_makes_others_busy_and_readers_read(
    file: Path, tmp_path: Path
) -> None:
    with service(file, tmp_path) as backend, backend.client() as client:
        register(client)
        write(client)
        with closing(sqlite3.connect(file, isolation_level=None)) as hog:
            hog.execute("BEGIN IMMEDIATE")
            read = client.get(HISTORY)
            began = time.monotonic()
            busy = write(client)
            waited = time.monotonic() - began
        after = write(client)

    assert read.status_code == 200
    assert busy.status_code == 503
    assert busy.json()["code"] in ("DATABASE_BUSY", "DATABASE_TIMEOUT")
    assert int(busy.headers["Retry-After"]) >= 1
    assert waited < 13, "a request has ten seconds"
    assert after.status_code == 201


def test_s3_read_only_disk_is_read(suite_run: Run, tmp_path: Path) -> None:
    with small_disk(suite_run, 20) as disk:
        file = migrated(disk.folder / "app.db")
        with service(file, tmp_path) as backend, backend.client() as client:
            register(client)
            token = client.headers["Authorization"]
            made = write(client).json()
        disk.make_read_only()
        with service(file, tmp_path) as backend, backend.client() as client:
            client.headers["Authorization"] = token
            ready = client.get("/readyz")
            reads = [client.get(path) for path in (HISTORY, f"{HISTORY}/{made['id']}", ME)]
            refused = write(client)

    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "state": "read_only"})
    assert [answer.status_code for answer in reads] == [200, 200, 200]
    assert (refused.status_code, refused.json()["code"]) == (503, "READ_ONLY")


def test_s4_full_disk_refuses_writes_and_damages_nothing(suite_run: Run, tmp_path: Path) -> None:
    with small_disk(suite_run, 8) as disk:
        file = migrated(disk.folder / "app.db")
        with service(file, tmp_path) as backend, backend.client() as client:
            register(client)
            kept = [str(uuid4()) for _ in range(3)]
            for key in kept:
                assert write(client, id=key).status_code == 201
            disk.fill()
            refused = _write_until_refused(client)
            read = client.get(HISTORY)
            disk.clear()
            after = write(client)
        with closing(sqlite3.connect(file)) as database:
            check = database.execute("PRAGMA integrity_check").fetchone()
            stored = {row for (row,) in database.execute("SELECT id FROM history")}

    assert (refused.status_code, refused.json()["code"]) == (503, "STORAGE_FULL")
    assert read.status_code == 200
    assert after.status_code == 201
    assert check == ("ok",)
    assert {key.replace("-", "") for key in kept} <= {str(key).replace("-", "") for key in stored}


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("not a database", "STORAGE_FAILED"),
        ("empty", "SCHEMA_BEHIND"),
        ("truncated", "STORAGE_FAILED"),
    ],
)
def test_s5_damaged_file_is_not_ready_and_never_a_500(
    file: Path, tmp_path: Path, damage: str, code: str
) -> None:
    content = file.read_bytes()
    damaged = {"not a database": b"nothing" * 500, "empty": b"", "truncated": content[:9000]}
    file.write_bytes(damaged[damage])
    for name in ("-wal", "-shm"):
        Path(f"{file}{name}").unlink(missing_ok=True)

    settings = settings_for(f"sqlite:///{file}", tmp_path)
    with connected(settings):
        client = create_app(settings).test_client()
        ready = client.get("/readyz")
        asked = client.get(ME, headers={"Authorization": f"Bearer {uuid4()}.{'a' * 43}"})

    assert ready.status_code == 503
    assert ready.json["code"] in ("DATABASE_UNAVAILABLE", "SCHEMA_BEHIND")
    if damage != "empty":
        assert (asked.status_code, asked.json["code"]) == (503, code)


def _write_until_refused(client: httpx.Client) -> httpx.Response:
    for _ in range(50):
        answer = write(client, payload={"noise": "n" * 30_000})
        if answer.status_code != 201:
            return answer
    raise AssertionError("there was room for all of it")
