"""The store without a network: what is changed is seen at once, and is still there afterwards."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from offline_store import RowNotFound, Store, StoreError
from tests.clients.python.scripted import Script, judged, page, row


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_what_was_put_is_seen_at_once_and_after_a_restart(path: Path) -> None:
    with Store(path) as store:
        made = store.put("history", {"action_type": "NOTE", "payload": {"text": "wuff ♥"}})
        client_id = store.client_id

    with Store(path) as store:
        found = store.get("history", made)
        listed = store.list("history")
        pending = store.pending()

        assert found is not None
        assert (found.fields["payload"], found.version, found.is_pending) == (
            {"text": "wuff ♥"},
            0,
            True,
        )
        assert listed == [found]
        assert [(one.op, one.row_id, one.base_version) for one in pending] == [("upsert", made, 0)]
        assert store.client_id == client_id


def test_changes_and_deletions_lie_on_top_of_each_other(path: Path) -> None:
    with Store(path) as store:
        kept, gone = store.put("history", {"a": 1, "b": 1}), store.put("history", {"a": 2})

        store.change("history", kept, b={"whole": True})
        store.delete("history", gone)

        assert [(one.id, one.fields) for one in store.list("history")] == [
            (kept, {"a": 1, "b": {"whole": True}})
        ]
        assert store.get("history", gone) is None
        assert [one.base_version for one in store.pending()] == [0, 0, None, None]


def test_a_change_to_a_merged_document_is_a_patch(path: Path) -> None:
    profile = row("me", 3, preferences={"theme": "dark", "voice": {"speed": 1}}, phone="1")
    with Store(path) as store:
        store.sync(Script(page("c", profile, table="profiles")))

        store.change("profiles", "me", preferences={"theme": None, "voice": {"pitch": 2}})

        found = store.get("profiles", "me")
        assert found is not None
        assert found.fields == {"preferences": {"voice": {"speed": 1, "pitch": 2}}, "phone": "1"}
        assert (found.version, store.pending()[0].base_version) == (3, 3)


def test_who_changes_what_is_not_there_is_told(path: Path) -> None:
    with Store(path) as store:
        gone = store.put("history", {})
        store.delete("history", gone)

        with pytest.raises(RowNotFound):
            store.change("history", gone, a=1)
        with pytest.raises(RowNotFound):
            store.delete("history", "never")

        assert len(store.pending()) == 2


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (float("nan"), ValueError),
        ("\ud800", ValueError),
        (object(), TypeError),
        ("x" * 2**20, StoreError),
        (nested(101), StoreError),
        (nested(100_000), StoreError),
    ],
)
def test_what_could_never_be_sent_is_refused_when_it_is_put(
    path: Path, value: object, error: type[Exception]
) -> None:
    with Store(path) as store:
        with pytest.raises(error):
            store.put("history", {"payload": value})

        assert store.pending() == []


def test_a_file_stays_with_its_client_and_its_release(path: Path) -> None:
    Store(path, client_id="phone").close()

    with pytest.raises(StoreError, match="another client"):
        Store(path, client_id="tablet")
    with Store(path) as store:
        assert store.client_id == "phone"

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer release"):
        Store(path)


def test_other_tables_are_fetched_from_the_start_and_former_ones_leave(path: Path) -> None:
    with Store(path, tables=["history"]) as store:
        store.sync(Script(page("c1", row("a", 1))))
        store.put("history", {"unsent": True}, "b")
    script = Script(page("c2", row("me", 1), table="profiles"), judged("applied"), page("c3"))

    with Store(path, tables=["profiles"]) as store:
        store.sync(script)

        assert "cursor" not in script.requests[0].query
        assert script.requests[0].query["tables"] == "profiles"
        assert store.list("history") == []
        assert [one.id for one in store.list("profiles")] == ["me"]
