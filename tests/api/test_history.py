"""Actions over HTTP."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.usecases.history import MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH
from tests.factories import make_history, make_user
from tests.support.people import Person, document, flaws, person, problem, tokens_for
from tests.support.threads import run_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACTION = {"action_type": "TRANSLATE_DOG", "payload": {"text": "wuff", "é🦜": [1, 0.5, None, True]}}


@pytest.fixture
def ada(client: FlaskClient) -> Person:
    return person(client)


def walk(ada: Person, **query: Any) -> list[str]:
    met: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = document(ada.get("/history", **query, **cursor))
        met += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return met
        cursor = {"cursor": page["next_cursor"]}


def test_action_is_stored_and_read_as_it_was_sent(ada: Person) -> None:
    response = ada.post("/history", ACTION)

    action = document(response)
    assert response.status_code == 201
    assert action.keys() == {"id", "action_type", "payload", "created_at", "updated_at", "version"}
    assert action | ACTION == action
    assert UUID(action["id"]).version == 7
    assert action["created_at"] == action["updated_at"]
    assert document(ada.get(f"/history/{action['id']}")) == action


def test_client_may_choose_the_id_and_send_the_action_again(ada: Person) -> None:
    body = {"id": str(uuid4()), **ACTION}

    first, again = ada.post("/history", body), ada.post("/history", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert document(first)["id"] == body["id"]
    assert document(again) == document(first)


def test_id_is_taken_by_another_action(ada: Person) -> None:
    body = {"id": str(uuid4()), **ACTION}
    ada.post("/history", body)

    response = ada.post("/history", body | {"payload": {}})

    assert problem(response) == (409, "ID_TAKEN")


def test_id_of_a_deleted_action_stays_taken(ada: Person) -> None:
    body = {"id": str(uuid4()), **ACTION}
    ada.post("/history", body)
    ada.delete(f"/history/{body['id']}")

    assert problem(ada.post("/history", body)) == (409, "ACTION_DELETED")


def test_equal_actions_at_once_are_one(app: Flask) -> None:
    token = tokens_for(make_user()).access_token
    body = {"id": str(uuid4()), **ACTION}

    responses = run_together(
        [partial(Person(app.test_client(), token).post, "/history", body) for _ in range(5)]
    )

    statuses = sorted(getattr(response, "status_code", 0) for response in responses)
    assert statuses == [200, 200, 200, 200, 201]


def test_action_is_changed_in_place(ada: Person) -> None:
    action = document(ada.post("/history", ACTION))

    changed = document(ada.patch(f"/history/{action['id']}", {"payload": {"new": 1}}))

    assert changed["payload"] == {"new": 1}
    assert changed["action_type"] == action["action_type"]
    assert changed["created_at"] == action["created_at"]
    assert changed["updated_at"] > action["updated_at"]


def test_deleted_action_is_gone(ada: Person) -> None:
    action = document(ada.post("/history", ACTION))
    path = f"/history/{action['id']}"

    response = ada.delete(path)

    assert (response.status_code, response.data) == (204, b"")
    for refused in (ada.get(path), ada.patch(path, {"payload": {}}), ada.delete(path)):
        assert problem(refused) == (404, "HISTORY_NOT_FOUND")
    assert document(ada.get("/history")) == {"items": [], "next_cursor": None}


def test_actions_of_others_do_not_exist(client: FlaskClient, ada: Person) -> None:
    bob = person(client)
    foreign = document(bob.post("/history", ACTION))
    path = f"/history/{foreign['id']}"

    for refused in (ada.get(path), ada.patch(path, {"payload": {}}), ada.delete(path)):
        assert problem(refused) == (404, "HISTORY_NOT_FOUND")
    assert document(ada.get("/history"))["items"] == []
    assert document(bob.get(path)) == foreign
    assert ada.post("/history", {"id": foreign["id"], **ACTION}).status_code == 201


def test_list_is_newest_first_in_pages(ada: Person) -> None:
    ids = [document(ada.post("/history", ACTION))["id"] for _ in range(5)]

    assert walk(ada, limit=2) == ids[::-1]
    assert walk(ada, limit=5) == ids[::-1]
    assert len(document(ada.get("/history"))["items"]) == 5


def test_page_has_twenty_items_unless_told(ada: Person) -> None:
    user_id = UUID(document(ada.get("/users/me"))["id"])
    for _ in range(21):
        make_history(user_id)

    page = document(ada.get("/history"))

    assert len(page["items"]) == 20
    assert page["next_cursor"]


def test_range_includes_both_ends_in_any_zone(ada: Person) -> None:
    user_id = UUID(document(ada.get("/users/me"))["id"])
    ids = []
    for minute in range(4):
        with clock.frozen(NOON + timedelta(minutes=minute)):
            ids.append(str(make_history(user_id, action_type="ABBA"[minute])["id"]))

    utc = {"start_date": "2026-11-20T12:01:00Z", "end_date": "2026-11-20T12:02:00.000000Z"}
    zoned = {"start_date": "2026-11-20T13:01:00+01:00", "end_date": "2026-11-20T07:02:00-05:00"}

    assert walk(ada, **utc) == walk(ada, **zoned) == [ids[2], ids[1]]
    assert walk(ada, action_type="A") == [ids[3], ids[0]]
    assert walk(ada, action_type="B", limit=1, **utc) == [ids[2], ids[1]]
    assert (
        walk(ada, start_date="0001-01-01T00:00:00Z", end_date="9999-12-31T23:59:59.999999Z")
        == (ids[::-1])
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start_date": "2026-11-20T12:00:00"}, "start_date"),
        ({"start_date": "2026-11-20"}, "start_date"),
        ({"end_date": "2026-02-30T12:00:00Z"}, "end_date"),
        ({"end_date": "0001-01-01T00:00:00+14:00"}, "end_date"),
        ({"end_date": "1700000000"}, "end_date"),
        ({"action_type": ""}, "action_type"),
        ({"action_type": "x" * 51}, "action_type"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"page": "2"}, "page"),
    ],
)
def test_bad_query_is_refused(ada: Person, query: dict[str, str], field: str) -> None:
    assert list(flaws(ada.get("/history", **query))) == [field]


def test_cursor_belongs_to_its_filters_and_its_account(client: FlaskClient, ada: Person) -> None:
    for _ in range(2):
        ada.post("/history", ACTION)
    cursor = document(ada.get("/history", limit=1))["next_cursor"]

    assert ada.get("/history", limit=2, cursor=cursor).status_code == 200
    for response in (
        ada.get("/history", limit=1, cursor=cursor, action_type="SHARE"),
        ada.get("/history", limit=1, cursor=cursor, start_date="2026-11-20T12:00:00Z"),
        ada.get("/history", limit=1, cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
        person(client).get("/history", limit=1, cursor=cursor),
    ):
        assert flaws(response) == {"cursor": "INVALID_CURSOR"}


def nested(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels - 1):
        document = {"a": document}
    return document


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"id": "x"}, "id", "INVALID_ID"),
        ({"id": 1}, "id", "INVALID_ID"),
        ({"action_type": ""}, "action_type", "TOO_SHORT"),
        ({"action_type": " "}, "action_type", "WRONG_FORMAT"),
        ({"action_type": "\u00a0\t"}, "action_type", "WRONG_FORMAT"),
        ({"action_type": "x" * 51}, "action_type", "TOO_LONG"),
        ({"action_type": None}, "action_type", "WRONG_TYPE"),
        ({"action_type": 5}, "action_type", "WRONG_TYPE"),
        ({"payload": None}, "payload", "WRONG_TYPE"),
        ({"payload": []}, "payload", "WRONG_TYPE"),
        ({"payload": "{}"}, "payload", "WRONG_TYPE"),
        ({"payload": {"a": "x" * MAX_PAYLOAD_BYTES}}, "payload", "TOO_LARGE"),
        ({"payload": {"a": [1e300] * 300}}, "payload", "TOO_LARGE"),
        ({"payload": nested(MAX_PAYLOAD_DEPTH + 1)}, "payload", "TOO_DEEP"),
        ({"payload": {"a": 2**63}}, "payload.a", "OUT_OF_RANGE"),
        ({"payload": {"a": "\u0000"}}, "payload.a", "NUL_CHARACTER"),
        ({"payload": {"a": "\ud800"}}, "payload.a", "LONE_SURROGATE"),
        ({"user_id": str(uuid4())}, "user_id", "UNKNOWN_FIELD"),
        ({"created_at": "2026-11-20T12:00:00Z"}, "created_at", "UNKNOWN_FIELD"),
        ({"version": 1}, "version", "UNKNOWN_FIELD"),
    ],
)
def test_bad_action_is_refused_and_not_stored(
    ada: Person, changes: dict[str, Any], field: str, code: str
) -> None:
    response = ada.post("/history", ACTION | changes)

    assert flaws(response) == {field: code}
    assert document(ada.get("/history"))["items"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, ""),
        ({"action_type": None}, "action_type"),
        ({"payload": None}, "payload"),
        ({"id": str(uuid4())}, "id"),
        ({"is_deleted": True}, "is_deleted"),
        ({"payload": {"a": "x" * MAX_PAYLOAD_BYTES}}, "payload"),
    ],
)
def test_bad_change_is_refused(ada: Person, changes: dict[str, Any], field: str) -> None:
    action = document(ada.post("/history", ACTION))

    assert list(flaws(ada.patch(f"/history/{action['id']}", changes))) == [field]

    assert document(ada.get(f"/history/{action['id']}")) == action


def test_malformed_id_is_refused(ada: Person) -> None:
    for action_id in ("1", "x" * 36, f"{uuid4()}0", uuid4().hex, f"{{{uuid4()}}}"):
        assert flaws(ada.get(f"/history/{action_id}")) == {"id": "INVALID_ID"}


@pytest.mark.parametrize(
    "value",
    [0, -0.0, 1.5, 1e15, 1e22, 5e-324, 1.7976931348623157e308, 2**63 - 1, -(2**63), 0.1, 1e-7],
)
def test_number_comes_back_as_it_was_sent(ada: Person, value: float) -> None:
    response = ada.post("/history", {"action_type": "N", "payload": {"n": value}})

    assert document(response)["payload"]["n"] == value


@pytest.mark.parametrize("text", ["'; DROP TABLE users; --", '\\"', "%s %(x)s ?", "\u2028.", "🦜é"])
def test_text_comes_back_as_it_was_sent(ada: Person, text: str) -> None:
    body = {"action_type": text, "payload": {text: text}}

    action = document(ada.post("/history", body))

    assert action["payload"] == {text: text}
    assert walk(ada, action_type=text) == [action["id"]]
