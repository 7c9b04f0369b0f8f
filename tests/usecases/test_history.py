"""Actions: stored once, listed once, and only one's own."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import uuid_utils.compat

from app import clock
from app.errors import AppError, Conflict, NotFound
from app.keyset import Position
from app.models import get_db
from app.usecases.history import (
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOAD_DEPTH,
    change_action,
    delete_action,
    find_payload_flaw,
    is_same_json,
    list_history,
    record_action,
    require_action,
)
from tests.factories import make_history, make_user
from tests.support.threads import run_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
database_test = pytest.mark.usefixtures("database")


def record(user_id: UUID, action_id: UUID | None = None, **changes: Any) -> tuple[Any, bool]:
    values = {"action_type": "SHARE", "payload": {"text": "wuff", "n": 1}, **changes}
    return record_action(user_id, action_id=action_id, **values)


def walk(user_id: UUID, limit: int, **filters: Any) -> list[UUID]:
    """Return the ids of every page, as a client meets them."""
    met: list[UUID] = []
    after: Position | None = None
    while page := list_history(user_id, after=after, limit=limit, **filters):
        met += [row["id"] for row in page]
        after = Position(page[-1]["created_at"], page[-1]["id"])
    return met


@database_test
def test_action_is_stored_with_an_id_that_sorts_by_time() -> None:
    user = make_user()

    rows = [record(user["id"])[0] for _ in range(3)]

    ids = [row["id"] for row in rows]
    assert ids == sorted(ids)
    assert all(id_.version == 7 for id_ in ids)
    assert rows[0]["payload"] == {"text": "wuff", "n": 1}


@database_test
def test_same_action_again_is_the_same_row() -> None:
    user, action_id = make_user(), uuid4()
    first, is_new = record(user["id"], action_id)
    assert is_new

    again, is_new = record(user["id"], action_id)

    assert not is_new
    assert again == first


@database_test
def test_same_action_is_recognised_however_an_engine_writes_its_numbers() -> None:
    user, action_id = make_user(), uuid4()
    payload = {"a": 100.0, "b": 1e16, "c": [0.1, -0.0, 2**53 + 1], "d": {"é": None}}
    record(user["id"], action_id, payload=payload)

    _, is_new = record(user["id"], action_id, payload=payload)

    assert not is_new


@database_test
@pytest.mark.parametrize(
    "change",
    [
        {"action_type": "OTHER"},
        {"payload": {"text": "wuff"}},
        {"payload": {"text": "wuff", "n": True}},
    ],
)
def test_other_action_with_the_same_id_is_refused(change: dict[str, Any]) -> None:
    user, action_id = make_user(), uuid4()
    first, _ = record(user["id"], action_id)

    with pytest.raises(Conflict) as refused:
        record(user["id"], action_id, **change)

    assert refused.value.code == "ID_TAKEN"
    assert require_action(user["id"], action_id) == first


@database_test
def test_id_of_a_deleted_action_stays_taken() -> None:
    user, action_id = make_user(), uuid4()
    record(user["id"], action_id)
    delete_action(user["id"], action_id)

    with pytest.raises(Conflict) as refused:
        record(user["id"], action_id)

    assert refused.value.code == "ACTION_DELETED"


@database_test
def test_id_of_one_user_never_collides_with_another_users() -> None:
    ada, bob, action_id = make_user(), make_user(), uuid4()
    record(ada["id"], action_id, action_type="ADAS")

    bobs, is_new = record(bob["id"], action_id, action_type="BOBS")

    assert is_new
    assert bobs["action_type"] == "BOBS"
    assert require_action(ada["id"], action_id)["action_type"] == "ADAS"


@database_test
def test_of_equal_actions_stored_at_once_one_is_new_and_all_are_answered() -> None:
    user, action_id = make_user(), uuid4()

    results = run_together([lambda: record(user["id"], action_id)] * 6)

    assert sorted(result[1] for result in results if isinstance(result, tuple)) == [False] * 5 + [
        True
    ]
    assert get_db()(get_db().history).count() == 1


@database_test
def test_of_different_actions_stored_at_once_under_one_id_one_is_stored() -> None:
    user, action_id = make_user(), uuid4()

    results = run_together(
        [partial(record, user["id"], action_id, payload={"n": n}) for n in range(6)]
    )

    codes = [result.code for result in results if isinstance(result, AppError)]
    assert codes == ["ID_TAKEN"] * 5


@database_test
def test_change_replaces_the_payload_as_a_whole_and_keeps_the_place() -> None:
    user = make_user()
    with clock.frozen(NOON):
        row, _ = record(user["id"])

    with clock.frozen(NOON + timedelta(hours=1)):
        changed = change_action(user["id"], row["id"], payload={"new": True})

    assert changed["payload"] == {"new": True}
    assert changed["action_type"] == row["action_type"]
    assert changed["created_at"] == NOON
    assert changed["updated_at"] == NOON + timedelta(hours=1)


@database_test
def test_actions_of_others_deleted_ones_and_unknown_ones_do_not_exist() -> None:
    ada, bob = make_user(), make_user()
    foreign, _ = record(bob["id"])
    deleted, _ = record(ada["id"])
    delete_action(ada["id"], deleted["id"])

    for action_id in (foreign["id"], deleted["id"], uuid4()):
        attempts: list[Callable[..., object]] = [
            require_action,
            partial(change_action, action_type="X"),
            delete_action,
        ]
        for attempt in attempts:
            with pytest.raises(NotFound):
                attempt(ada["id"], action_id)

    assert require_action(bob["id"], foreign["id"]) == foreign
    assert list_history(ada["id"], limit=10) == []


@database_test
def test_list_is_newest_first_and_ties_are_broken_by_id() -> None:
    user = make_user()
    low, high = sorted([uuid4(), uuid4()])
    make_history(user["id"], id=low, created_at=NOON)
    make_history(user["id"], id=high, created_at=NOON)
    older = make_history(user["id"], created_at=NOON - timedelta(microseconds=1))["id"]
    newer = make_history(user["id"], created_at=NOON + timedelta(microseconds=1))["id"]

    assert walk(user["id"], limit=1) == [newer, high, low, older]
    assert walk(user["id"], limit=3) == [newer, high, low, older]


@database_test
def test_range_includes_both_ends_and_filters_combine() -> None:
    user = make_user()
    ids = []
    for minute, kind in enumerate(["A", "B", "A", "A"]):
        with clock.frozen(NOON + timedelta(minutes=minute)):
            ids.append(make_history(user["id"], action_type=kind)["id"])

    first, last = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)

    assert walk(user["id"], 10, start_date=first, end_date=last) == [ids[2], ids[1]]
    assert walk(user["id"], 10, start_date=last) == [ids[3], ids[2]]
    assert walk(user["id"], 10, end_date=first) == [ids[1], ids[0]]
    assert walk(user["id"], 1, action_type="A") == [ids[3], ids[2], ids[0]]
    assert walk(user["id"], 10, action_type="A", end_date=last) == [ids[2], ids[0]]
    assert walk(user["id"], 10, start_date=last, end_date=first) == []
    assert walk(user["id"], 10, start_date=datetime(1, 1, 1, tzinfo=UTC)) == ids[::-1]
    assert walk(user["id"], 10, end_date=datetime.max.replace(tzinfo=UTC)) == ids[::-1]


@database_test
def test_every_row_that_was_there_is_met_once_while_others_store_more() -> None:
    user, total, late = make_user(), 10_000, timedelta(milliseconds=500)
    rows = [
        {
            "user_id": user["id"],
            "id": uuid_utils.compat.uuid7(),
            "action_type": "OLD",
            "payload": {"n": n},
            "created_at": NOON + timedelta(milliseconds=n // 3),
        }
        for n in range(total)
    ]
    get_db().history.insert_many(rows)
    is_done = threading.Event()

    def keep_storing() -> int:
        """Store rows before, between and after those that are there."""
        stored = 0
        while not is_done.is_set() and stored < 2_000:
            at = NOON + timedelta(milliseconds=stored * 7 % (total // 2)) - late
            make_history(user["id"], action_type="NEW", created_at=at)
            stored += 1
        return stored

    def read_all() -> list[UUID]:
        try:
            return walk(user["id"], limit=20)
        finally:
            is_done.set()

    met, *stored = run_together([read_all, keep_storing, keep_storing])

    assert isinstance(met, list)
    assert all(isinstance(count, int) and count > 0 for count in stored)
    assert len(met) == len(set(met))
    old = {row["id"] for row in rows}
    assert len(old.intersection(met)) == total


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": None}, {}, False),
        ({"a": []}, {"a": {}}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": [{"b": [None]}]}, {"a": [{"b": [None]}]}, True),
        ({"a": 2**53}, {"a": float(2**53)}, True),
        ({"a": 2**53 + 1}, {"a": float(2**53)}, False),
    ],
)
def test_documents_are_the_same_if_they_mean_the_same(
    left: dict[str, Any], right: dict[str, Any], *, is_same: bool
) -> None:
    assert is_same_json(left, right) is is_same
    assert is_same_json(right, left) is is_same


def nested(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels - 1):
        document = {"a": document}
    return document


def test_payload_has_a_largest_size_and_depth() -> None:
    largest = {"text": "x" * (MAX_PAYLOAD_BYTES - len('{"text":""}'))}
    larger = {"text": largest["text"] + "x"}
    wide = {"text": "é" * (MAX_PAYLOAD_BYTES // 2)}

    assert find_payload_flaw(largest) is None
    assert find_payload_flaw(nested(MAX_PAYLOAD_DEPTH)) is None
    assert [getattr(find_payload_flaw(larger), "code", None)] == ["TOO_LARGE"]
    assert [getattr(find_payload_flaw(wide), "code", None)] == ["TOO_LARGE"]
    assert [getattr(find_payload_flaw(nested(MAX_PAYLOAD_DEPTH + 1)), "code", None)] == ["TOO_DEEP"]
    assert [getattr(find_payload_flaw({"a": [[[nested(14)]]]}), "code", None)] == ["TOO_DEEP"]
