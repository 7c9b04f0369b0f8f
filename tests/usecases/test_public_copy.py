"""What a process remembers of public answers: how much, how long, and in which order it goes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.usecases.cached_answers import Answer, make_answer
from app.usecases.public_copy import PublicCopy

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def answer(result: Any = "x" * 498, *, at: datetime = NOON) -> Answer:
    return make_answer(result, at=at, ttl=60)


def kept(copy: PublicCopy) -> str:
    return "".join(name for name in "abcdef" if copy.get(name, NOON))


def test_it_holds_so_many_bytes_and_those_asked_for_last() -> None:
    copy = PublicCopy(3 * 1024)
    for name in "abc":
        copy.put(name, answer(), changes=copy.changes)
    copy.get("a", NOON)

    copy.put("d", answer(), changes=copy.changes)
    copy.put("e", answer("x" * 4000), changes=copy.changes)

    assert kept(copy) == "acd"
    copy.put("f", answer("x" * 2000), changes=copy.changes)
    assert kept(copy) == "f"


def test_it_holds_nothing_if_it_may_hold_nothing() -> None:
    copy = PublicCopy(0)

    copy.put("a", answer(None), changes=copy.changes)

    assert kept(copy) == ""


def test_it_forgets_with_the_time_of_the_clock() -> None:
    copy = PublicCopy(9999)
    copy.put("a", answer(), changes=copy.changes)

    assert copy.get("a", NOON + timedelta(seconds=59)) is not None
    assert copy.get("a", NOON + timedelta(seconds=60)) is None


def test_what_was_told_can_be_changed_and_the_copy_cannot() -> None:
    copy = PublicCopy(9999)
    copy.put("a", answer({"a": [1]}), changes=copy.changes)
    told = copy.get("a", NOON)
    assert told is not None
    told.result["a"].append(2)

    again = copy.get("a", NOON)

    assert again is not None
    assert (again.result, again.is_copy) == ({"a": [1]}, True)


def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    copy = PublicCopy(9999)
    changes = copy.changes
    copy.delete("a")

    copy.follow("a", answer(), changes=changes)
    assert kept(copy) == ""
    copy.follow("a", answer(), changes=copy.changes)
    assert kept(copy) == "a"
    copy.follow("a", None, changes=copy.changes)
    assert kept(copy) == ""


def test_newer_answer_of_others_takes_the_place_of_the_older_one() -> None:
    copy = PublicCopy(9999)
    copy.put("a", answer("old"), changes=copy.changes)

    copy.follow("a", answer("new", at=NOON + timedelta(seconds=1)), changes=copy.changes)

    told = copy.get("a", NOON)
    assert told is not None
    assert told.result == "new"


def test_of_two_that_write_at_once_none_is_taken_for_the_last() -> None:
    copy = PublicCopy(9999)
    before = copy.changes
    copy.delete("a")

    copy.put("a", answer(), changes=before)

    assert kept(copy) == ""
