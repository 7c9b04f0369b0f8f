"""Each word of STORAGE_MODE: what devices, exports, erasures and the doctor make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import clock
from app.errors import Invalid
from app.models import list_learning_rows
from app.operations.doctor.learning import look
from app.operations.storage import learning_folder, use_storage
from app.usecases.erasure import erase_account, finish_erasures
from app.usecases.export import export_account
from app.usecases.learning.mastery import Word, add_words
from app.usecases.learning.store import KINDS, WORDS
from app.usecases.sync.tables import choose_tables
from tests.factories import make_learner, make_user
from tests.operations.conftest import settings_with
from tests.support.service import connected, settings_for

MODES = ("database", "dual", "json")
SECTIONS = ("learners", "learned_words", "learned_grammar", "cards", "chat_messages")


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Each word of STORAGE_MODE."""
    return str(request.param)


@pytest.fixture
def folder(database_url: str, tmp_path: Path, mode: str) -> Iterator[Path]:
    """The folder of learners' files of a process in that mode."""
    settings = settings_for(database_url, tmp_path, storage_mode=mode)
    with connected(settings):
        use_storage(settings)
        yield learning_folder(settings)
        use_storage(settings_for(database_url, tmp_path))


def make_anna() -> UUID:
    user_id: UUID = make_user()["id"]
    make_learner(user_id, "anna")
    return user_id


def count_stored(user_id: UUID) -> int:
    return sum(
        len(list_learning_rows(kind.table, user_id, time=kind.time, where={}, limit=9))
        for kind in KINDS
    )


def export(user_id: UUID) -> dict[str, list[dict[str, object]]]:
    document: dict[str, list[dict[str, object]]] = json.loads(
        b"".join(export_account(user_id, clock.now()))
    )
    return document


def test_rows_are_where_the_mode_says(folder: Path, mode: str) -> None:
    user_id = make_anna()

    assert count_stored(user_id) == (0 if mode == "json" else 5)
    assert (folder / str(user_id)).exists() == (mode != "database")


def test_devices_get_no_table_of_which_the_database_has_no_truth(folder: Path, mode: str) -> None:
    assert folder
    offered = {synced.name for synced in choose_tables(None)}

    assert ({kind.table for kind in KINDS} <= offered) == (mode != "json")
    assert "history" in offered
    if mode == "json":
        with pytest.raises(Invalid):
            choose_tables({WORDS.table})


def test_export_has_the_same_in_every_mode(folder: Path) -> None:
    assert folder
    user_id = make_anna()
    add_words(user_id, "anna", [Word("b", "en"), Word("a", "en")])

    document = export(user_id)

    assert [len(document[section]) for section in SECTIONS] == [1, 3, 1, 1, 1]
    assert document["is_complete"]
    words = document["learned_words"]
    assert {word["word"] for word in words} == {"好", "a", "b"}
    assert [word["id"] for word in words] == sorted(str(word["id"]) for word in words)
    assert set(words[0]) == {
        *("user_id", "id", "profile_id", "word", "language", "added_at"),
        *("updated_at", "is_deleted", "version"),
    }


def test_whoever_is_erased_has_no_files_left_in_any_mode(folder: Path, tmp_path: Path) -> None:
    user_id, other = make_anna(), make_anna()
    left = [folder / str(user_id) / "left.txt", tmp_path / "imports" / str(user_id) / "x" / "y"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Anna")

    erase_account(user_id)

    assert not (folder / str(user_id)).exists()
    assert not list((tmp_path / "imports").iterdir())
    assert count_stored(user_id) == 0
    assert len(export(other)["learners"]) == 1
    assert export(user_id)["learners"] == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_files_that_cannot_be_removed_keep_no_row_and_no_erasure_from_ending_later(
    folder: Path, mode: str
) -> None:
    user_id = make_anna()
    if mode == "database":
        folder.mkdir()
    place = folder / str(user_id)
    (folder / "elsewhere").mkdir()
    if place.exists():
        place.rename(folder / "was")
    place.symlink_to("elsewhere")

    began = erase_account(user_id)["erased_at"]
    later = began + timedelta(hours=1)

    assert count_stored(user_id) == 0
    with clock.frozen(later):
        assert finish_erasures(later) == 0
        place.unlink()
        assert finish_erasures(later) == 1


def test_doctor_tells_whether_mode_and_folder_fit(tmp_path: Path) -> None:
    def outcome(**settings: Any) -> str:
        (found,) = look(settings_with(tmp_path, **settings))
        return str(found.outcome)

    file = tmp_path / "file"
    file.touch()

    assert outcome() == "ok"
    assert outcome(storage_mode="json") == "warning"
    assert outcome(storage_mode="dual", learning_dir=file / "below") == "problem"

    index = tmp_path / "learning" / str(UUID(int=1)) / "learners.json"
    index.parent.mkdir(parents=True)
    index.touch()
    assert outcome(storage_mode="json") == outcome(storage_mode="dual") == "ok"
    assert outcome() == "warning"
