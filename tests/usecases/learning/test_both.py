"""The database and the files of learners: alike, and made alike again when they are not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.errors import AppError
from app.keyset import SyncCursor
from app.models import get_head, list_learning_rows, update_learning_rows
from app.usecases.alongside import join_unit
from app.usecases.learning.comparing import Problem, compare_account, list_owners
from app.usecases.learning.current import current_store, use_store
from app.usecases.learning.identity import word_id
from app.usecases.learning.learners import create_learner
from app.usecases.learning.mastery import Word, add_words, remove_words
from app.usecases.learning.store import CARDS, GRAMMAR, LEARNERS, MESSAGES, WORDS, Kind
from app.usecases.learning.stores.database import DatabaseStore
from app.usecases.learning.stores.dual import DualStore
from app.usecases.learning.stores.files import FilesStore
from app.usecases.learning.stores.folder import INDEX, Folder
from app.usecases.learning.switching import NothingThere, copy_to_database, copy_to_files
from app.usecases.sync.horizon import check_cursor
from app.usecases.work import unit_of_work
from bilayer.runtime import Database
from bilayer.runtime.errors import OutcomeUnknown, StorageFailure
from tests.factories import make_learner, make_user
from tests.support.proxy import Proxy
from tests.support.service import connected, settings_for
from tests.usecases.learning.test_files import Refusal, writer

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRITES = 1000
WRITES_OF_A_UNIT = 20


@pytest.fixture
def root(database: Database, tmp_path: Path) -> Iterator[Path]:
    """The folder of a store that keeps both."""
    assert database
    before = current_store()
    use_store(DualStore(tmp_path / "learning"))
    yield tmp_path / "learning"
    use_store(before)


@pytest.fixture
def owner(root: Path) -> UUID:
    """An account with a learner who has one of each kind."""
    assert root
    user_id: UUID = make_user()["id"]
    make_learner(user_id, "anna")
    return user_id


def words_of(user_id: UUID, store: Any = None) -> set[str]:
    where = {"profile_id": "anna"}
    rows = (store or current_store()).page(WORDS, user_id, where=where, limit=999)
    return {row["word"] for row in rows}


def in_unit(work: Callable[[], Any]) -> None:
    unit_of_work(work)()


class Scribbler:
    """Writes at random, whatever a store can be told to."""

    def __init__(self, user_id: UUID, seed: int) -> None:
        self.user_id = user_id
        self._random = random.Random(seed)
        self._known: dict[Kind, list[Any]] = {kind: [] for kind in (*NEW, LEARNERS)}

    def write(self) -> None:
        """Write a few things in one unit, which fails now and then."""
        known = {kind: list(ids) for kind, ids in self._known.items()}
        try:
            self._write()
        except AppError:
            self._known = known

    @unit_of_work
    def _write(self) -> None:
        with current_store().writing(self.user_id):
            for _ in range(WRITES_OF_A_UNIT):
                self._random.choice([self._insert, self._insert, self._update, self._remove])()
            if self._random.random() < 0.1:
                join_unit("last", Refusal)

    def _insert(self) -> None:
        learners, store = self._known[LEARNERS], current_store()
        if len(learners) < 2 or self._random.random() < 0.02:
            learners.append(f"learner-{self._random.getrandbits(40)}")
            store.insert(LEARNERS, self.user_id, [{"id": learners[-1], "name": "X"}])
            return
        kind = self._random.choice(list(NEW))
        row = NEW[kind](str(self._random.random()))
        row |= {"id": uuid4(), "profile_id": self._random.choice(learners)}
        store.insert(kind, self.user_id, [row])
        self._known[kind].append(row["id"])

    def _update(self) -> None:
        kind, ids = self._some()
        change = self._random.choice([{"is_deleted": True}, {"is_deleted": False}, CHANGES[kind]])
        current_store().update(kind, self.user_id, ids, **change)

    def _remove(self) -> None:
        kind, ids = self._some()
        draw = self._random.random()
        if kind == LEARNERS and draw < 0.5:
            for learner in ids:
                current_store().delete_learner(self.user_id, learner)
        elif kind != LEARNERS or draw > 0.8:
            current_store().remove(kind, self.user_id, ids)
            if kind == LEARNERS:  # All that was theirs is gone too; what is left is passed over.
                self._known[kind] = [one for one in self._known[kind] if one not in ids]

    def _some(self) -> tuple[Kind, list[Any]]:
        kind = self._random.choice(list(self._known))
        ids = self._known[kind]
        return kind, self._random.sample(ids, min(len(ids), self._random.randint(0, 3)))


NEW: dict[Kind, Callable[[str], dict[str, Any]]] = {
    WORDS: lambda text: {"word": text, "language": "en", "added_at": NOON},
    GRAMMAR: lambda text: {"grammar_uri": text, "added_at": NOON},
    CARDS: lambda text: {
        "card_type": "basic",
        "status": "pending",
        "content": {"text": text, "number": 1.5, "nothing": None},
        "approved_at": NOON,
    },
    MESSAGES: lambda text: {"role": "user", "content": text, "timestamp": NOON, "config": {"a": 1}},
}
CHANGES: dict[Kind, dict[str, Any]] = {
    LEARNERS: {"mental_age": 7.25, "interests": ["é", {"deep": [1]}]},
    WORDS: {"language": "fr"},
    GRAMMAR: {"added_at": NOON.replace(microsecond=7)},
    CARDS: {"content": {"text": "\U0001f436"}, "status": "approved"},
    MESSAGES: {"extra": {"x": 1.0}, "mentions": []},
}


def test_after_a_thousand_mixed_writes_both_have_the_same(root: Path, owner: UUID) -> None:
    seed = random.randrange(10**9)
    scribbler = Scribbler(owner, seed)

    for _ in range(WRITES // WRITES_OF_A_UNIT):
        scribbler.write()

    assert compare_account(root, owner) == [], f"seed {seed}"
    for kind in NEW:
        stored = DatabaseStore().page(kind, owner, where={}, limit=WRITES)
        assert FilesStore(root).page(kind, owner, where={}, limit=WRITES) == stored


def test_two_processes_that_write_at_once_lose_nothing(
    root: Path, owner: UUID, database_url: str
) -> None:
    use_store(FilesStore(root))
    with (
        writer(database_url, root, owner, "a", 30) as one,
        writer(database_url, root, owner, "b", 30) as other,
    ):
        told = [one.read().split(), other.read().split()]

    assert [len(lines) for lines in told] == [30, 30]
    expected = {f"{prefix}{number}" for prefix in "ab" for number in range(30)}
    assert words_of(owner) == expected | {"好"}


def test_file_that_cannot_be_written_undoes_the_database_too(root: Path, owner: UUID) -> None:
    (root / str(owner) / INDEX).write_bytes(b"{")

    with pytest.raises(StorageFailure, match="damaged"):
        add_words(owner, "anna", [Word("more", "en")])

    assert words_of(owner) == {"好"}
    with pytest.raises(StorageFailure, match="damaged"):
        compare_account(root, owner)
    copy_to_files(root, owner)
    assert compare_account(root, owner) == []


def test_database_that_refuses_undoes_the_files_too(root: Path, owner: UUID) -> None:
    def work() -> None:
        add_words(owner, "anna", [Word("more", "en")])
        join_unit("last", Refusal)

    with pytest.raises(AppError, match="not this time"):
        in_unit(work)

    assert words_of(owner) == words_of(owner, FilesStore(root)) == {"好"}
    assert compare_account(root, owner) == []


def test_account_without_files_gets_all_of_them_with_its_next_write(
    root: Path, owner: UUID
) -> None:
    Folder(root, owner).destroy()

    add_words(owner, "anna", [Word("more", "en")])

    assert compare_account(root, owner) == []
    assert words_of(owner, FilesStore(root)) == {"好", "more"}


def make_unlike(root: Path, owner: UUID) -> None:
    """Do what a process that died in between leaves, in each way there is."""
    files, gone = FilesStore(root), word_id("anna", "zh", "好")
    only = {"id": uuid4(), "profile_id": "anna", "word": "filed", "language": "en"}

    def work() -> None:
        files.insert(WORDS, owner, [only | {"added_at": NOON}])
        files.update(LEARNERS, owner, ["anna"], school="elsewhere")
        files.remove(WORDS, owner, [gone])

    in_unit(work)
    in_unit(lambda: update_learning_rows(LEARNERS.table, owner, ["anna"], gender="f"))


def test_each_difference_is_told(root: Path, owner: UUID) -> None:
    make_unlike(root, owner)

    found = compare_account(root, owner)

    told = {(one.table, one.problem, one.column) for one in found}
    assert told == {
        ("mastered_words", Problem.ONLY_IN_DATABASE, None),
        ("mastered_words", Problem.ONLY_IN_FILES, None),
        *(
            ("learner_profiles", Problem.UNLIKE, column)
            for column in ("school", "gender", "version", "updated_at")
        ),
    } or told == {
        # The two sides may have come to the same version by different ways.
        ("mastered_words", Problem.ONLY_IN_DATABASE, None),
        ("mastered_words", Problem.ONLY_IN_FILES, None),
        *(
            ("learner_profiles", Problem.UNLIKE, name)
            for name in ("school", "gender", "updated_at")
        ),
    }
    assert list_owners(root) == [owner]


def test_files_become_what_the_database_is(root: Path, owner: UUID) -> None:
    make_unlike(root, owner)
    version = (get_head(owner) or {})["version"]

    copy_to_files(root, owner)

    assert compare_account(root, owner) == []
    assert words_of(owner, FilesStore(root)) == words_of(owner) == {"好"}
    assert (get_head(owner) or {})["version"] == version


def test_database_becomes_what_the_files_are_and_devices_fetch_anew(
    root: Path, owner: UUID
) -> None:
    make_unlike(root, owner)
    remove_words(owner, "anna", [Word("好", "zh")])
    head = get_head(owner) or {}

    written = copy_to_database(root, owner)

    assert written == 2
    assert compare_account(root, owner) == []
    assert words_of(owner) == {"filed"}
    (learner,) = list_learning_rows(LEARNERS.table, owner, time=LEARNERS.time, where={}, limit=9)
    assert (learner["school"], learner["gender"]) == ("elsewhere", None)
    with pytest.raises(AppError, match="anew"):
        check_cursor(SyncCursor(head["epoch"], head["version"]), get_head(owner) or {})
    assert copy_to_database(root, owner) == 0


def test_side_that_has_nothing_of_an_account_overwrites_nothing(root: Path, owner: UUID) -> None:
    stranger, other = uuid4(), make_user()["id"]
    in_unit(lambda: FilesStore(root).insert(LEARNERS, stranger, [{"id": "x", "name": "X"}]))
    create_learner(other, "anna", name="Anna")
    Folder(root, other).destroy()

    with pytest.raises(NothingThere):
        copy_to_files(root, stranger)
    with pytest.raises(NothingThere):
        copy_to_database(root, stranger)
    with pytest.raises(NothingThere):
        copy_to_database(root, other)

    assert list_owners(root) == sorted([stranger, other, owner])
    assert len(compare_account(root, stranger)) == len(compare_account(root, other)) == 1


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True)
def test_commit_whose_answer_is_lost_leaves_the_files_as_they_will_be(
    database_url: str, tmp_path: Path
) -> None:
    with Proxy(database_url) as proxy, connected(settings_for(proxy.url, tmp_path)):
        root, before = tmp_path / "learning", current_store()
        use_store(DualStore(root))
        user_id: UUID = make_user()["id"]
        make_learner(user_id, "anna")
        proxy.lose_answer_to("COMMIT")

        with pytest.raises(OutcomeUnknown):
            add_words(user_id, "anna", [Word("more", "en")])

        assert words_of(user_id) == {"好", "more"}
        assert compare_account(root, user_id) == []
        use_store(before)
