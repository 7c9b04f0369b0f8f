"""Imports from beginning to end, on each engine: nothing is lost, nothing comes twice."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import clock
from app.models import (
    get_db,
    get_head,
    release,
    remove_learning_rows,
    update_learning_rows,
)
from app.operations.importer import turns
from app.operations.importer.journal import Asked
from app.operations.importer.refusals import Refused
from app.operations.importer.retry import retry_import
from app.operations.importer.rollback import roll_back
from app.operations.importer.run import resume_import, run_import
from app.operations.importer.status import list_runs, read_status
from app.operations.importer.turns import only_import
from app.operations.importer.verify import verify_import
from tests.operations.importer.conftest import (
    LEARNER,
    LEARNING,
    QUIET,
    bring_in,
    counts,
    learned,
    of_run,
)
from tests.support.learner_files import REAL, write_folder
from tests.support.rows import snapshot

NAMES = ("child_profiles.json", "approved_cards.json", "chat_history.json")


def read(folder: Path) -> dict[str, Any]:
    return {name: json.loads((folder / name).read_text()) for name in NAMES}


def change(folder: Path, name: str, edit: Callable[[list[dict[str, Any]]], object]) -> None:
    records = json.loads((folder / name).read_text())
    edit(records)
    (folder / name).write_text(json.dumps(records))


def word_of(learner: str) -> dict[str, Any]:
    words = get_db().mastered_words
    row = get_db()(words.profile_id == learner).one(orderby=words.word)
    assert row is not None
    return dict(row)


def only(files: Path, name: str) -> Path:
    folder = files.parent / f"only-{name}"
    folder.mkdir()
    (folder / name).write_bytes((files / name).read_bytes())
    return folder


@pytest.mark.slow
def test_zero_data_loss_during_migration(asked: Asked, engine: str, tmp_path: Path) -> None:
    # As large as the real ones where that is quick, and else with smaller pictures.
    sizes = REAL if engine == "sqlite" else replace(REAL, image_bytes=9_000, messages=2_000)
    folder = write_folder(tmp_path / "real", sizes)
    learner = json.loads((folder / NAMES[0]).read_text())[0]["name"]
    asked = replace(asked, folder=folder, profile_id="anna-muller-0")

    report = bring_in(asked)
    found = verify_import(of_run(asked, report), QUIET, export=tmp_path / "again")

    assert learner == "Anna Müller 0"
    assert read_status(of_run(asked, report)).refused == {}
    assert (found.records, found.equal) == (1 + sizes.cards + sizes.messages,) * 2
    assert (found.differing, found.expected) == (0, found.found)
    assert read(tmp_path / "again") == read(folder)


def test_the_same_files_again_change_nothing_at_all(asked: Asked, tmp_path: Path) -> None:
    bring_in(asked)
    rows, copies = snapshot(), sorted((tmp_path / "data").rglob("*"))

    report = bring_in(asked)

    # Whose turn it is stands in a lease, which has ended.
    assert report.outcome == "unchanged"
    assert snapshot() == rows
    assert sorted((tmp_path / "data").rglob("*")) == copies


def test_every_row_is_in_the_audit_log_under_the_name_of_the_import(asked: Asked) -> None:
    report = bring_in(asked)

    log = get_db().audit_log
    rows = get_db()(log.changed_by == f"migration:{report.run['id']}").dicts()
    assert {(row["table_name"], row["action"]) for row in rows} == {
        (table, "insert") for table in LEARNING
    }
    assert len(rows) == sum(counts().values())


def test_without_a_learner_for_the_cards_nothing_is_written(asked: Asked) -> None:
    before = snapshot()

    for profile_id in (None, "nobody"):
        with pytest.raises(Refused, match=r"approved_cards.json and chat_history.json"):
            bring_in(replace(asked, profile_id=profile_id))

    assert snapshot() == before


def test_words_that_are_new_are_merged_and_what_is_there_stays(asked: Asked, files: Path) -> None:
    first = bring_in(asked)
    before = learned()
    change(files, NAMES[0], lambda people: people[1]["mastered_words"].append("新的"))

    second = bring_in(asked)
    found = verify_import(of_run(asked, second), QUIET)
    undone = roll_back(of_run(asked, second), QUIET)

    assert second.run["id"] != first.run["id"]
    assert second.run["counts"]["files"][NAMES[0]] == {"present": 1, "merged": 1}
    assert second.run["counts"]["rows"] == {"mastered_words": 1}
    assert found.differing == 0
    assert undone.removed == {"mastered_words": 1}
    assert learned() == before


def test_what_is_there_already_and_different_is_kept_and_told(asked: Asked, files: Path) -> None:
    bring_in(asked)
    before = learned()
    change(files, NAMES[0], lambda people: people[1].update(school="another"))
    change(files, NAMES[1], lambda cards: cards[2].update(back="another"))

    status = read_status(of_run(asked, bring_in(asked)))

    assert learned() == before
    assert status.refused == {"DIFFERENT_ALREADY_THERE": 2}
    assert [(row["file"], row["pointer"]) for row in status.quarantine] == [
        (NAMES[1], "/2"),
        (NAMES[0], "/1"),
    ]
    assert json.loads(status.quarantine[0]["value"])["back"] == "another"


def test_what_was_in_the_way_can_be_removed_and_tried_again(asked: Asked, files: Path) -> None:
    bring_in(replace(asked, folder=only(files, NAMES[0])))
    cards = bring_in(replace(asked, folder=only(files, NAMES[1])))
    change(files, NAMES[1], lambda some: some[0].update(back="another"))
    wish = of_run(asked, bring_in(asked))
    in_the_way = read_status(wish).refused
    rows = snapshot()

    unchanged = retry_import(wish, QUIET)
    after = snapshot()
    roll_back(of_run(asked, cards), QUIET)
    retried = retry_import(wish, QUIET)

    assert in_the_way == {"DIFFERENT_ALREADY_THERE": 1}
    assert (unchanged.tried, unchanged.resolved) == (1, 0)
    assert {name for name in rows if rows[name] != after[name]} <= {"import_runs"}
    assert (retried.tried, retried.resolved) == (1, 1)
    assert read_status(wish).refused == {}
    assert retried.run["counts"]["files"][NAMES[1]] == {"present": 7, "added": 1}
    assert roll_back(wish, QUIET).removed == {"approved_cards": 1, "chat_messages": 12}


def test_an_entry_that_was_removed_waits_until_it_may_come_again(asked: Asked, files: Path) -> None:
    bring_in(asked)
    word = word_of(LEARNER)
    update_learning_rows("mastered_words", asked.user_id, [word["id"]], is_deleted=True)
    change(files, NAMES[0], lambda people: people[1]["mastered_words"].append("新的"))
    wish = of_run(asked, bring_in(asked))
    [waiting] = read_status(wish).quarantine
    remove_learning_rows("mastered_words", asked.user_id, [word["id"]])

    retried = retry_import(wish, QUIET)

    assert json.loads(waiting["value"]) == word["word"]
    assert waiting["pointer"].startswith("/1/mastered_")
    assert (retried.tried, retried.resolved) == (1, 1)
    assert verify_import(wish, QUIET).differing == 0
    assert roll_back(wish, QUIET).removed == {"mastered_words": 2}


def test_rolling_back_removes_what_was_added_and_nothing_else(asked: Asked, files: Path) -> None:
    change(files, NAMES[0], lambda people: people.pop(0))
    bring_in(replace(asked, folder=only(files, NAMES[0])))
    before = learned()
    report = bring_in(asked)
    head = get_head(asked.user_id)

    undone = roll_back(of_run(asked, report), QUIET)
    after = get_head(asked.user_id)

    assert undone.removed == {"approved_cards": 8, "chat_messages": 12}
    assert learned() == before
    assert head is not None
    assert after is not None
    assert after["floor"] == after["version"] == head["version"] + 1
    with pytest.raises(Refused, match="was rolled back"):
        verify_import(of_run(asked, report), QUIET)
    assert bring_in(asked).outcome == "imported"


def test_rolling_back_is_refused_once_a_row_was_changed(asked: Asked) -> None:
    report = bring_in(asked)
    word = word_of(LEARNER)
    update_learning_rows("mastered_words", asked.user_id, [word["id"]], is_deleted=True)
    before = snapshot()

    undone = roll_back(of_run(asked, report), QUIET)

    [obstacle] = undone.obstacles
    assert (obstacle.table, obstacle.id) == ("mastered_words", str(word["id"]))
    assert obstacle.what == "changed"
    assert snapshot() == before


def test_rolling_back_is_refused_once_a_learner_of_it_has_more(asked: Asked) -> None:
    report = bring_in(asked)
    card = get_db()(get_db().approved_cards).one()
    assert card is not None
    get_db().approved_cards.insert(**card | {"id": report.run["id"]})

    undone = roll_back(of_run(asked, report), QUIET)

    [obstacle] = undone.obstacles
    assert (obstacle.table, obstacle.id, obstacle.what) == ("approved_cards", LEARNER, "built_on")


def test_verifying_finds_a_row_that_was_changed_and_one_that_is_gone(asked: Asked) -> None:
    report = bring_in(asked)
    db = get_db()
    db.executesql("UPDATE chat_messages SET role = 'tool' WHERE content LIKE '%\"3\"'")
    word = word_of(LEARNER)
    update_learning_rows("mastered_words", asked.user_id, [word["id"]], is_deleted=True)
    db.executesql("DELETE FROM mastered_grammar WHERE profile_id = 'anna-muller-0'")
    gone = 12

    found = verify_import(of_run(asked, report), QUIET)

    told = {(one.table, one.what, tuple(one.columns)) for one in found.differences}
    assert told == {
        ("chat_messages", "changed", ("role",)),
        ("mastered_words", "deleted", ()),
        ("mastered_grammar", "missing", ()),
    }
    assert (
        found.differing
        == 1 + 1 + found.expected["mastered_grammar"] - found.found["mastered_grammar"]
    )
    assert found.expected["mastered_grammar"] <= 2 * gone


def test_copies_that_were_changed_are_not_gone_on_with(asked: Asked, tmp_path: Path) -> None:
    report = bring_in(asked)
    [copy] = (tmp_path / "data").rglob(NAMES[2])
    copy.write_text("[]")

    with pytest.raises(Refused, match="changed"):
        verify_import(of_run(asked, report), QUIET)


def test_two_at_once_are_one_and_a_line(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SECONDS", 0.6)

    with only_import(asked.user_id, print):
        for begin in (run_import, resume_import, retry_import, roll_back):
            with pytest.raises(Refused, match="running"):
                begin(asked, QUIET)

    assert counts()["approved_cards"] == 0
    release()


def test_other_files_wait_until_a_run_has_ended(asked: Asked, files: Path) -> None:
    report = bring_in(asked)
    db = get_db()
    db(db.import_runs.id == report.run["id"]).update(state="running", finished_at=None)
    change(files, NAMES[2], lambda messages: messages.pop())

    with pytest.raises(Refused, match="has not ended"):
        bring_in(asked)
    resumed = resume_import(replace(asked, folder=None), QUIET)

    assert resumed.run["state"] == "finished"
    assert resumed.run["finished_at"] <= clock.now()
    assert bring_in(asked).run["counts"]["files"][NAMES[2]] == {"present": 11}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_files_without_a_record_are_written_out_too(
    asked: Asked, files: Path, tmp_path: Path
) -> None:
    change(files, NAMES[1], list.clear)
    report = bring_in(asked)

    verify_import(of_run(asked, report), QUIET, export=tmp_path / "again")

    assert read(tmp_path / "again") == read(files)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_one_folder_may_be_named_in_several_ways(asked: Asked, files: Path) -> None:
    bring_in(asked)

    assert list_runs(replace(asked, folder=files / ".." / files.name))


def test_of_what_is_refused_no_more_is_read_than_is_shown(asked: Asked, files: Path) -> None:
    change(files, NAMES[1], lambda cards: cards[0].update(status="unknown", front="家" * 9000))
    wish = of_run(asked, bring_in(asked))

    [refused] = read_status(wish).quarantine

    whole = json.dumps(json.loads((files / NAMES[1]).read_text())[0])
    assert refused["value"] == whole[:1000]
