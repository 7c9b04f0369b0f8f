"""Every store: rows are kept as they were given, numbered, and found again in order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.errors import AppError
from app.keyset import Position
from app.usecases.learning.adding import add_rows
from app.usecases.learning.identity import card_id, grammar_id, message_id, word_id
from app.usecases.learning.store import (
    CARDS,
    GRAMMAR,
    LEARNERS,
    MESSAGES,
    WORDS,
    DayCount,
    Kind,
    Store,
)
from app.usecases.work import unit_of_work
from tests.factories import make_user

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
LEARNER = {
    "id": "anna",
    "name": "Anna",
    "dob": "2019-05-01",
    "interests": ["dinosaurs", "é"],
    "mental_age": 6.5,
    "extracted_data": {"a": [1, None, "x"]},
    "extra": {"unknown": {"deep": True}},
}


def word(text: str, language: str = "zh", at: datetime = NOON) -> dict[str, Any]:
    row_id = word_id("anna", language, text)
    return {"id": row_id, "profile_id": "anna", "word": text, "language": language, "added_at": at}


def add(user_id: UUID, kind: Kind, *rows: dict[str, Any]) -> Any:
    return add_rows(kind, user_id, {row["id"]: row for row in rows})


@pytest.fixture
def owner(store: Store) -> UUID:
    user_id: UUID = make_user()["id"]
    add(user_id, LEARNERS, LEARNER)
    return user_id


def test_row_of_each_kind_comes_back_as_it_was_given(store: Store, owner: UUID) -> None:
    card = {
        "id": card_id("anna", "c1"),
        "profile_id": "anna",
        "card_type": "cloze",
        "status": "pending",
        "content": {"front": "好", "tags": ["a"], "n": 1.5, "none": None},
        "approved_at": NOON,
        "created_at": NOON - timedelta(days=1),
    }
    message = {
        "id": message_id("anna", "m1"),
        "profile_id": "anna",
        "role": "user",
        "content": "你好 \U0001f436",
        "mentions": [{"id": "x"}],
        "config": None,
        "timestamp": NOON,
    }
    grammar = {
        "id": grammar_id("anna", "http://e/%E7%9A%84"),
        "profile_id": "anna",
        "grammar_uri": "http://e/%E7%9A%84",
        "added_at": NOON,
    }
    given = [(LEARNERS, LEARNER), (WORDS, word("好")), (GRAMMAR, grammar), (CARDS, card)]
    given.append((MESSAGES, message))

    for kind, row in given[1:]:
        assert add(owner, kind, row).new == [row["id"]]

    versions = []
    for kind, row in given:
        kept = store.find(kind, owner, [row["id"]])[row["id"]]
        assert {name: kept[name] for name in row} == row
        assert (kept["user_id"], kept["is_deleted"]) == (owner, False)
        versions.append(kept["version"])
    assert versions == sorted(set(versions))
    assert store.find(LEARNERS, owner, ["anna"])["anna"]["character_roster"] == []


def test_added_again_is_present_and_removed_is_revived(store: Store, owner: UUID) -> None:
    rows = [word("一"), word("二"), word("三")]
    add(owner, WORDS, *rows[:2])
    delete(store, owner, WORDS, rows[1]["id"])

    later = NOON + timedelta(hours=1)
    added = add(owner, WORDS, *(row | {"added_at": later} for row in rows))

    assert added.new == [rows[2]["id"]]
    assert added.revived == [rows[1]["id"]]
    assert {row["word"]: row["added_at"] for row in added.present.values()} == {"一": NOON}
    revived = store.find(WORDS, owner, [rows[1]["id"]])[rows[1]["id"]]
    assert (revived["is_deleted"], revived["added_at"]) == (False, later)


def test_walk_meets_each_live_row_once_newest_first(store: Store, owner: UUID) -> None:
    rows = [word(str(n), at=NOON + timedelta(seconds=n // 3)) for n in range(10)]
    rows.append(word("elsewhere", "en"))
    add(owner, WORDS, *rows)
    delete(store, owner, WORDS, rows[4]["id"])

    met: list[dict[str, Any]] = []
    after = None
    where = {"profile_id": "anna", "language": "zh"}
    while page := store.page(WORDS, owner, where=where, after=after, limit=3):
        met += page
        after = Position(page[-1]["added_at"], page[-1]["id"])

    expected = [row for row in rows[:10] if row != rows[4]]
    expected.sort(key=lambda row: (row["added_at"], row["id"]), reverse=True)
    assert [row["id"] for row in met] == [row["id"] for row in expected]
    second = NOON + timedelta(seconds=1)
    found = store.page(
        WORDS, owner, where=where, start=second, end=second, columns=["word"], limit=9
    )
    assert sorted(row["word"] for row in found) == ["3", "5"]
    assert set(found[0]) == {"word"}


def test_days_are_utc_days_and_count_what_is_not_deleted(store: Store, owner: UUID) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    rows = [
        word("a", "en", midnight - timedelta(microseconds=1)),
        word("b", "en", midnight),
        word("c", "en", midnight),
        word("d", "zh", midnight),
        word("e", "zh", midnight),
    ]
    add(owner, WORDS, *rows)
    delete(store, owner, WORDS, rows[4]["id"])

    days = store.count_days(WORDS, owner, "anna")

    twentieth, next_day = NOON.date(), midnight.date()
    assert days == [
        DayCount(twentieth, "en", 1),
        DayCount(next_day, "en", 2),
        DayCount(next_day, "zh", 1),
    ]
    assert store.count_days(WORDS, owner, "anna", start=midnight) == days[1:]
    assert store.count_days(GRAMMAR, owner, "anna") == []


def test_deleted_learner_takes_everything_along(store: Store, owner: UUID) -> None:
    add(owner, WORDS, word("好"))

    with_writing(store, owner, lambda: store.delete_learner(owner, "anna"))

    assert store.find(LEARNERS, owner, ["anna"])["anna"]["is_deleted"]
    assert store.find(WORDS, owner, [word("好")["id"]])[word("好")["id"]]["is_deleted"]
    assert store.page(LEARNERS, owner, where={}, limit=9) == []


def test_removed_learner_leaves_nothing(store: Store, owner: UUID) -> None:
    add(owner, WORDS, word("好"))

    with_writing(store, owner, lambda: store.remove(LEARNERS, owner, ["anna"]))

    assert store.find(LEARNERS, owner, ["anna"]) == {}
    assert store.find(WORDS, owner, [word("好")["id"]]) == {}


def test_what_was_written_inside_is_kept_together_or_not_at_all(store: Store, owner: UUID) -> None:
    @unit_of_work
    def fail() -> None:
        with store.writing(owner):
            store.insert(WORDS, owner, [word("好")])
            assert store.find(WORDS, owner, [word("好")["id"]])
            raise AppError("NO", "not this time")

    with pytest.raises(AppError):
        fail()

    assert store.find(WORDS, owner, [word("好")["id"]]) == {}


def test_rows_of_others_are_not_found(store: Store, owner: UUID) -> None:
    add(owner, WORDS, word("好"))
    other = make_user()["id"]

    assert store.find(WORDS, other, [word("好")["id"]]) == {}
    assert store.page(WORDS, other, where={"profile_id": "anna"}, limit=9) == []
    assert store.count_days(WORDS, other, "anna") == []


def delete(store: Store, owner: UUID, kind: Kind, *ids: UUID) -> None:
    with_writing(store, owner, lambda: store.update(kind, owner, ids, is_deleted=True))


def with_writing(store: Store, owner: UUID, work: Any) -> None:
    @unit_of_work
    def unit() -> None:
        with store.writing(owner):
            work()

    unit()
