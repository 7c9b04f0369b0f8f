"""Pushes on every engine: what is stored, what is told, and that it is told once and for all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from app import clock
from app.dal.connection import get_db
from app.dal.versions import purging
from app.errors import FieldError, Forbidden, Gone
from app.keyset import SyncCursor
from app.models import (
    create_history,
    delete_history,
    get_head,
    get_history_or_deleted,
    get_profile,
    list_clients,
    transaction,
    update_history,
    update_profile,
)
from app.usecases.sync.clients import revoke_client
from app.usecases.sync.merging import Mutation
from app.usecases.sync.push import Change, Push, Pushed, Unreadable, push_changes
from app.usecases.sync.results import MAX_REPLAYED_BYTES, MAX_ROWS_BYTES
from app.usecases.sync.tables import Synced
from tests.factories import make_user
from tests.support.rows import snapshot
from tests.support.statements import sent_statements
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

MOST_STATEMENTS: Final = 36


@pytest.fixture
def user() -> UUID:
    user_id: UUID = make_user()["id"]
    return user_id


def write_row(synced: Synced, row: dict[str, Any]) -> str:
    return json.dumps({name: row[name] for name in synced.shown}, default=str)


def push(
    user_id: UUID, *changes: Change, client: str = "phone", cursor: SyncCursor | None = None
) -> Pushed:
    return push_changes(user_id, Push(client, changes, cursor=cursor), write_row=write_row)


def upsert(row_id: UUID, base: int | None = None, /, *, name: str = "", **fields: Any) -> Mutation:
    return Mutation(name or str(uuid4()), "history", "upsert", row_id, base, fields)


def delete(row_id: UUID, base: int | None = None) -> Mutation:
    return Mutation(str(uuid4()), "history", "delete", row_id, base)


def prefer(user_id: UUID, **fields: Any) -> Mutation:
    return Mutation(str(uuid4()), "profiles", "upsert", user_id, None, fields)


def act(user_id: UUID, **payload: Any) -> dict[str, Any]:
    return create_history(user_id, history_id=uuid4(), action_type="A", payload=payload)


def action(user_id: UUID, row_id: UUID) -> dict[str, Any]:
    row = get_history_or_deleted(user_id, row_id)
    assert row is not None
    return row


def head_of(user_id: UUID) -> int:
    head = get_head(user_id)
    return head["version"] if head else 0


def cursor_of(user_id: UUID) -> SyncCursor:
    head = get_head(user_id)
    assert head is not None
    return SyncCursor(head["epoch"], head["version"])


def told(pushed: Pushed) -> list[tuple[str, str | None]]:
    return [(result["verdict"], result.get("code")) for result in pushed.results]


def test_all_rows_of_a_push_have_one_version_and_are_told_as_they_are(user: UUID) -> None:
    known, new = act(user, a=1), uuid4()
    before = head_of(user)

    pushed = push(
        user,
        upsert(new, action_type="B", payload={"b": [1, 2.5, None]}),
        upsert(known["id"], known["version"], payload={"c": "ü"}),
        prefer(user, display_name="Zoé", preferences={"theme": "dark"}),
    )

    assert told(pushed) == [("applied", None)] * 3
    rows = [action(user, new), action(user, known["id"]), get_profile(user)]
    tables = [get_db()[name].synced for name in ("history", "history", "profiles")]
    assert [result["row"] for result in pushed.results] == [
        json.loads(write_row(synced, row or {})) for synced, row in zip(tables, rows, strict=True)
    ]
    assert {row["version"] for row in rows if row} == {before + 1} == {head_of(user)}


def test_two_clients_change_different_fields_and_both_changes_stay(user: UUID) -> None:
    row = act(user, a=1)

    first = push(user, upsert(row["id"], row["version"], action_type="B"), client="phone")
    second = push(user, upsert(row["id"], row["version"], payload={"b": 2}), client="tablet")

    assert told(first) + told(second) == [("applied", None), ("merged", None)]
    assert second.results[0]["row"]["action_type"] == "B"
    stored = action(user, row["id"])
    assert (stored["action_type"], stored["payload"]) == ("B", {"b": 2})


def test_of_two_changes_of_one_field_the_last_to_arrive_stays_whatever_the_clocks_say(
    user: UUID,
) -> None:
    row = act(user, a=1)
    push(user, upsert(row["id"], row["version"], payload={"at": "2099-01-01T00:00:00Z"}))

    with clock.frozen(clock.now() - timedelta(days=1)):
        pushed = push(user, upsert(row["id"], row["version"], payload={"at": "1999-01-01"}))

    assert told(pushed) == [("merged", None)]
    assert action(user, row["id"])["payload"] == {"at": "1999-01-01"}


def test_deletions_win(user: UUID) -> None:
    row, unknown = act(user), uuid4()
    deleted = push(user, delete(row["id"], row["version"]), client="phone")
    tombstone = {"id": str(row["id"]), "version": head_of(user), "is_deleted": True}

    after = push(
        user,
        upsert(row["id"], row["version"], payload={"b": 2}),
        delete(row["id"]),
        delete(unknown),
        client="tablet",
    )

    assert told(deleted) == [("applied", None)]
    assert told(after) == [("conflict", "ROW_DELETED"), ("applied", None), ("applied", None)]
    assert deleted.results[0]["row"] == tombstone
    assert [result["row"] for result in after.results] == [tombstone, tombstone, None]
    assert head_of(user) == tombstone["version"]


def test_row_that_is_collected_does_not_come_back(user: UUID) -> None:
    row = act(user)
    delete_history(user, row["id"])
    db = get_db()
    with purging():
        db((db.history.user_id == user) & (db.history.id == row["id"])).delete()

    pushed = push(user, upsert(row["id"], row["version"], action_type="B", payload={}))

    assert told(pushed) == [("conflict", "ROW_COLLECTED")]
    assert pushed.results[0]["row"] is None
    assert get_history_or_deleted(user, row["id"]) is None


def test_changes_of_one_row_in_a_push_build_on_each_other(user: UUID) -> None:
    kept, gone = uuid4(), uuid4()
    row = act(user, a=1)

    pushed = push(
        user,
        upsert(kept, 0, action_type="A", payload={}),
        upsert(gone, action_type="A", payload={}),
        upsert(kept, 0, payload={"b": 2}),
        delete(gone),
        upsert(gone, action_type="A", payload={}),
        upsert(row["id"], row["version"], payload={"b": 2}),
        upsert(row["id"], row["version"], action_type="C"),
    )

    assert told(pushed) == [
        *[("applied", None)] * 4,
        ("conflict", "ROW_DELETED"),
        *[("applied", None)] * 2,
    ]
    stored = action(user, row["id"])
    assert action(user, kept)["payload"] == {"b": 2}
    assert action(user, gone)["is_deleted"]
    assert (stored["action_type"], stored["payload"]) == ("C", {"b": 2})


def test_change_that_changes_nothing_takes_no_version(user: UUID) -> None:
    row = act(user, a=1, b={"c": 1.0})
    before = head_of(user)

    pushed = push(user, upsert(row["id"], action_type="A", payload={"b": {"c": 1}, "a": 1}))

    assert told(pushed) == [("applied", None)]
    assert head_of(user) == before


def test_version_that_there_never_was_is_rejected(user: UUID) -> None:
    row = act(user, a=1)

    pushed = push(user, upsert(row["id"], head_of(user) + 1, payload={}), delete(row["id"], 99))

    assert told(pushed) == [("rejected", "VERSION_UNKNOWN")] * 2
    assert action(user, row["id"])["payload"] == {"a": 1}


def test_what_cannot_be_done_stops_nothing_around_it(user: UUID) -> None:
    first, last = uuid4(), uuid4()
    mine: dict[str, Any] = {"action_type": "A", "payload": {}}
    flaw = FieldError("fields.payload", "TOO_LARGE", "Too large.")

    pushed = push(
        user,
        upsert(first, **mine),
        Unreadable("bad", flaw),
        Mutation("unknown", "users", "upsert", user, None, {"role": "admin"}),
        Mutation("read only", "user_consents", "upsert", user, None, {"terms_accepted": True}),
        Mutation("profile", "profiles", "delete", user),
        Mutation("whose", "profiles", "upsert", uuid4(), None, {"display_name": "B"}),
        upsert(uuid4(), action_type="A"),
        upsert(last, **mine),
    )

    assert [(r["verdict"], r.get("path"), r.get("code")) for r in pushed.results] == [
        ("applied", None, None),
        ("rejected", "fields.payload", "TOO_LARGE"),
        ("rejected", "table", "NOT_ALLOWED"),
        ("rejected", "table", "TABLE_READ_ONLY"),
        ("rejected", "op", "NOT_ALLOWED"),
        ("rejected", "id", "NOT_ALLOWED"),
        ("rejected", "fields.payload", "REQUIRED"),
        ("applied", None, None),
    ]
    assert action(user, first)["version"] == action(user, last)["version"] == head_of(user)
    assert all(r["reason"] for r in pushed.results if r["verdict"] == "rejected")


def test_preferences_are_merged_and_the_rest_is_replaced(user: UUID) -> None:
    push(user, prefer(user, first_name="A", preferences={"a": {"x": 1}, "b": None}))
    update_profile(user, preferences_patch={"c": 3})

    merged = push(user, prefer(user, preferences={"a": {"x": None, "y": 2}}))
    rejected = push(user, prefer(user, first_name="B", preferences={"a": "x" * 70_000}))

    profile = get_profile(user)
    assert told(merged) == [("merged", None)]
    assert told(rejected) == [("rejected", "TOO_LARGE")]
    assert profile is not None
    assert (profile["first_name"], profile["preferences"]) == ("A", {"a": {"y": 2}, "c": 3})


def test_change_that_is_sent_again_gets_its_first_verdict(user: UUID) -> None:
    row = act(user, a=1)
    changes = [
        upsert(uuid4(), name="new", action_type="B", payload={"z": 1, "a": {"c": 1e22, "b": -0.0}}),
        upsert(row["id"], row["version"], name="known", payload={"b": 2}),
        upsert(row["id"], 99, name="wrong", payload={"b": 3}),
    ]
    first = push(user, *changes)
    update_history(user, row["id"], action_type="C")
    before = snapshot()

    again = push(user, *changes)
    other = push(user, *(replace(one, fields={"action_type": "D"}) for one in changes))

    assert json.dumps(again.results) == json.dumps(other.results) == json.dumps(first.results)
    assert snapshot() == before
    assert told(push(user, changes[2], client="tablet")) == [("rejected", "VERSION_UNKNOWN")]


def test_change_that_is_twice_in_a_push_is_done_once(user: UUID) -> None:
    row_id = uuid4()
    change = upsert(row_id, name="one", action_type="A", payload={"a": 1})
    other = upsert(row_id, name="one", action_type="B", payload={"b": 2})

    pushed = push(user, change, change, other)

    assert pushed.results == [pushed.results[0]] * 3
    assert action(user, row_id)["payload"] == {"a": 1}


def test_push_that_comes_twice_at_once_happens_once(user: UUID) -> None:
    row = act(user)
    changes = [
        upsert(uuid4(), action_type="A", payload={"a": 1}),
        upsert(row["id"], row["version"], payload={"b": 2}),
        delete(row["id"]),
    ]
    pushes: list[Callable[[], Pushed]] = [partial(push, user, *changes)] * 4

    answers = run_together(pushes)

    assert answers == [answers[0]] * 4
    assert isinstance(answers[0], Pushed)
    assert told(answers[0]) == [("applied", None)] * 3
    assert head_of(user) == row["version"] + 1


def test_push_waits_for_who_writes_and_decides_by_what_is_there_then(user: UUID) -> None:
    row = act(user, a=1)
    has_written, answers = threading.Event(), []

    def push_later() -> None:
        has_written.wait(10)
        answers.append(push(user, upsert(row["id"], row["version"], payload={"b": 2})))

    pushing = threading.Thread(target=push_later)
    pushing.start()
    with transaction():
        update_history(user, row["id"], action_type="B")
        has_written.set()
        pushing.join(0.1)
        assert answers == []
    pushing.join()

    assert told(answers[0]) == [("merged", None)]
    assert action(user, row["id"])["action_type"] == "B"


def test_id_of_another_account_makes_a_row_of_ones_own(user: UUID) -> None:
    other = make_user()["id"]
    theirs = act(other, secret=True)

    pushed = push(
        user,
        upsert(theirs["id"], action_type="B", payload={}),
        prefer(other, display_name="B"),
    )

    assert told(pushed) == [("applied", None), ("rejected", "NOT_ALLOWED")]
    assert action(user, theirs["id"])["action_type"] == "B"
    assert action(other, theirs["id"]) == theirs
    assert get_profile(other) is None


def test_thousand_new_rows_are_a_few_statements(user: UUID) -> None:
    rows = [upsert(uuid4(), action_type="A", payload={"n": n}) for n in range(1000)]

    with sent_statements() as sent:
        pushed = push(user, *rows)
    with sent_statements() as sent_again:
        again = push(user, *rows)
    with sent_statements() as sent_at_last:
        gone = push(user, *(delete(one.id) for one in rows))

    assert told(pushed) == told(gone) == [("applied", None)] * 1000
    rows_told = [result["row"] for result in pushed.results]
    assert all(row["created_at"] <= row["updated_at"] for row in rows_told)
    assert again.results == pushed.results
    assert len(sent) <= MOST_STATEMENTS
    assert len(sent_again) <= MOST_STATEMENTS
    assert len(sent_at_last) <= MOST_STATEMENTS


def test_only_who_knew_everything_before_knows_everything_afterwards(user: UUID) -> None:
    act(user)
    current = cursor_of(user)
    behind = replace(current, version=current.version - 1)

    assert push(user, upsert(uuid4(), action_type="A", payload={})).cursor is None
    assert push(user, delete(uuid4()), cursor=behind).cursor == behind
    current = cursor_of(user)
    pushed = push(user, upsert(uuid4(), action_type="A", payload={}), cursor=current)

    assert pushed.cursor == replace(current, version=current.version + 1) == cursor_of(user)
    assert push(user, delete(uuid4()), cursor=cursor_of(user)).cursor == cursor_of(user)


def test_rows_that_make_the_answer_too_long_have_to_be_pulled(user: UUID) -> None:
    act(user)
    cursor, size = cursor_of(user), 65_000
    count = MAX_ROWS_BYTES // size + 2
    large = [upsert(uuid4(), action_type="A", payload={"a": "x" * size}) for _ in range(count)]

    pushed = push(user, *large, cursor=cursor)

    assert told(pushed) == [("applied", None)] * count
    assert ["row" in result for result in pushed.results] == [True] * (count - 2) + [False] * 2
    assert pushed.cursor == cursor


def test_results_of_many_pushes_that_are_told_again_have_rows_as_far_as_there_is_room(
    user: UUID,
) -> None:
    row, text = uuid4(), "x" * 60_000
    sent = [upsert(row, action_type="A", payload={"a": text})]
    push(user, *sent)
    pushes = [[upsert(row, action_type="A") for _ in range(60)] for _ in range(4)]
    for some in pushes:  # Small changes of one large row.
        push(user, *some)
        sent += some
    last = push(user, *pushes[-1])

    again = push(user, *sent, cursor=cursor_of(user))

    assert all("row" in result for result in last.results)
    assert len(json.dumps(again.results)) < MAX_REPLAYED_BYTES + 100_000
    assert told(again) == [("applied", None)] * len(sent)
    assert [result["mutation_id"] for result in again.results] == [one.mutation_id for one in sent]
    rows = ["row" in result for result in again.results]
    assert rows[0]
    assert not rows[-1]


def test_old_row_that_is_told_again_leads_no_client_on(user: UUID) -> None:
    row, cursor = act(user), cursor_of(user)
    first = upsert(row["id"], action_type="B", payload={})
    push(user, first)
    update_history(user, row["id"], action_type="C")
    current = cursor_of(user)

    pushed = push(user, first, upsert(uuid4(), action_type="A", payload={}), cursor=current)

    assert pushed.results[0]["row"]["action_type"] == "B"
    assert pushed.cursor == current != cursor


def test_cursor_that_is_sent_with_a_push_tells_what_the_client_has(user: UUID) -> None:
    act(user)
    act(user)
    push(user, delete(uuid4()), cursor=cursor_of(user))
    push(user, delete(uuid4()), cursor=replace(cursor_of(user), version=1))
    push(user, upsert(uuid4(), action_type="A", payload={}))

    assert [one["acked_version"] for one in list_clients(user)] == [2]


def test_cursor_of_another_time_stops_the_push(user: UUID) -> None:
    row = act(user, a=1)
    cursor = cursor_of(user)
    before = snapshot()

    for wrong in (replace(cursor, epoch=uuid4()), replace(cursor, version=cursor.version + 1)):
        with pytest.raises(Gone) as refusal:
            push(user, upsert(row["id"], payload={}), cursor=wrong)
        assert refusal.value.code == "FULL_RESYNC_REQUIRED"

    assert snapshot() == before


def test_client_is_noted_and_pushes_until_it_is_revoked(user: UUID) -> None:
    push(user, delete(uuid4()), client="phone")
    clients = get_db().sync_clients
    assert [row["client_id"] for row in get_db()(clients.user_id == user).dicts()] == ["phone"]
    revoke_client(user, "phone", at=clock.now())
    before = snapshot()

    with pytest.raises(Forbidden) as refusal:
        push(user, upsert(uuid4(), action_type="A", payload={}), client="phone")

    assert refusal.value.code == "CLIENT_REVOKED"
    assert snapshot() == before
