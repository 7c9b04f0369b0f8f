"""Words and grammar: many at once, each judged by itself, each there once."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.errors import NotFound
from app.usecases.learning.belongings import list_belongings
from app.usecases.learning.learners import create_learner, delete_learner
from app.usecases.learning.mastery import (
    Grammar,
    Outcome,
    Word,
    add_grammar,
    add_words,
    remove_grammar,
    remove_words,
)
from app.usecases.learning.store import GRAMMAR, WORDS, Store
from tests.factories import make_user
from tests.support.statements import sent_statements
from tests.support.threads import insist, run_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANY = 1200
MOST_STATEMENTS = 30


@pytest.fixture
def owner(store: Store) -> UUID:
    assert store
    user_id: UUID = make_user()["id"]
    create_learner(user_id, "anna", name="Anna")
    return user_id


def zh(*texts: str) -> list[Word]:
    return [Word(text, "zh") for text in texts]


def told(outcome: Outcome) -> tuple[list[int], list[int], dict[int, str]]:
    rejected = {one.index: one.flaw.code for one in outcome.rejected}
    return [index for index, _ in outcome.done], [index for index, _ in outcome.idle], rejected


def words_of(owner: UUID, **where: Any) -> set[tuple[str, str]]:
    rows = list_belongings(WORDS, owner, "anna", where=where, limit=10_000)
    return {(row["word"], row["language"]) for row in rows}


def test_each_word_is_added_present_or_rejected(owner: UUID) -> None:
    add_words(owner, "anna", zh("好"))
    entries = [
        Word("  不 ", "ZH"),
        Word("好", "zh"),
        Word("好", "en"),
        Word("不", "zh"),
        Word("e\u0301", "fr"),
        Word("\u00e9", "fr"),
        Word(" \u3000", "zh"),
        Word("x" * 200, "en"),
        Word("x" * 201, "en"),
        Word("a\x1fb", "en"),
        Word("a", None),
        Word("a", "english!"),
        Word("a", "x-" + "y" * 8 + "-" + "z" * 8),
        Word("\u200b\u202e", "en"),
    ]

    outcome = add_words(owner, "anna", entries)

    rejected = {
        6: "BLANK",
        8: "TOO_LONG",
        9: "CONTROL_CHARACTER",
        10: "REQUIRED",
        11: "WRONG_FORMAT",
        12: "WRONG_FORMAT",
        13: "BLANK",
    }
    assert told(outcome) == ([0, 2, 4, 7], [1, 3, 5], rejected)
    kept = {("好", "zh"), ("不", "zh"), ("好", "en"), ("\u00e9", "fr"), ("x" * 200, "en")}
    assert words_of(owner) == kept
    assert words_of(owner, language="fr") == {("\u00e9", "fr")}
    assert dict(outcome.done)[0] == dict(outcome.idle)[3]


def test_removed_words_are_gone_and_come_back_under_their_ids(owner: UUID) -> None:
    first = add_words(owner, "anna", zh("一", "二", "三"))

    removed = remove_words(owner, "anna", zh("二", "二", "四", ""))

    assert told(removed) == ([0], [1, 2], {3: "BLANK"})
    assert words_of(owner) == {("一", "zh"), ("三", "zh")}
    again = add_words(owner, "anna", [Word("二", "zh", NOON), *zh("三")])
    assert told(again) == ([0], [1], {})
    assert again.done[0][1] == first.done[1][1]
    (oldest,) = list_belongings(
        WORDS, owner, "anna", where={}, end_date=NOON + timedelta(days=1), limit=9
    )[-1:]
    assert (oldest["word"], oldest["added_at"]) == ("二", NOON)


def test_grammar_keeps_its_escapes(owner: UUID) -> None:
    uri = "http://example.com/gp/%E7%9A%84,x"
    entries: list[Grammar] = [Grammar(uri), Grammar(uri), Grammar("x" * 501)]

    outcome = add_grammar(owner, "anna", entries)

    assert told(outcome) == ([0], [1], {2: "TOO_LONG"})
    rows = list_belongings(GRAMMAR, owner, "anna", where={}, limit=9)
    assert [row["grammar_uri"] for row in rows] == [uri]
    assert told(remove_grammar(owner, "anna", entries)) == ([0], [1], {2: "TOO_LONG"})
    assert list_belongings(GRAMMAR, owner, "anna", where={}, limit=9) == []


def test_nothing_is_added_to_nobody(owner: UUID) -> None:
    delete_learner(owner, "anna")

    for learner_id in ("anna", "nobody"):
        for work in (add_words, remove_words):
            with pytest.raises(NotFound, match="learner"):
                work(owner, learner_id, zh("好"))


def test_many_words_are_a_handful_of_statements(owner: UUID) -> None:
    words = zh(*(f"word {number}" for number in range(MANY)))
    works: list[Any] = [add_words, add_words, remove_words, add_words]
    counts = []

    for work in works:
        with sent_statements() as sent:
            outcome = work(owner, "anna", words)
        assert len(sent) <= MOST_STATEMENTS
        counts.append((len(outcome.done), len(outcome.idle)))

    full, none = (MANY, 0), (0, MANY)
    assert counts == [full, none, full, full]


def test_two_devices_that_add_the_same_words_add_each_once(owner: UUID) -> None:
    words = [Word(f"word {number}", "en") for number in range(60)]
    halves = [words[:40], words[20:], words[:50], words[10:]]

    outcomes = run_together([insist(partial(add_words, owner, "anna", some)) for some in halves])

    done = [row_id for one in outcomes if isinstance(one, Outcome) for _, row_id in one.done]
    assert [one for one in outcomes if isinstance(one, Exception)] == []
    assert len(done) == len(set(done)) == len(words_of(owner)) == 60
