"""Devices and the real service: whatever is lost on the way, both sides agree in the end."""

from __future__ import annotations

import pytest

from offline_store import Agreement, Forbidden, Unreachable, WrongAccount
from tests.clients.python.conftest import Backup, Home


def test_two_devices_agree_whatever_is_lost_on_the_way(home: Home) -> None:
    phone, tablet = home.device("phone", page_size=2), home.device("tablet")
    notes = [phone.note(f"note {number}") for number in range(5)]
    phone.wire.losses = ["request", "answer", None, "answer", None, None, "request"]
    tries = 0
    while True:
        tries += 1
        try:
            phone.sync()
        except Unreachable:
            assert set(phone.texts()) == set(notes)
        else:
            break
    tablet.sync()
    tablet.store.change("history", notes[0], payload={"text": "changed on the tablet"})
    phone.store.change("history", notes[0], action_type="CHANGED")
    tablet.store.delete("history", notes[1])
    tablet.sync()
    phone.sync()
    tablet.sync()

    assert tries == 5
    assert phone.texts() == tablet.texts()
    assert phone.texts() == {
        notes[0]: "changed on the tablet",
        **{note: f"note {number}" for number, note in enumerate(notes) if number > 1},
    }
    first = tablet.store.get("history", notes[0])
    assert first is not None
    assert first.fields["action_type"] == "CHANGED"
    assert {one["id"] for one in home.owner.get("/history").json["items"]} == set(phone.texts())
    assert phone.store.verify(phone.wire) is tablet.store.verify(tablet.wire) is Agreement.AGREES


def test_a_change_of_a_deleted_row_is_a_conflict_and_what_is_wrong_is_rejected(home: Home) -> None:
    phone, tablet = home.device("phone"), home.device("tablet")
    note = phone.note("to be deleted")
    phone.sync()
    tablet.sync()
    phone.store.delete("history", note)
    phone.sync()

    tablet.store.change("history", note, payload={"text": "too late"})
    wrong = tablet.store.put("history", {"action_type": "", "payload": {}})
    right = tablet.note("right")
    tablet.sync()

    conflict, rejection = tablet.store.refused()
    assert (conflict.mutation.row_id, conflict.result.code) == (note, "ROW_DELETED")
    assert (rejection.mutation.row_id, rejection.result.path) == (wrong, "fields.action_type")
    assert tablet.texts() == {right: "right"}


def test_the_ordinary_endpoints_and_devices_see_each_other(home: Home) -> None:
    phone = home.device("phone")
    phone.sync()
    user_id = str(home.user["id"])
    home.owner.patch("/users/me/profile", {"display_name": "Ada"})
    phone.sync()
    phone.store.change("profiles", user_id, preferences={"theme": "dark"})
    phone.sync()

    profile = home.owner.get("/users/me/profile").json

    assert (profile["display_name"], profile["preferences"]) == ("Ada", {"theme": "dark"})
    found = phone.store.get("profiles", user_id)
    assert found is not None
    assert found.fields["display_name"] == "Ada"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_nothing_new_costs_an_answer_without_a_body(home: Home) -> None:
    phone = home.device("phone")
    phone.note("one")
    for _ in range(3):
        phone.sync()

    assert phone.wire.answers[-1].status == 304


def test_after_a_restore_a_device_brings_what_it_has_not_seen_come_back(
    home: Home, database_url: str
) -> None:
    phone = home.device("phone")
    kept = phone.note("kept")
    phone.sync()
    backup = Backup(database_url)
    confirmed = phone.note("confirmed, and lost by the service")
    phone.wire.losses = [None, "answer"]
    with pytest.raises(Unreachable):
        phone.sync()
    unsent = phone.note("unsent")
    phone.store.change("history", kept, payload={"text": "changed"})
    backup.put_back()

    report = phone.sync()

    texts = {kept: "changed", confirmed: "confirmed, and lost by the service", unsent: "unsent"}
    assert report.resynced
    assert phone.texts() == texts
    assert {one["id"] for one in home.owner.get("/history").json["items"]} == set(texts)
    assert phone.store.verify(phone.wire) is Agreement.AGREES
    assert (phone.store.pending(), phone.store.refused()) == ([], [])


def test_a_change_of_a_row_that_a_restore_has_lost_is_a_conflict(
    home: Home, database_url: str
) -> None:
    phone = home.device("phone")
    phone.note("kept")
    phone.sync()
    backup = Backup(database_url)
    changed, deleted = phone.note("to be changed"), phone.note("to be deleted")
    phone.sync()
    phone.store.change("history", changed, payload={"text": "changed"})
    phone.store.delete("history", deleted)
    backup.put_back()

    phone.sync()

    [refused] = phone.store.refused()
    assert (refused.mutation.row_id, refused.result.code) == (changed, "ROW_COLLECTED")
    assert list(phone.texts().values()) == ["kept"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_a_revoked_device_is_told_so_and_keeps_what_it_has(home: Home) -> None:
    phone = home.device("phone")
    phone.sync()
    note = phone.note("kept here")
    home.owner.delete("/sync/clients/phone")

    with pytest.raises(Forbidden) as refused:
        phone.sync()

    assert refused.value.code == "CLIENT_REVOKED"
    assert phone.texts() == {note: "kept here"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_what_no_body_may_hold_is_rejected_by_itself(home: Home) -> None:
    phone = home.device("phone")
    deep: object = 1
    for _ in range(60):
        deep = [deep]
    phone.note("before")
    bad = {
        phone.store.put("history", {"action_type": "NOTE", "payload": {"nul": "\0"}}),
        phone.store.put("history", {"action_type": "NOTE", "payload": {"deep": deep}}),
        phone.store.put("history", {"action_type": "NOTE", "payload": {"long": 2**70}}),
    }
    phone.note("after")

    phone.sync()

    assert sorted(phone.texts().values()) == ["after", "before"]
    assert {one.mutation.row_id for one in phone.store.refused()} == bad
    assert {one.result.verdict for one in phone.store.refused()} == {"rejected"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_a_store_that_was_spoilt_heals(home: Home) -> None:
    phone = home.device("phone")
    note = phone.note("one")
    phone.sync()
    phone.store._database.execute("DELETE FROM rows WHERE id = ?", note)

    assert phone.store.verify(phone.wire) is Agreement.HEALED
    assert phone.texts() == {note: "one"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_another_account_gets_nothing_of_this_one(home: Home) -> None:
    phone = home.device("phone")
    phone.sync()
    phone.note("mine")
    stranger = Home(home.app, home._folder, home._closing).owner
    phone.wire._owner = stranger

    with pytest.raises(WrongAccount):
        phone.sync()

    assert len(phone.store.pending()) == 1
    assert stranger.get("/history").json["items"] == []
