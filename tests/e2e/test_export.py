"""A large export leaves a real server without being kept in it."""

import json
import time
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from app.api.privacy import EXPORTS_AT_ONCE
from app.models import get_db, release
from tests.e2e.test_journey import register
from tests.support.backend import Backend, running
from tests.support.databases import migrated_database
from tests.support.run import Run
from tests.support.service import connected, settings_for

ROWS, TEXT = 1500, "x" * 60_000
SIZE = ROWS * len(TEXT)


def memory_of(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(name)]
    return int(line.split()[1]) * 1024


def leave_early(client: httpx.Client, backend: Backend) -> int:
    """Go away in the middle of an export, and wait until the service has noticed."""
    known = sum(event["event"] == "export_cut" for event in backend.log)
    with client.stream("GET", "/api/v1/users/me/export") as answer:
        next(answer.iter_raw())
    deadline = time.monotonic() + 20
    while sum(event["event"] == "export_cut" for event in backend.log) == known:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer.status_code


def test_large_export_is_whole_and_never_in_memory_as_a_whole(
    suite_run: Run, tmp_path: Path
) -> None:
    with (
        migrated_database(suite_run, "sqlite") as url,
        running(url, tmp_path) as backend,
        backend.client() as client,
    ):
        user_id = UUID(register(client)["user"]["id"])
        with connected(settings_for(url, tmp_path)):
            get_db().history.insert_many(
                {"user_id": user_id, "id": uuid4(), "action_type": "A", "payload": {"t": TEXT}}
                for _ in range(ROWS)
            )
            release()
        before = {pid: memory_of(pid, "VmRSS") for pid in backend.workers()}

        with client.stream("GET", "/api/v1/users/me/export") as answer:
            time.sleep(1)  # Meanwhile the service has to wait.
            whole = json.loads(answer.read())

        grown = [memory_of(pid, "VmHWM") - size for pid, size in before.items()]
        cuts = [leave_early(client, backend) for _ in range(EXPORTS_AT_ONCE * len(before) + 1)]

    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert len({row["id"] for row in whole["history"]}) == ROWS
    assert whole["is_complete"] is True
    assert cuts == [200] * len(cuts)
    assert max(grown) < SIZE * 3 // 4  # About 50 MB, of however much.
