"""The audit log over HTTP: what requests leave there, and how administrators read it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from app.models import create_history, release
from tests.factories import PASSWORD, make_admin, make_user
from tests.support.people import Person, document, flaws, person


@pytest.fixture
def admin(client: FlaskClient) -> Person:
    return person(client, make_admin(email="admin@example.com"))


def id_of(someone: Person) -> str:
    identifier: str = document(someone.get("/users/me"))["id"]
    return identifier


def changes(admin: Person, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = document(admin.get("/audit", **query))["items"]
    return items


def test_request_leaves_who_did_it_and_its_id(client: FlaskClient, admin: Person) -> None:
    user = make_user()
    ada = person(client, user)
    sent = ada.post("/history", {"action_type": "A", "payload": {"n": 1}})
    action = document(sent)
    guest = document(client.post("/api/v1/auth/guest"))["user"]["id"]

    [change] = changes(admin, table="history", record=action["id"])
    [born] = changes(admin, table="users", owner=guest)

    assert change["changed_by"] == f"user:{user['id']}"
    assert change["owner"] == str(user["id"])
    assert change["request_id"] == sent.headers["X-Request-ID"]
    assert (change["action"], change["old_value"]) == ("insert", None)
    assert change["new_value"]["payload"] == {"n": 1}
    assert change["new_value"]["created_at"] == action["created_at"]
    assert born["changed_by"] == "system"  # The request before it was somebody's.


def test_administrator_is_told_apart_from_whose_account_they_change(
    client: FlaskClient, admin: Person
) -> None:
    user = make_user()
    release()
    admin.patch(f"/users/{user['id']}", {"role": "maintainer"})

    [change] = changes(admin, owner=user["id"], person=id_of(admin))

    assert change["changed_by"] == f"user:{id_of(admin)}"
    assert (change["old_value"], change["new_value"]) == (
        {"role": "viewer"},
        {"role": "maintainer"},
    )


def test_guest_that_registers_did_it_as_a_guest(client: FlaskClient, admin: Person) -> None:
    guest = document(client.post("/api/v1/auth/guest"))
    body = {"email": "bob@example.com", "password": PASSWORD}
    Person(client, guest["access_token"]).post("/auth/register", body)

    change = changes(admin, table="users", owner=guest["user"]["id"], action="update")[0]

    assert change["changed_by"] == f"guest:{guest['user']['id']}"
    assert "$hidden" in change["new_value"]
    assert "argon2" not in str(change)


def test_list_is_paged_from_the_newest_and_filtered(admin: Person) -> None:
    owner: UUID = make_user()["id"]
    ids = [uuid4() for _ in range(5)]
    for number in ids:
        create_history(owner, history_id=number, action_type="A", payload={})
    release()
    met: list[str] = []
    cursor: dict[str, str] = {}

    while True:
        page = document(admin.get("/audit", owner=owner, table="history", limit=2, **cursor))
        met += [item["record"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert met == [str(number) for number in ids[::-1]]
    middle = changes(admin, table="history", record=ids[2])[0]["changed_at"]
    before = changes(admin, owner=owner, table="history", end_date=middle)
    since = changes(admin, owner=owner, table="history", start_date=middle)
    assert [item["record"] for item in before] == met[2:]
    assert [item["record"] for item in since] == met[:3]
    assert changes(admin, owner=owner, action="delete") == []


def test_record_needs_its_table(admin: Person) -> None:
    assert flaws(admin.get("/audit", record="x")) == {"record": "NOT_ALONE"}
