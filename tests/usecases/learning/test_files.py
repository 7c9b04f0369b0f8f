"""Learners in JSON files: whole files, one writer at a time, and a sentence when one is no use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid4

import pytest

from app import clock, deadline
from app.errors import AppError
from app.models import transaction
from app.usecases.alongside import join_unit
from app.usecases.learning.belongings import create_belonging, list_belongings
from app.usecases.learning.current import current_store, use_store
from app.usecases.learning.learners import create_learner, delete_learner, require_learner
from app.usecases.learning.mastery import Word, add_words, remove_words
from app.usecases.learning.store import CARDS, LEARNERS, WORDS
from app.usecases.learning.stores.files import FilesStore
from app.usecases.learning.stores.folder import INDEX, Folder
from app.usecases.work import unit_of_work
from bilayer.runtime import Database, UniqueViolation
from bilayer.runtime.errors import LockTimeout, StorageFailure, StorageFull
from tests.factories import make_user
from tests.support import word_writer
from tests.support.databases import ROOT
from tests.support.disks import small_disk
from tests.support.run import Run
from tests.support.threads import run_together

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def root(database: Database, tmp_path: Path) -> Iterator[Path]:
    """The folder of a store that keeps files, beside a database."""
    assert database
    before = current_store()
    use_store(FilesStore(tmp_path / "learning"))
    yield tmp_path / "learning"
    use_store(before)


@pytest.fixture
def owner(root: Path) -> UUID:
    """An account with a learner, a word and a card."""
    user_id: UUID = make_user()["id"]
    create_learner(user_id, "anna", name="Anna")
    add(user_id, "good")
    content = {"front": "x" * 200_000}
    values = {"card_type": "basic", "status": "pending", "content": content, "approved_at": None}
    create_belonging(CARDS, user_id, "anna", None, **values)
    return user_id


def add(user_id: UUID, *words: str) -> None:
    add_words(user_id, "anna", [Word(word, "en") for word in words])


def words_of(user_id: UUID) -> set[str]:
    where = {"profile_id": "anna"}
    return {row["word"] for row in current_store().page(WORDS, user_id, where=where, limit=9999)}


def files_of(root: Path, user_id: UUID) -> dict[str, bytes]:
    folder = root / str(user_id)
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def file_of(root: Path, user_id: UUID, table: str) -> Path:
    (path,) = (root / str(user_id)).glob(f"anna.{table}.*.json")
    return path


@contextmanager
def writer(url: str, root: Path, user_id: UUID, prefix: str, count: int) -> Iterator[IO[str]]:
    path = str(Path(word_writer.__file__))
    command = [sys.executable, path, url, str(root), str(user_id), prefix, str(count)]
    search = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": search}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        try:
            yield process.stdout
        finally:
            process.send_signal(signal.SIGKILL)


def test_nobody_else_may_look_into_the_files(root: Path, owner: UUID) -> None:
    folder = root / str(owner)
    for path in (root, folder, *folder.iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_kill_in_the_middle_leaves_the_old_or_the_new_and_the_next_one_tidies_up(
    root: Path, owner: UUID, database_url: str
) -> None:
    kept: set[str] = {"good"}

    for turn in range(3):
        with writer(database_url, root, owner, f"{turn}-", 9999) as lines:
            count = 1 + max(int(lines.readline()) for _ in range(3 + 2 * turn))
        told = {f"{turn}-{number}" for number in range(count)}
        found = words_of(owner)
        assert kept | told <= found
        assert len(list_belongings(CARDS, owner, "anna", where={}, limit=9)) == 1
        kept = found

    add(owner, "last")
    assert words_of(owner) == kept | {"last"}
    assert len(files_of(root, owner)) == 3


def test_reader_sees_one_state_of_all_files(root: Path, owner: UUID) -> None:
    ended = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(60):
                change_both(number)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)
        ended.set()

    @unit_of_work
    def change_both(number: int) -> None:
        with current_store().writing(owner):
            current_store().update(LEARNERS, owner, ["anna"], school=str(number))
            add(owner, f"{number}")

    thread = threading.Thread(target=write)
    thread.start()
    seen = 0
    while not ended.is_set():
        school = require_learner(owner, "anna")["school"]
        assert school is None or school in words_of(owner)
        seen += 1
    thread.join()

    assert (failures, seen > 0, len(words_of(owner))) == ([], True, 61)


def test_file_cut_at_any_byte_is_refused_by_its_name_and_stays(root: Path, owner: UUID) -> None:
    for path in (root / str(owner) / INDEX, file_of(root, owner, "mastered_words")):
        whole = path.read_bytes()
        for end in range(len(whole) - 2):
            path.write_bytes(whole[:end])
            with pytest.raises(StorageFailure, match=path.name):
                words_of(owner)
        before = files_of(root, owner)
        with pytest.raises(StorageFailure, match="damaged"):
            add(owner, "more")
        assert files_of(root, owner) == before
        path.write_bytes(whole)

    assert words_of(owner) == {"good"}


def edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def do(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return do


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HURTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "newer": (edit(lambda one: one.update(format_version=2)), "newer release"),
    "foreign": (edit(lambda one: one.update(format="other")), "not what this service writes"),
    "of another": (edit(lambda one: one.update(user_id="x")), "belongs to another account"),
    "text": (lambda path: path.write_bytes(b"\xff\xfe{}"), "no JSON in UTF-8"),
    "deep": (lambda path: path.write_text("[" * 100_000), "no JSON in UTF-8"),
    "link": (link, "symbolic link"),
    "folder": (make_folder, "is no file"),
    "gone": (lambda path: path.unlink(), "is missing"),
    "of another learner": (edit(lambda one: one.update(learner="bob")), "something else"),
    "no rows": (edit(lambda one: one.update(rows=[1])), "no row"),
    "no id": (edit(lambda one: one["rows"][0].pop("id")), "without id"),
    "no time": (edit(lambda one: one["rows"][0].update(added_at="noon")), "added_at"),
    "unknown": (edit(lambda one: one["rows"][0].update(colour=1)), "colour"),
}


@pytest.mark.parametrize("name", HURTS)
def test_file_that_is_no_use_is_refused_in_a_sentence(root: Path, owner: UUID, name: str) -> None:
    hurt, sentence = HURTS[name]
    path = file_of(root, owner, "mastered_words")
    hurt(path)

    for work in (words_of, add):
        with pytest.raises(StorageFailure) as refusal:
            work(owner)
        assert path.name in str(refusal.value)
        assert sentence in str(refusal.value)


def test_index_that_names_files_of_others_and_linked_folders_are_refused(
    root: Path, owner: UUID
) -> None:
    index = root / str(owner) / INDEX
    whole = index.read_bytes()
    edit(lambda one: one["files"]["anna"].update(mastered_words="../x.json"))(index)
    with pytest.raises(StorageFailure, match="cannot be one of its own"):
        words_of(owner)
    index.write_bytes(whole)

    link(root / str(owner))

    with pytest.raises(StorageFailure, match="symbolic link"):
        words_of(owner)
    with pytest.raises(StorageFailure, match="symbolic link"):
        add(owner, "more")


def test_full_disk_refuses_writes_and_keeps_what_there_was(suite_run: Run, owner: UUID) -> None:
    with small_disk(suite_run, 1) as disk:
        use_store(FilesStore(disk.folder))
        create_learner(owner, "anna", name="Anna")
        add(owner, "good")
        disk.fill()

        for _ in range(2):
            with pytest.raises(StorageFull, match="no room on the disk"):
                add(owner, *(f"word {number}" for number in range(2000)))
        assert words_of(owner) == {"good"}

        disk.clear()
        add(owner, "more")
        assert words_of(owner) == {"good", "more"}
        assert len(files_of(disk.folder, owner)) == 2


def test_write_that_does_not_fit_leaves_room_for_one_that_does(suite_run: Run, owner: UUID) -> None:
    with small_disk(suite_run, 1) as disk:
        use_store(FilesStore(disk.folder))
        create_learner(owner, "anna", name="Anna")

        with pytest.raises(StorageFull):
            add(owner, *(f"word {number:0150}" for number in range(5000)))

        add(owner, "small")
        assert words_of(owner) == {"small"}


class Refusal:
    """A companion that refuses, after those that came before it have written."""

    def write(self) -> None:
        raise AppError("NO", "not this time")

    def undo(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_commit_that_is_refused_puts_the_files_back(root: Path, owner: UUID) -> None:
    before = files_of(root, owner)
    other = make_user()["id"]

    @unit_of_work
    def work(user_id: UUID) -> None:
        if user_id == other:
            create_learner(user_id, "anna", name="Anna")
        add(user_id, "more")
        join_unit("last", Refusal)

    for user_id in (owner, other):
        with pytest.raises(AppError, match="not this time"):
            work(user_id)

    assert files_of(root, owner) == before
    assert files_of(root, other) == {}


def test_savepoint_that_is_undone_takes_its_part_along(owner: UUID) -> None:
    @unit_of_work
    def work() -> None:
        add(owner, "before")
        with pytest.raises(UniqueViolation), transaction():
            add(owner, "inside")
            assert words_of(owner) == {"good", "before", "inside"}
            store = current_store()
            store.insert(LEARNERS, owner, [{"id": "anna", "name": "Anna"}])
        add(owner, "after")

    work()

    assert words_of(owner) == {"good", "before", "after"}


def test_who_waits_too_long_for_a_lock_is_told_so(root: Path, owner: UUID) -> None:
    with Folder(root, owner).locked(), deadline.at_most(0.05), pytest.raises(LockTimeout):
        add(owner, "more")

    add(owner, "more")
    assert words_of(owner) == {"good", "more"}


def test_what_was_deleted_a_month_ago_is_forgotten(root: Path, owner: UUID) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    with clock.frozen(now - timedelta(days=31)):
        remove_words(owner, "anna", [Word("good", "en")])
        create_learner(owner, "bob", name="Bob")
        delete_learner(owner, "bob")

    with clock.frozen(now):
        add(owner, "more")

    text = b"".join(files_of(root, owner).values()).decode()
    assert '"more"' in text
    assert '"good"' not in text
    assert '"bob"' not in text


def test_who_locks_a_folder_that_others_remove_waits_for_no_failure(root: Path) -> None:
    folder = Folder(root, uuid4())

    def lock_often() -> None:
        for _ in range(200):
            with folder.locked():
                pass

    assert run_together([lock_often] * 4) == [None] * 4
