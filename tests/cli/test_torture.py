"""``backend sync torture`` in small, on each engine: it finds what is lost, and nothing is.

The same at full size: the command itself.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.dal import versions
from app.dal.versions import Taken
from app.models import transaction
from app.usecases.sync.torture.changes import Change, Tally
from bilayer.runtime import DAL
from tests.support.databases import migrated_database
from tests.support.run import Run
from tests.support.threads import released, wait_until

COMMAND = [sys.executable, "-c", "from app.cli import main; main()", "sync", "torture"]


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def sqlite_url(suite_run: Run) -> Iterator[str]:
    with migrated_database(suite_run, "sqlite") as url:
        yield url


def torture(monkeypatch: pytest.MonkeyPatch, url: str, *words: str) -> Result:
    monkeypatch.setenv("DATABASE_URL", url)
    return CliRunner().invoke(main, ["sync", "torture", *words], catch_exceptions=False)


def count_rows(url: str) -> dict[str, int]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in ("users", "history", "sync_heads")
        }


NOTHING = {"users": 0, "history": 0, "sync_heads": 0}


def test_versions_lose_nothing_repeat_nothing_and_leave_nothing(
    database_url: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = torture(monkeypatch, database_url, "--seconds", "2")

    told = json.loads(result.stdout.splitlines()[-1])
    assert result.exit_code == 0, result.output
    assert told.pop("written") > 0
    assert told.pop("seconds") >= 2
    assert told == {"lost": 0, "repeated": 0, "cursor": "version", "engine": engine}
    assert "Changes so far: " in result.stderr
    assert count_rows(database_url) == NOTHING


def test_timestamps_lose_what_is_committed_late(
    database_url: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--cursor", "timestamp", "--users", "4", "--seconds", "2", "--json")
    result = torture(monkeypatch, database_url, *words)

    told = json.loads(result.stdout)
    is_lossy = engine != "sqlite"  # There one writer waits for the other.
    assert (told["lost"] > 0, result.exit_code) == (is_lossy, int(is_lossy)), result.output
    assert count_rows(database_url) == NOTHING


def test_versions_that_are_given_out_before_the_commit_are_found_out(
    database_url: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "sqlite":
        pytest.skip("a writer is alone there until it commits")
    take_version = versions.take_version

    def take_as_from_a_sequence(db: DAL, user_id: UUID, now: datetime) -> Taken:
        if (Taken, user_id) not in db.memory:
            db.memory[Taken, user_id] = _in_a_transaction_of_its_own(take_version, db, user_id, now)
        taken: Taken = db.memory[Taken, user_id]
        return taken

    monkeypatch.setattr(versions, "take_version", take_as_from_a_sequence)
    result = torture(monkeypatch, database_url, "--writers", "8", "--seconds", "2", "--json")

    told = json.loads(result.stdout)
    assert told["lost"] > 0, result.output
    assert result.exit_code == 1
    assert count_rows(database_url) == NOTHING


def _in_a_transaction_of_its_own(take: Callable[..., Taken], *arguments: Any) -> Taken:
    def run() -> Taken:
        with transaction():
            return take(*arguments)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(released, run).result()


@pytest.mark.parametrize("fault", ["lost", "repeated"])
def test_reader_that_is_wrong_is_found_out(
    fault: str, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = torture(monkeypatch, sqlite_url, "--seconds", "1", "--plant", fault, "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert {name for name in ("lost", "repeated") if told[name]} == {fault}


def test_failure_of_a_writer_ends_the_run_and_leaves_nothing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(sqlite_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON history"
            " BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: ck_planted'); END"
        )

    result = torture(monkeypatch, sqlite_url, "--seconds", "60")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert count_rows(sqlite_url) == NOTHING


@contextmanager
def heeding(number: int) -> Iterator[None]:
    """Let what is started meanwhile do as a signal says."""
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_nothing(sqlite_url: str, tmp_path: Path, how: int) -> None:
    environment = os.environ | {"DATABASE_URL": sqlite_url, "DATA_DIR": str(tmp_path)}
    with (
        # Where the suite runs in the background, its shell may let it ignore Ctrl-C.
        heeding(signal.SIGINT),
        subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, text=True) as process,
    ):
        wait_until(lambda: count_rows(sqlite_url)["history"])
        process.send_signal(how)
        told, _ = process.communicate(timeout=60)

    assert (process.returncode, told) == (1, "")
    assert count_rows(sqlite_url) == NOTHING


def test_wrong_use_is_exit_code_2(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [("--writers", "0"), ("--users", "0"), ("--seconds", "0"), ("--cursor", "sequence")]

    codes = {words: torture(monkeypatch, sqlite_url, *words).exit_code for words in wrong}

    assert codes == dict.fromkeys(wrong, 2)


def tally_of(committed: list[Change], delivered: list[Change]) -> Tally:
    tally = Tally()
    for change in committed:
        tally.note_committed([change])
    tally.note_delivered(delivered)
    return tally


def test_change_that_was_overtaken_need_not_be_seen() -> None:
    row = uuid4()

    tally = tally_of([Change(row, 1, 1), Change(row, 2, 2)], [Change(row, 2, 2)])

    assert (tally.written, tally.lost(), tally.repeated) == (2, 0, 0)


@pytest.mark.parametrize("state", [3, None])
def test_last_state_of_a_row_is_what_must_be_seen(state: int | None) -> None:
    row = uuid4()

    tally = tally_of([Change(row, 1, 1), Change(row, 2, 2)], [Change(row, 2, state)])

    assert tally.lost() == 1


def test_old_state_of_a_row_is_no_news_of_the_last() -> None:
    row = uuid4()
    first, last = Change(row, 1, 1), Change(row, 2, None)

    assert tally_of([first, last], [first]).lost() == 1
    assert tally_of([first, last], []).lost() == 2


def test_same_version_of_a_row_is_news_once() -> None:
    first, second = Change(uuid4(), 1, 1), Change(uuid4(), 1, 1)

    assert tally_of([first, second], [first, second, first]).repeated == 1
