"""Devices over HTTP: seen, locked out, and told when their cursor leads nowhere any more."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from app import clock
from app.models import release
from app.usecases.sync.collection import KEPT, collect_tombstones
from tests.factories import make_guest, make_history, make_user
from tests.support.people import Person, document, flaws, person, problem

DEVICES = "/sync/clients"


@pytest.fixture
def user() -> dict[str, Any]:
    return make_user()


@pytest.fixture
def ada(client: FlaskClient, user: dict[str, Any]) -> Person:
    return person(client, user)


def push(who: Person, client_id: str, **further: Any) -> Any:
    mutation = {
        "mutation_id": str(uuid4()),
        "table": "history",
        "op": "upsert",
        "id": str(uuid4()),
        "fields": {"action_type": "A", "payload": {}},
    }
    return who.post("/sync", {"client_id": client_id, "mutations": [mutation], **further})


def test_devices_are_listed_with_what_they_are_known_to_have(
    ada: Person, user: dict[str, Any], client: FlaskClient
) -> None:
    make_history(user["id"])
    first = document(ada.get("/sync", client_id="phone"))
    assert push(ada, "tablet", client_name="Ada's tablet").status_code == 200
    ada.get("/sync", client_id="phone", cursor=first["cursor"])

    page = document(ada.get(DEVICES))
    devices = {one["client_id"]: one for one in page["items"]}

    assert page["next_cursor"] is None
    assert {name: one["name"] for name, one in devices.items()} == {
        "phone": None,
        "tablet": "Ada's tablet",
    }
    assert {name: one["acked_version"] for name, one in devices.items()} == {
        "phone": 1,
        "tablet": 0,
    }
    assert devices["phone"]["revoked_at"] is None
    assert document(person(client).get(DEVICES))["items"] == []


def test_device_that_was_locked_out_neither_pulls_nor_pushes(
    ada: Person, client: FlaskClient
) -> None:
    cursor = document(ada.get("/sync", client_id="phone"))["cursor"]

    assert [ada.delete(f"{DEVICES}/phone").status_code for _ in range(2)] == [204, 204]

    for query in ({}, {"cursor": cursor}):
        refused = ada.get("/sync", client_id="phone", **query)
        assert problem(refused) == (403, "CLIENT_REVOKED")
    assert problem(push(ada, "phone")) == (403, "CLIENT_REVOKED")
    assert document(ada.get("/sync"))["changes"]["history"]["upserted"] == []
    assert push(ada, "tablet").status_code == 200
    assert problem(ada.delete(f"{DEVICES}/laptop")) == (404, "CLIENT_NOT_FOUND")
    assert problem(person(client).delete(f"{DEVICES}/phone")) == (404, "CLIENT_NOT_FOUND")
    assert flaws(ada.delete(f"{DEVICES}/my%20phone")) == {"client_id": "WRONG_FORMAT"}


def test_device_that_missed_collected_deletions_begins_anew(
    ada: Person, user: dict[str, Any]
) -> None:
    action = make_history(user["id"])
    behind = document(ada.get("/sync"))["cursor"]
    ada.delete(f"/history/{action['id']}")
    told = document(ada.get("/sync", cursor=behind))
    assert told["changes"]["history"]["deleted"] == [str(action["id"])]

    later = clock.now() + KEPT + timedelta(minutes=1)
    assert sum(collect_tombstones(later)) == 1
    release()

    refused = ada.get("/sync", cursor=behind)
    assert problem(refused) == (410, "FULL_RESYNC_REQUIRED")
    assert document(refused)["reason"] == "horizon"
    assert problem(push(ada, "phone", cursor=behind)) == (410, "FULL_RESYNC_REQUIRED")
    assert ada.get("/sync", cursor=told["cursor"]).status_code == 200
    anew = document(ada.get("/sync"))
    assert anew["changes"]["history"] == {"upserted": [], "deleted": []}
    assert ada.get("/sync", cursor=anew["cursor"]).status_code == 200


def test_guest_has_devices_too(client: FlaskClient) -> None:
    guest = person(client, make_guest())
    guest.get("/sync", client_id="phone")

    assert [one["client_id"] for one in document(guest.get(DEVICES))["items"]] == ["phone"]
