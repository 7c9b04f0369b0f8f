"""Workers that die, misbehave, wear out or are replaced, and what their clients notice of it."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.e2e.test_journey import register
from tests.support.backend import Backend, running, running_faulty
from tests.support.databases import migrated_database
from tests.support.disks import small_disk
from tests.support.load import asking
from tests.support.run import Run

HOWS = ("get", "post", "put", "delete")
ACTION = {"action_type": "A", "payload": {}}


@pytest.fixture(scope="module")
def migrated_url(suite_run: Run) -> Iterator[str]:
    with migrated_database(suite_run, "sqlite") as url:
        yield url


@pytest.fixture(scope="module")
def token(migrated_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What an account of the migrated database sends as ``Authorization``."""
    folder = tmp_path_factory.mktemp("first")
    with running(migrated_url, folder) as backend, backend.client() as client:
        register(client)
        return client.headers["Authorization"]


@pytest.fixture
def faulty(migrated_url: str, tmp_path: Path) -> Iterator[Backend]:
    """A server with routes that misbehave."""
    with running_faulty(migrated_url, tmp_path) as backend:
        yield backend


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connections_in_use(client: httpx.Client) -> float:
    """Return how many remain in use; the thread that sends mails takes one now and then."""
    found = []
    for _ in range(10):
        (number,) = re.findall(
            r"^database_connections_in_use (\S+)", client.get("/metrics").text, re.MULTILINE
        )
        found.append(float(number))
        time.sleep(0.05)
    return min(found)


def timed(backend: Backend, path: str) -> tuple[int, float]:
    began = time.monotonic()
    with backend.client() as client:
        status = client.get(path).status_code
    return status, time.monotonic() - began


def test_w2_worker_killed_by_a_limit_is_replaced(own_backend: Backend) -> None:
    before = own_backend.workers()
    with own_backend.client() as client:
        register(client)
        token = client.headers["Authorization"]
        stored = client.post("/api/v1/history", json=ACTION).json()["id"]

        # The kernel itself kills, as it does when memory is short; nothing can be cleaned up.
        for pid in before:
            used = int(cpu_seconds(pid))
            resource.prlimit(pid, resource.RLIMIT_CPU, (used + 1, used + 1))
        with asking(own_backend, "/api/v1/users/me", token=token, clients=8) as load:
            own_backend.replaced(before)
    with own_backend.client(headers={"Authorization": token}) as client:
        answers = [client.get(f"/api/v1/history/{stored}").status_code for _ in range(8)]

    # Each of the two threads of a client may have had a request there, and the next one as well.
    assert len(load.failures) <= 2 * 8
    assert answers == [200] * 8


@pytest.mark.slow
def test_w5_worn_workers_are_replaced_without_a_failure(
    migrated_url: str, token: str, tmp_path: Path
) -> None:
    with running_faulty(migrated_url, tmp_path, MAX_REQUESTS="60") as backend:
        seen = set(backend.workers())
        with (
            asking(backend, "/api/v1/users/me", token=token, clients=4) as load,
            asking(backend, "/readyz", clients=1) as probes,
        ):
            for _ in range(10):
                time.sleep(0.5)
                seen |= set(backend.workers())

    assert len(seen) >= 6
    assert (load.failures, set(load.statuses)) == ([], {200})
    assert (probes.failures, set(probes.statuses)) == ([], {200})
    assert load.answers > 200


@pytest.mark.slow
def test_w6_reload_fails_no_request(migrated_url: str, token: str, tmp_path: Path) -> None:
    with (
        running(migrated_url, tmp_path) as backend,
        asking(backend, "/api/v1/users/me", token=token, clients=4) as load,
        asking(backend, "/readyz", clients=1) as probes,
    ):
        for _ in range(4):
            before = backend.workers()
            backend.process.send_signal(signal.SIGHUP)
            backend.replaced(before)

    assert (load.failures, set(load.statuses)) == ([], {200})
    assert (probes.failures, set(probes.statuses)) == ([], {200})
    assert load.answers > 100


@pytest.mark.slow
@pytest.mark.parametrize("pause", [1.9, 2.1], ids=["before", "after"])
def test_w6_kept_connections_outlive_a_reload(
    migrated_url: str, token: str, tmp_path: Path, pause: float
) -> None:
    """A request comes on a kept connection while its worker still waits, or just after."""
    with (
        running(migrated_url, tmp_path) as backend,
        asking(backend, "/api/v1/users/me", token=token, clients=16, pause=pause) as load,
    ):
        time.sleep(0.5)
        before = backend.workers()
        backend.process.send_signal(signal.SIGHUP)
        backend.replaced(before)
        time.sleep(2)

    assert (load.failures, set(load.statuses)) == ([], {200})


def test_metrics_outlive_workers_and_their_files_stay_few(
    migrated_url: str, tmp_path: Path
) -> None:
    with running(migrated_url, tmp_path, TMPDIR=str(tmp_path)) as backend:
        for _ in range(5):
            with backend.client() as client:
                for _ in range(4):
                    client.get("/api/v1/nothing")
            before = backend.workers()
            backend.process.send_signal(signal.SIGHUP)
            backend.replaced(before)
        files = list(tmp_path.glob("metrics-*/*.db"))
        with backend.client() as client:
            metrics = client.get("/metrics").text

    counted = re.findall(r'^http_requests_total\{.*status="404"\} (\S+)', metrics, re.MULTILINE)
    assert sum(map(float, counted)) == 20
    # The master's and those of two workers, and of two more while they are replaced.
    assert len({path.stem.rpartition("_")[2] for path in files}) <= 5


def test_full_disk_of_the_metrics_kills_no_worker(
    suite_run: Run, migrated_url: str, tmp_path: Path
) -> None:
    with (
        small_disk(suite_run, megabytes=8) as disk,
        running(migrated_url, tmp_path, TMPDIR=str(disk.folder)) as backend,
        backend.client() as client,
    ):
        before = backend.replaced([])
        disk.fill()
        statuses = []
        for path in ("users/me", "history", "nothing", "auth/sessions", "auth/email") * 10:
            statuses += [getattr(client, how)(f"/api/v1/{path}").status_code for how in HOWS]
        metrics = client.get("/metrics").status_code
        after = backend.workers()

    assert (after, metrics) == (before, 200)
    assert max(statuses) < 500


def test_worn_workers_serve_until_they_can_be_replaced(migrated_url: str, tmp_path: Path) -> None:
    def is_noticed() -> bool:
        return any(event["event"] == "worker_not_started" for event in backend.log)

    with running_faulty(migrated_url, tmp_path, MAX_REQUESTS="10") as backend:
        before = backend.replaced([])
        master = backend.process.pid
        limit = resource.prlimit(master, resource.RLIMIT_NOFILE)
        statuses = []

        # A worker cannot be started without a file.
        resource.prlimit(master, resource.RLIMIT_NOFILE, (3, limit[1]))
        deadline = time.monotonic() + 10
        while not is_noticed() and time.monotonic() < deadline:
            statuses.append(timed(backend, "/healthz")[0])
        statuses.append(timed(backend, "/healthz")[0])
        kept = backend.workers()
        resource.prlimit(master, resource.RLIMIT_NOFILE, limit)
        backend.replaced(before)
        statuses.append(timed(backend, "/healthz")[0])

    assert is_noticed()
    assert set(statuses) == {200}
    assert kept == before


def test_second_order_to_stop_waits_for_no_thread(migrated_url: str, tmp_path: Path) -> None:
    with running_faulty(migrated_url, tmp_path) as backend, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(timed, backend, "/faults/sleep?seconds=8")
        time.sleep(1)
        began = time.monotonic()
        status = backend.stop(signal.SIGQUIT)
        waited = time.monotonic() - began

    assert isinstance(waiting.exception(), httpx.TransportError)
    assert status == 0
    assert waited < 4


def test_reload_reads_secrets_anew(migrated_url: str, token: str, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a" * 16 + "first key 0123456789")
    with running(migrated_url, tmp_path, SECRET_KEY_FILE=str(key)) as backend:
        with backend.client(headers={"Authorization": token}) as client:
            for _ in range(2):
                client.post("/api/v1/history", json=ACTION)
            cursor = client.get("/api/v1/history?limit=1").json()["next_cursor"]

        def follow() -> tuple[int, str | None]:
            with backend.client(headers={"Authorization": token}) as client:
                page = client.get("/api/v1/history", params={"limit": 1, "cursor": cursor})
            return page.status_code, page.json().get("code")

        def reload() -> None:
            before = backend.workers()
            backend.process.send_signal(signal.SIGHUP)
            backend.replaced(before)

        same = follow()
        key.write_text("b" * 16 + "other key 0123456789")
        reload()
        changed = follow()
        key.unlink()
        reload()
        kept = follow()

    refused = [event for event in backend.log if event["event"] == "reload_refused"]
    assert [same, changed, kept] == [(200, None), *[(422, "INVALID_CURSOR")] * 2]
    assert [event["reason"] for event in refused] == [
        "SECRET_KEY_FILE cannot be read: FileNotFoundError"
    ]


def test_reload_that_cannot_build_the_application_keeps_the_former(
    migrated_url: str, token: str, tmp_path: Path
) -> None:
    with running(migrated_url, tmp_path) as backend:
        before = backend.replaced([])
        key = tmp_path / "secret_key"
        key.unlink()
        key.mkdir()
        backend.process.send_signal(signal.SIGHUP)
        backend.replaced(before)
        with backend.client(headers={"Authorization": token}) as client:
            status = client.get("/api/v1/users/me").status_code

    refused = [event["reason"] for event in backend.log if event["event"] == "reload_refused"]
    assert (status, refused) == (200, ["IsADirectoryError"])


def test_workers_are_added_and_taken_away(migrated_url: str, tmp_path: Path) -> None:
    def count(expected: int) -> int:
        deadline = time.monotonic() + 10
        while len(backend.workers()) != expected and time.monotonic() < deadline:
            time.sleep(0.02)
        return len(backend.workers())

    with (
        running(migrated_url, tmp_path) as backend,
        asking(backend, "/api/v1/nothing", clients=2) as load,
    ):
        numbers = []
        for how, expected in ((signal.SIGTTIN, 3), (signal.SIGUSR1, 3), (signal.SIGTTOU, 2)):
            backend.process.send_signal(how)
            numbers.append(count(expected))

    assert numbers == [3, 3, 2]
    assert (load.failures, set(load.statuses)) == ([], {404})


@pytest.mark.slow
def test_w7_memory_does_not_grow(migrated_url: str, token: str, tmp_path: Path) -> None:
    with running(migrated_url, tmp_path, WORKERS="1") as backend:
        (pid,) = backend.replaced([], count=1)

        def ask(count: int) -> int:
            with backend.client(headers={"Authorization": token}) as client:
                for _ in range(count // 4):
                    client.get("/api/v1/users/me")
                    client.get("/api/v1/nothing")
                    client.post("/api/v1/history", json={"wrong": "x" * 20_000})
                    client.get("/api/v1/history?limit=5")
            return resident_bytes(pid)

        warm = ask(1600)
        grown = ask(1600) - warm

    # A leak of one kibibyte in each request is more.
    assert grown < 1.5 * 2**20


def test_w8_service_without_a_free_thread_says_so(faulty: Backend) -> None:
    with ThreadPoolExecutor(48) as pool:
        crowd = [pool.submit(timed, faulty, "/faults/sleep?seconds=4") for _ in range(40)]
        time.sleep(1)
        probes = [timed(faulty, path) for path in ("/healthz", "/readyz", "/metrics")]
        outcomes = [one.result() for one in crowd]
    after = timed(faulty, "/api/v1/nothing")

    assert [status for status, _ in probes] == [200] * 3
    assert max(seconds for _, seconds in probes) < 1
    assert sorted(status for status, _ in outcomes) == [200] * 16 + [503] * 24
    assert max(seconds for status, seconds in outcomes if status == 503) < 3.5
    assert after[0] == 404


def test_w9_worker_with_busy_threads_leaves_connections_to_others(
    migrated_url: str, tmp_path: Path
) -> None:
    def sleep(client: httpx.Client, seconds: float) -> int:
        pid: int = client.get(f"/faults/sleep?seconds={seconds}").json()["pid"]
        return pid

    with ExitStack() as stack:
        backend = stack.enter_context(running_faulty(migrated_url, tmp_path, THREADS="4"))
        busy, idle = backend.replaced([])
        hoard: list[httpx.Client] = []
        while len(hoard) < 4:
            client = stack.enter_context(backend.client())
            hoard += [client] if sleep(client, 0) == busy else []
        pool = stack.enter_context(ThreadPoolExecutor(4))
        held = [pool.submit(sleep, client, 3) for client in hoard]
        time.sleep(0.3)
        others = []
        for _ in range(8):
            with backend.client() as client:
                others.append(sleep(client, 0))

        assert [one.result() for one in held] == [busy] * 4
    # On a machine that is busy itself, one may be left over.
    assert others.count(idle) >= 7


def test_w11_failure_after_a_write_stores_nothing(faulty: Backend, migrated_url: str) -> None:
    with faulty.client() as client:
        user_id = register(client, "w11@example.com")["user"]["id"]

        failed = client.post(f"/faults/write?user_id={user_id}")
        rows = client.get("/api/v1/history").json()["items"]
        in_use = connections_in_use(client)

    assert (failed.status_code, failed.json()["code"]) == (500, "INTERNAL_ERROR")
    assert rows == []
    assert in_use == 0
    with sa.create_engine(migrated_url).connect() as connection:
        count = "SELECT count(*) FROM history WHERE action_type = 'LOST'"
        assert connection.scalar(sa.text(count)) == 0


def test_w12_failure_to_give_a_connection_back_spoils_no_other_request(faulty: Backend) -> None:
    def fail(_: int) -> httpx.Response:
        with faulty.client() as client:
            return client.get("/faults/release")

    def rest(_: int) -> int:
        return timed(faulty, "/faults/sleep?seconds=0.3")[0]

    with ThreadPoolExecutor(16) as pool:
        failed = list(pool.map(fail, range(64)))
        rested = list(pool.map(rest, range(16)))  # So every thread has answered another one since.
    with faulty.client() as client:
        register(client, "w12@example.com")
        answers = [client.post("/api/v1/history", json=ACTION).status_code for _ in range(32)]
        in_use = connections_in_use(client)

    assert {answer.status_code for answer in failed} == {500}
    problem = failed[0].json()
    assert (problem["code"], failed[0].headers["X-Request-ID"]) == (
        "INTERNAL_ERROR",
        problem["request_id"],
    )
    assert any(event.get("request_id") == problem["request_id"] for event in faulty.log)
    assert (rested, in_use) == ([200] * 16, 0)
    assert answers == [201] * 32


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"WORKERS": "none"}, "WORKERS: "),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL: "),
        ({"ENV": "prod"}, "SECRET_KEY must have "),
        ({"SECRET_KEY_FILE": "/nowhere"}, "SECRET_KEY_FILE cannot be read"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_w13_service_that_cannot_start_says_why_and_ends(
    settings: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    url = f"postgresql://app@127.0.0.1:1/{tmp_path.name}"

    ended = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"],
        env=environment | {"DATA_DIR": str(tmp_path), "DATABASE_URL": url} | settings,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(sentence)
    assert "Traceback" not in ended.stderr


def test_w13_service_whose_workers_cannot_start_ends(migrated_url: str, tmp_path: Path) -> None:
    with running_faulty(migrated_url, tmp_path, BOOT_FAILURE="1") as backend:
        code = backend.process.wait(30)

    events = [event["event"] for event in backend.log]
    assert code == 3
    assert "Reason: Worker failed to boot." in events
    assert not [event for event in events if "HaltServer" in event]
