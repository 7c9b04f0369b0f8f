"""``backend maintenance`` and ``backend cache`` on each engine, as processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app import clock
from app.models import close_db
from app.usecases import cache_storage
from app.usecases.cache_storage import set_bounds
from app.usecases.leases import acquire, release
from app.usecases.maintenance import JOBS, LEASE
from app.usecases.query_cache import Key, get, hash_query, put
from app.vocabulary import CacheScope
from bilayer.runtime import Database
from tests.support.service import connected, settings_for

COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]


@pytest.fixture(autouse=True)
def _tidying_is_left_to_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_storage, "_ONE_WRITE_IN", 2**60)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The database that the commands use, connected in this process too."""
    with connected(settings_for(database_url, tmp_path)) as database:
        yield database


@pytest.fixture
def environment(database: Database, database_url: str, tmp_path: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return inherited | {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(tmp_path),
        "QUERY_CACHE_MAX_BYTES": "1048576",
    }


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def fill(count: int, *, size: int = 8, scope: CacheScope = CacheScope.PUBLIC) -> list[Key]:
    set_bounds(max_bytes=2**30, copy_bytes=0)
    keys = [Key(uuid4(), scope, hash_query({"id": str(uuid4())})) for _ in range(count)]
    for key in keys:
        put(key, "x" * (size - 2), ttl=60)
    return keys


def test_maintenance_runs_every_job_and_tells_of_it(environment: dict[str, str]) -> None:
    with clock.frozen(clock.now() - timedelta(hours=1)):
        fill(3)

    done = run(environment, "maintenance", "run", "--json")
    again = run(environment, "maintenance", "run", "--job", "query_cache", "--job", "leases")

    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["is_working"] is True
    assert facts["jobs"].keys() == JOBS.keys()
    assert facts["jobs"]["query_cache"] == {"count": 3, "state": "done"}
    assert "query_cache: 3" in done.stderr
    assert again.stdout == "query_cache: 0 done\nleases: 0 done\n"


def test_maintenance_that_is_done_by_another_is_told(environment: dict[str, str]) -> None:
    holder = uuid4()
    acquire(LEASE, holder, 60)

    busy = run(environment, "maintenance", "run", "--json")
    words = run(environment, "maintenance", "run")

    release(LEASE, holder)
    assert (busy.returncode, json.loads(busy.stdout)) == (0, {"is_working": False, "jobs": {}})
    assert (words.returncode, words.stdout[:13]) == (0, "Somebody else")


def test_job_that_does_not_exist_is_misuse(environment: dict[str, str]) -> None:
    wrong = run(environment, "maintenance", "run", "--job", "laundry")

    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "query_cache" in wrong.stderr


def test_cache_is_counted_cleaned_up_and_cleared(environment: dict[str, str]) -> None:
    with clock.frozen(clock.now() - timedelta(hours=1)):
        fill(2)
    fill(3, size=500_000 // 2)
    private = fill(2, scope=CacheScope.USER)

    stats = json.loads(run(environment, "cache", "stats", "--json").stdout)
    large = fill(2, size=250_000)
    cleaned = json.loads(run(environment, "cache", "cleanup", "--json").stdout)
    cleared = run(environment, "cache", "clear", "--scope", "public")
    kept = [get(key) for key in private]
    rest = run(environment, "cache", "clear", "--json")

    assert stats["public"] == {"entries": 5, "bytes": 750_016, "expired": 2}
    assert stats["user"]["entries"] == 2
    assert stats["guest"] == {"entries": 0, "bytes": 0, "expired": 0}
    assert cleaned == {"deleted": 3}, "two have expired, and the oldest one was too much"
    assert cleared.stdout == "Deleted 4 answers.\n"
    assert None not in kept
    assert [get(key) for key in large] == [None, None]
    assert json.loads(rest.stdout) == {"deleted": 2}


def test_commands_tell_of_a_database_that_is_not_there(
    environment: dict[str, str], engine: str, tmp_path: Path
) -> None:
    if engine != "postgresql":
        pytest.skip("says nothing of the engine")
    close_db()
    gone = environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}

    for words in (("cache", "stats"), ("cache", "cleanup"), ("maintenance", "run")):
        failed = run(gone, *words)
        assert (failed.returncode, failed.stdout) == (1, ""), words
        assert "Traceback" not in failed.stderr
