"""Versions of synced rows: one a transaction, in the order of the commits, on every write."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import clock
from app.dal.connection import get_db
from app.dal.versions import purging
from app.models import (
    create_consents,
    create_history,
    create_profile,
    delete_history,
    get_head,
    get_history_or_deleted,
    get_profile,
    transaction,
    update_consents,
    update_history,
    update_profile,
)
from bilayer.runtime import Database, UnsupportedDefinition
from bilayer.runtime.errors import SerializationFailure
from tests.factories import make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def user() -> UUID:
    user_id: UUID = make_user()["id"]
    return user_id


def add(user_id: UUID) -> dict[str, Any]:
    return create_history(user_id, history_id=uuid4(), action_type="A", payload={})


def head_of(user_id: UUID) -> int:
    head = get_head(user_id)
    return head["version"] if head else 0


def test_each_transaction_has_the_next_version_and_all_its_rows_have_it(user: UUID) -> None:
    start = head_of(user)
    first = add(user)
    with transaction():
        second, third = add(user), add(user)
        update_history(user, first["id"], action_type="B")
    changed = get_history_or_deleted(user, first["id"])

    assert first["version"] == start + 1
    assert changed is not None
    assert [row["version"] for row in (second, third, changed)] == [start + 2] * 3
    assert head_of(user) == start + 2


def test_every_kind_of_write_is_numbered(user: UUID) -> None:
    action = add(user)
    seen = [head_of(user)]
    for write in (
        lambda: delete_history(user, action["id"]),
        lambda: create_profile(user),
        lambda: update_profile(user, preferences_patch={"a": 1}),
        lambda: create_consents(user, timestamp=NOON, updated_at=NOON),
        lambda: update_consents(user, marketing_consent=True),
    ):
        write()
        seen.append(head_of(user))

    assert seen == list(range(seen[0], seen[0] + 6))
    profile, consents = get_profile(user), get_db().user_consents(user)
    assert profile is not None
    assert (profile["version"], consents["version"]) == (seen[3], seen[5])


def test_accounts_are_numbered_apart(user: UUID) -> None:
    other = make_user()["id"]
    before = head_of(other)
    add(user)

    assert head_of(other) == before


def test_version_that_is_rolled_back_is_given_again(user: UUID) -> None:
    add(user)
    before = head_of(user)
    with pytest.raises(LookupError), transaction():
        add(user)
        raise LookupError

    with transaction():
        with pytest.raises(LookupError), transaction():
            add(user)
            raise LookupError
        row = add(user)

    assert row["version"] == head_of(user) == before + 1


def test_time_goes_on_with_each_version_of_an_account(user: UUID) -> None:
    with clock.frozen(NOON):
        before = add(user)
    with clock.frozen(NOON - timedelta(hours=1)):
        after, other = add(user), add(make_user()["id"])

    assert before["updated_at"] == before["created_at"] == NOON
    assert after["updated_at"] == after["created_at"] == NOON + timedelta(microseconds=1)
    assert other["updated_at"] == NOON - timedelta(hours=1)
    assert after["version"] == before["version"] + 1


def test_write_that_names_no_owner_is_refused(user: UUID) -> None:
    action = add(user)
    db = get_db()

    with pytest.raises(UnsupportedDefinition, match="user_id"):
        db(db.history.id == action["id"]).update(action_type="B")


def test_synced_rows_are_removed_only_where_no_device_needs_to_hear_of_it(user: UUID) -> None:
    add(user)
    db = get_db()

    with pytest.raises(UnsupportedDefinition, match="marked as deleted"):
        db(db.history.user_id == user).delete()
    with purging():
        assert db(db.history.user_id == user).delete() == 1


def test_who_writes_first_is_alone_until_the_commit(user: UUID) -> None:
    add(user)
    before = head_of(user)
    has_written, is_free = threading.Event(), threading.Event()
    versions: dict[str, int] = {}

    def write_slowly() -> None:
        with transaction():
            versions["first"] = add(user)["version"]
            has_written.set()
            is_free.wait(10)

    def write() -> None:
        has_written.wait(10)
        versions["second"] = add(user)["version"]

    threads = [threading.Thread(target=write_slowly), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    has_written.wait(10)
    assert head_of(user) == before
    is_free.set()
    for thread in threads:
        thread.join()

    assert versions == {"first": before + 1, "second": before + 2}


def test_head_that_is_removed_while_another_makes_it_lets_the_transaction_be_retried(
    user: UUID, engine: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine != "postgresql":
        pytest.skip("elsewhere who finds the head that another made has locked it")
    db, adapter, writer = get_db(), database._adapter, threading.current_thread()
    send = adapter.send

    def remove() -> None:
        db(db.sync_heads.user_id == user).delete()

    def send_between_others(cursor: Any, sql: str, parameters: Any) -> Any:
        if 'INSERT INTO "sync_heads"' not in sql or threading.current_thread() is not writer:
            return send(cursor, sql, parameters)
        run_together([lambda: add(user)])
        answer = send(cursor, sql, parameters)
        run_together([remove])
        return answer

    add(user)  # Makes the epoch, too.
    remove()
    monkeypatch.setattr(adapter, "send", send_between_others)

    with pytest.raises(SerializationFailure):
        add(user)
