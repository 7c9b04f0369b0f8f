"""Imports that are killed, meet each other, run out of room, or share the account with people."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
import uuid_utils.compat
from click.testing import CliRunner

from app.cli import main
from app.config import get_settings
from app.models import get_db, release
from app.operations.importer import batches, copies, retry, run
from app.operations.importer.journal import Asked
from app.operations.importer.records import UnreadableSource
from app.operations.importer.refusals import Refused
from app.operations.importer.rollback import roll_back
from app.operations.importer.verify import verify_import
from app.usecases.erasure import erase_account
from app.usecases.learning.personal_files import use_folders
from app.usecases.work import unit_of_work
from tests.factories import make_user
from tests.operations.importer.conftest import (
    LEARNER,
    QUIET,
    bring_in,
    counts,
    learned,
    of_run,
)
from tests.support.databases import ROOT
from tests.support.disks import small_disk
from tests.support.learner_files import SMALL, write_folder
from tests.support.run import Run
from tests.support.service import connected, settings_for

KILLED = -signal.SIGKILL
PROGRAM = ROOT / "tests/support/importing.py"
BATCH = 4
"""Records that go in together; the files have 22."""


def import_by_processes(url: str, asked: Asked, *whens: str) -> list[int]:
    """Run an import after another, each in a process; return their exit codes."""
    done = subprocess.run(
        [sys.executable, "-P", PROGRAM, url, asked.data_dir, str(asked.folder), str(BATCH), *whens],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(line) for line in done.stdout.splitlines() if not line.startswith("{")]


def everything() -> dict[str, Any]:
    """Return what an import leaves behind, without what is another each time."""
    db = get_db()
    items = db(db.import_items).dicts(orderby=db.import_items.file | db.import_items.position)
    log = db.audit_log
    audited = db(log.action == "insert").dicts(log.table_name, log.record_id, log.new_value)
    for row in items:
        del row["run_id"], row["version"]
    for row in audited:
        for name in ("added_at", "created_at", "updated_at", "version"):
            row["new_value"].pop(name, None)
    kept = ("learner_profiles", "mastered_words", "mastered_grammar")
    found = {
        "rows": learned(),
        "items": items,
        "log": sorted(repr(row) for row in audited if row["table_name"] in kept),
    }
    release()
    return found


@pytest.mark.slow
def test_killed_at_any_batch_an_import_ends_as_if_it_had_not_been(
    asked: Asked, database_url: str
) -> None:
    release()
    inside = [f"inside:{random.randrange(1, 9)}" for _ in range(3)]
    # Each "after" has one batch more than the one before it: so every boundary has its turn.
    around = ["before", *inside[:1], "after", *inside[1:2], "after", "before", *inside[2:]]

    codes = import_by_processes(database_url, asked, *around, *["after"] * 4, "run", "run")
    db = get_db()
    [run] = db(db.import_runs).dicts()
    after = everything()
    found = verify_import(asked, QUIET)
    roll_back(asked, QUIET)
    is_empty = not any(counts().values())
    db(db.audit_log).delete()
    db(db.import_runs).delete()
    bring_in(asked)

    assert set(codes[:-2]) == {KILLED}
    assert codes[-2:] == [0, 0]
    assert run["state"] == "finished"
    assert found.differing == 0
    assert is_empty
    assert after == everything()


@pytest.mark.slow
def test_two_processes_at_once_bring_everything_in_once(asked: Asked, database_url: str) -> None:
    release()

    codes = import_by_processes(database_url, asked, "both")

    # The second is told that the first is at it, or finds it done.
    assert sorted(codes) in ([0, 0], [0, 2])
    assert verify_import(asked, QUIET).differing == 0
    assert get_db()(get_db().import_runs).count() == 1


def test_people_learn_on_while_files_come_in(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_RECORDS", 2)
    stop = threading.Event()
    learnt: list[int] = []

    @unit_of_work
    def learn(word: str) -> None:
        row_id = uuid_utils.compat.uuid7()
        get_db().history.insert(
            user_id=asked.user_id, id=row_id, action_type="LEARN", payload={"word": word}
        )

    def learn_on() -> None:
        number = 0
        while not stop.is_set() or not learnt:
            learn(f"word {number}")
            learnt.append(number)
            number += 1
        release()

    person = threading.Thread(target=learn_on)
    person.start()
    try:
        report = bring_in(asked)
    finally:
        stop.set()
        person.join()

    assert verify_import(of_run(asked, report), QUIET).differing == 0
    db = get_db()
    assert db(db.history).count() == len(learnt)
    versions = {row["version"] for row in db(db.history).dicts(db.history.version)}
    assert versions.isdisjoint(
        row["version"] for row in db(db.mastered_words).dicts(db.mastered_words.version)
    )


def test_a_full_disk_is_one_line_and_nothing_is_half_done(
    suite_run: Run, asked: Asked, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(suite_run, 1) as disk:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("DATA_DIR", str(disk.folder / "data"))
        get_settings.cache_clear()
        disk.fill()
        words = ["import", "json", "run", "--source", str(asked.folder), "--json"]
        words += ["--owner", "ada@example.com", "--profile", LEARNER]

        refused = CliRunner().invoke(main, words, catch_exceptions=False)
        disk.clear()
        left = sorted(Path(disk.folder).rglob("*.json"))
        done = CliRunner().invoke(main, words, catch_exceptions=False)
    get_settings.cache_clear()

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("The files cannot be copied into ")
    assert refused.stderr.endswith(": No space left on device.\n")
    assert left == []
    assert done.exit_code == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_database_without_room_is_one_line_and_gone_on_with(
    suite_run: Run,
    asked: Asked,
    migrated_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with small_disk(suite_run, 3) as disk:
        file = disk.folder / "app.db"
        shutil.copyfile(migrated_database_url.removeprefix("sqlite:///"), file)
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
        monkeypatch.setattr(batches, "MAX_RECORDS", BATCH)
        get_settings.cache_clear()
        with connected(settings_for(f"sqlite:///{file}", tmp_path)):
            make_user(email="ada@example.com")
        words = ["import", "json", "run", "--source", str(asked.folder), "--json"]
        words += ["--owner", "ada@example.com", "--profile", LEARNER]

        # Pictures of half a megabyte together, for which there is no room.
        write_folder(Path(str(asked.folder)), replace(SMALL, image_bytes=300_000))
        refused = CliRunner().invoke(main, words, catch_exceptions=False)
        with connected(settings_for(f"sqlite:///{file}", tmp_path)):
            in_part = counts()
        disk.enlarge(32)
        done = CliRunner().invoke(main, words, catch_exceptions=False)
    get_settings.cache_clear()

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("The database: ")
    assert len(refused.stderr.splitlines()) == 1
    assert in_part["learner_profiles"] == 2
    assert in_part["approved_cards"] < 8
    assert (done.exit_code, json.loads(done.stdout)["outcome"]) == (0, "resumed")


@pytest.mark.parametrize("during", ["copy_sources", "store_batch"])
def test_who_is_erased_meanwhile_leaves_neither_rows_nor_files(
    asked: Asked, during: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_folders([asked.data_dir / "imports"])
    step = getattr(run, during)

    def erase_before(*given: Any) -> Any:
        erase_account(asked.user_id)
        return step(*given)

    monkeypatch.setattr(run, during, erase_before)
    with pytest.raises(Refused, match="was removed while it ran"):
        bring_in(asked)

    assert set(counts().values()) == {0}
    assert not [path for path in asked.data_dir.rglob("*") if path.is_file()]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_is_erased_before_a_run_goes_on_leaves_no_files(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_folders([asked.data_dir / "imports"])
    bring_in(asked)
    get_db()(get_db().import_runs).update(state="running")
    shutil.rmtree(asked.data_dir / "imports")
    copy = copies.copy_sources

    def copy_too_late(*given: Any) -> None:
        erase_account(asked.user_id)
        copy(*given)

    monkeypatch.setattr(run, "copy_sources", copy_too_late)
    with pytest.raises(Refused, match="was removed while it ran"):
        bring_in(asked)

    assert not [path for path in asked.data_dir.rglob("*") if path.is_file()]


def test_nothing_of_who_is_erased_is_tried_again(
    asked: Asked, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_in(asked)
    path = files / "child_profiles.json"
    path.write_text(path.read_text().replace("dinosaurs", "dragons"))
    wish = of_run(asked, bring_in(asked))
    settle = retry._store_again

    def erase_before(*given: Any) -> Any:
        erase_account(asked.user_id)
        return settle(*given)

    monkeypatch.setattr(retry, "_store_again", erase_before)
    with pytest.raises(Refused, match="was removed while it ran"):
        retry.retry_import(wish, QUIET)

    assert set(counts().values()) == {0}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_of_a_file_that_grows_no_more_is_copied_than_was_read(
    asked: Asked, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files / "chat_history.json"
    length, copied = path.stat().st_size, 0
    write = copies._write

    def write_and_grow(file: IO[bytes], chunk: bytes, folder: Path) -> None:
        nonlocal copied
        write(file, chunk, folder)
        if Path(file.name).name == path.name:
            copied += len(chunk)
        if copied < 10 * length:  # Whoever reads on must come to an end in this test.
            path.write_bytes(path.read_bytes() + b" " * length)

    monkeypatch.setattr(copies, "_write", write_and_grow)
    with pytest.raises(UnreadableSource, match=r"chat_history.json was changed while it was read"):
        bring_in(asked)

    assert copied == length
    assert not [path for path in asked.data_dir.rglob("*") if path.is_file()]
