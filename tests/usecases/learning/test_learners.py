"""Learners and single things of theirs: stored once, found under their account only."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.errors import AppError, Conflict, NotFound
from app.usecases.learning import cards, learners
from app.usecases.learning.belongings import (
    change_belonging,
    create_belonging,
    delete_belonging,
    list_belongings,
    require_belonging,
)
from app.usecases.learning.current import current_store
from app.usecases.learning.learners import (
    change_learner,
    create_learner,
    delete_learner,
    list_learners,
    require_learner,
)
from app.usecases.learning.mastery import Grammar, Word, add_grammar, add_words
from app.usecases.learning.progress import Counts, count_progress
from app.usecases.learning.store import CARDS, LEARNERS, MESSAGES, WORDS, Kind, Store
from app.usecases.learning.texts import MAX_SLUG_CHARACTERS, SLUG, numbered_slug, slug_of
from tests.factories import make_user
from tests.support.threads import insist, run_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEW: dict[Kind, dict[str, Any]] = {
    CARDS: {
        "card_type": "basic",
        "status": "pending",
        "content": {"front": "好", "n": 1},
        "approved_at": None,
    },
    MESSAGES: {"role": "user", "content": "Hello", "config": None, "timestamp": None},
}
list_cards = partial(cards.list_cards, enough=1000, weigh=lambda row: len(str(row["content"])))
each_kind = pytest.mark.parametrize("kind", NEW, ids=lambda kind: kind.table)


@pytest.fixture
def owner(store: Store) -> UUID:
    assert store
    user_id: UUID = make_user()["id"]
    create_learner(user_id, "anna", name="Anna")
    return user_id


def code_of(work: Any) -> str:
    with pytest.raises(AppError) as refused:
        work()
    return refused.value.code


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Anna Müller", "anna-muller"),
        ("  ..-Änna--1. ", "anna-1"),
        ("小明", "learner"),
        ("x" * 99, "x" * MAX_SLUG_CHARACTERS),
    ],
)
def test_slug_is_made_of_the_letters_of_a_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug
    assert len(numbered_slug(slug, 12)) <= MAX_SLUG_CHARACTERS
    assert SLUG.startswith("^[a-z0-9")


def test_learner_who_has_very_much_is_deleted_bit_by_bit(
    owner: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learners, "_MOST_AT_ONCE", 2)
    words = add_words(owner, "anna", [Word(f"w{number}", "en") for number in range(5)])

    delete_learner(owner, "anna")

    store = current_store()
    rows = store.find(WORDS, owner, [row_id for _, row_id in words.done]).values()
    assert [row["is_deleted"] for row in rows] == [True] * 5
    assert sorted(Counter(row["version"] for row in rows).values()) == [1, 2, 2]
    assert store.find(LEARNERS, owner, ["anna"])["anna"]["version"] == max(
        row["version"] for row in rows
    )


def test_same_learner_again_is_no_other_and_a_deleted_one_stays(owner: UUID) -> None:
    row, is_new = create_learner(owner, "bo", name="Bo", extra={"a": 1})

    assert is_new
    assert create_learner(owner, "bo", name="Bo", extra={"a": 1.0}) == (row, False)
    assert code_of(lambda: create_learner(owner, "bo", name="Beau")) == "LEARNER_EXISTS"
    delete_learner(owner, "bo")
    assert code_of(lambda: create_learner(owner, "bo", name="Bo")) == "LEARNER_DELETED"
    assert create_learner(owner, None, name="Bo")[0]["id"] == "bo-2"
    for work in (require_learner, delete_learner, partial(change_learner, name="B")):
        assert code_of(partial(work, owner, "bo")) == "LEARNER_NOT_FOUND"
    assert [one["id"] for one in list_learners(owner, after=None, limit=9)] == ["bo-2", "anna"]


def test_learners_made_at_once_get_ids_of_their_own(owner: UUID) -> None:
    rows = run_together([insist(partial(create_learner, owner, None, name="Bo"))] * 3)

    assert sorted(row[0]["id"] for row in rows if isinstance(row, tuple)) == ["bo", "bo-2", "bo-3"]


def test_change_is_of_the_named_columns_only(owner: UUID) -> None:
    before = require_learner(owner, "anna")

    after = change_learner(owner, "anna", school="First", extra={"x": [1]})

    assert after == require_learner(owner, "anna")
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"school", "extra", "updated_at", "version"}
    assert after["version"] > before["version"]


def test_deleted_learner_takes_everything_along(owner: UUID) -> None:
    add_words(owner, "anna", [Word("好", "zh")])
    card, _ = create_belonging(CARDS, owner, "anna", None, **NEW[CARDS])

    delete_learner(owner, "anna")

    assert code_of(lambda: require_belonging(CARDS, owner, "anna", card["id"])) == "CARD_NOT_FOUND"
    for work in (
        partial(list_belongings, WORDS, where={}, limit=1),
        partial(list_cards, where={}, limit=1),
        count_progress,
    ):
        assert code_of(partial(work, user_id=owner, learner_id="anna")) == "LEARNER_NOT_FOUND"


@each_kind
def test_same_thing_again_is_no_other_and_a_deleted_one_stays(owner: UUID, kind: Kind) -> None:
    row_id, values = uuid4(), NEW[kind]
    create = partial(create_belonging, kind, owner, "anna")

    row, is_new = create(row_id, **values)

    assert is_new
    assert create(row_id, **values) == (row, False)
    other = values | {"content": {"front": "other"} if kind is CARDS else "other"}
    assert code_of(lambda: create(row_id, **other)) == "ID_TAKEN"
    assert code_of(lambda: create(row_id, **values | {kind.time: NOON})) == "ID_TAKEN"
    create_learner(owner, "bo", name="Bo")
    assert code_of(lambda: create_belonging(kind, owner, "bo", row_id, **values)) == "ID_TAKEN"
    delete_belonging(kind, owner, "anna", row_id)
    assert code_of(lambda: create(row_id, **values)).endswith("_DELETED")
    assert create(None, **values)[0]["id"].version == 7


@each_kind
def test_thing_is_found_under_its_learner_and_account_only(owner: UUID, kind: Kind) -> None:
    row, _ = create_belonging(kind, owner, "anna", None, **NEW[kind])
    create_learner(owner, "bo", name="Bo")
    other = make_user()["id"]
    create_learner(other, "anna", name="Anna")

    for user_id, learner_id, row_id in (
        (owner, "bo", row["id"]),
        (other, "anna", row["id"]),
        (owner, "anna", uuid4()),
    ):
        for work in (require_belonging, delete_belonging, change_belonging):
            with pytest.raises(NotFound):
                work(kind, user_id, learner_id, row_id)
    assert require_belonging(kind, owner, "anna", row["id"]) == row


def test_changed_card_is_listed_by_what_it_is_now(owner: UUID) -> None:
    values = NEW[CARDS]
    ids = [
        create_belonging(
            CARDS, owner, "anna", None, **values | {"approved_at": NOON + timedelta(days=day)}
        )[0]["id"]
        for day in range(3)
    ]

    changed = change_belonging(CARDS, owner, "anna", ids[1], status="synced", content={"b": 2})

    assert (changed["status"], changed["content"]) == ("synced", {"b": 2})
    found = [
        [row["id"] for row in list_cards(owner, "anna", where=where, limit=9)]
        for where in ({"status": "synced"}, {"status": None, "card_type": "basic"})
    ]
    assert found == [[ids[1]], ids[::-1]]


def test_page_of_cards_ends_one_card_behind_enough(owner: UUID) -> None:
    for day in range(9):
        create_belonging(
            CARDS,
            owner,
            "anna",
            None,
            **NEW[CARDS]
            | {"content": {"image": "x" * 1000}, "approved_at": NOON + timedelta(days=day)},
        )

    rows = list_cards(owner, "anna", where={}, limit=9, enough=4500)

    assert [row["approved_at"] for row in rows] == [
        NOON + timedelta(days=day) for day in range(8, 2, -1)
    ]


def test_progress_is_by_language_and_utc_day(owner: UUID) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    before = midnight - timedelta(microseconds=1)
    add_words(owner, "anna", [Word("好", "zh", before), Word("a", "en", midnight)])
    add_words(owner, "anna", [Word("不", "zh", midnight)])
    add_grammar(owner, "anna", [Grammar("http://e/a", midnight)])
    create_belonging(MESSAGES, owner, "anna", None, **NEW[MESSAGES] | {"timestamp": before})

    progress = count_progress(owner, "anna")

    first = Counts(words=1, messages=1, languages={"zh": 1})
    second = Counts(words=2, grammar=1, languages={"en": 1, "zh": 1})
    assert list(progress.days.items()) == [(before.date(), first), (midnight.date(), second)]
    assert progress.total == Counts(3, 1, 0, 1, {"zh": 2, "en": 1})
    assert count_progress(owner, "anna", start_date=midnight).total == second
    assert count_progress(owner, "anna", end_date=before).total == first


def test_refusals_are_conflicts(owner: UUID) -> None:
    with pytest.raises(Conflict):
        create_learner(owner, "anna", name="Another")
