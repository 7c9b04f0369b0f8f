"""Pushes over HTTP: how changes are read, what is wrong with them, and what devices are told."""

from __future__ import annotations

from typing import Any, get_args
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.api.limits import MAX_PUSH_BYTES
from app.api.schemas.mutations import UPSERTS
from app.api.sync_push import PushResult
from app.models import get_db, list_synced, release
from app.usecases.decisions import Choice, decide
from app.usecases.history import MAX_PAYLOAD_BYTES
from app.usecases.publishing import publish
from app.usecases.sync.merging import Word
from app.usecases.sync.push import MAX_MUTATIONS
from tests.factories import PASSWORD, make_guest, make_user, new_email
from tests.support.people import Person, document, flaws, person, problem, tokens_for
from tests.support.rows import snapshot

ACTION: dict[str, Any] = {"action_type": "A", "payload": {"a": 1}}
DEEP: Any = {"a": 1}
for _ in range(16):
    DEEP = {"a": DEEP}


def upsert(table: str = "history", /, **changes: Any) -> dict[str, Any]:
    change = {"mutation_id": str(uuid4()), "table": table, "op": "upsert", "id": str(uuid4())}
    return change | {"fields": ACTION} | changes


def push(who: Person, *mutations: Any, **envelope: Any) -> Any:
    return who.post("/sync", {"client_id": "phone", "mutations": mutations} | envelope)


def results(who: Person, *mutations: Any, **envelope: Any) -> list[dict[str, Any]]:
    answer = push(who, *mutations, **envelope)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = document(answer)["results"]
    return found


BAD_FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("history", {"action_type": ""}),
    ("history", {"action_type": " "}),
    ("history", {"action_type": "x" * 51}),
    ("history", {"action_type": 1}),
    ("history", {"action_type": None}),
    ("history", {"payload": []}),
    ("history", {"payload": {"a": "x" * MAX_PAYLOAD_BYTES}}),
    ("history", {"payload": DEEP}),
    ("history", {"payload": {"a": "\0"}}),
    ("history", {"payload": {"\ud800": 1}}),
    ("history", {"payload": {"a": [2**63]}}),
    ("history", {}),
    ("profiles", {"display_name": "x" * 101}),
    ("profiles", {"timezone": "Europe/Atlantis"}),
    ("profiles", {"avatar_url": "ftp://example.com"}),
    ("profiles", {"language_preference": "not a language"}),
    ("profiles", {"phone": "x" * 41}),
    ("profiles", {"preferences": None}),
    ("profiles", {"preferences": {"a": "x" * 70_000}}),
]
# What is changed of a good one, what is to blame, and how that is called.
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"table": "users"}, "table", "NOT_ALLOWED"),
    ({"table": ["history"]}, "table", "WRONG_TYPE"),
    ({"table": "user_consents"}, "table", "TABLE_READ_ONLY"),
    ({"op": "insert"}, "op", "NOT_ALLOWED"),
    ({"op": None}, "op", "NOT_ALLOWED"),
    ({"id": "1"}, "id", "INVALID_ID"),
    ({"id": 1}, "id", "INVALID_ID"),
    ({"base_version": -1}, "base_version", "OUT_OF_RANGE"),
    ({"base_version": 2**63}, "base_version", "OUT_OF_RANGE"),
    ({"base_version": "1"}, "base_version", "WRONG_TYPE"),
    ({"base_version": True}, "base_version", "WRONG_TYPE"),
    ({"base_version": 2**62}, "base_version", "VERSION_UNKNOWN"),
    ({"fields": None}, "fields", "WRONG_TYPE"),
    ({"fields": [ACTION]}, "fields", "WRONG_TYPE"),
    ({"fields": {"payload": {}}}, "fields.action_type", "REQUIRED"),
    ({"op": "delete"}, "fields", "NOT_TOGETHER"),
    ({"user_id": str(uuid4())}, "user_id", "UNKNOWN_FIELD"),
    *(
        ({"fields": ACTION | {name: value}}, f"fields.{name}", "UNKNOWN_FIELD")
        for name, value in (
            ("user_id", str(uuid4())),
            ("id", str(uuid4())),
            ("version", 99),
            ("is_deleted", True),
            ("created_at", "2020-01-01T00:00:00Z"),
            ("updated_at", "2020-01-01T00:00:00Z"),
            ("__class__", "x"),
        )
    ),
]
ENVELOPES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"mutations": []}, {"mutations": "TOO_SHORT"}),
    ({"mutations": {}}, {"mutations": "WRONG_TYPE"}),
    ({"mutations": [upsert()] * (MAX_MUTATIONS + 1)}, {"mutations": "TOO_LONG"}),
    ({"mutations": [upsert(), 1]}, {"mutations.1": "INVALID_MUTATION"}),
    ({"mutations": [upsert(mutation_id="a b")]}, {"mutations.0": "INVALID_MUTATION"}),
    ({"mutations": [upsert(mutation_id="a" * 65)]}, {"mutations.0": "INVALID_MUTATION"}),
    ({"mutations": [upsert(mutation_id="1\n")]}, {"mutations.0": "INVALID_MUTATION"}),
    ({"mutations": [{"table": "history"}]}, {"mutations.0": "INVALID_MUTATION"}),
    ({"client_id": "a/b"}, {"client_id": "WRONG_FORMAT"}),
    ({"client_id": "a" * 65}, {"client_id": "WRONG_FORMAT"}),
    ({"client_id": None}, {"client_id": "WRONG_TYPE"}),
    ({"client_name": ""}, {"client_name": "TOO_SHORT"}),
    ({"client_name": "\0"}, {"client_name": "NUL_CHARACTER"}),
    ({"client_name": "\ud800"}, {"client_name": "LONE_SURROGATE"}),
    ({"cursor": "abc"}, {"cursor": "CURSOR_INVALID"}),
    ({"user_id": "me"}, {"user_id": "UNKNOWN_FIELD"}),
]


@pytest.fixture
def user() -> dict[str, Any]:
    return make_user()


@pytest.fixture
def someone(client: FlaskClient, user: dict[str, Any]) -> Person:
    return person(client, user)


def test_every_table_that_can_be_written_is_read_with_exactly_its_columns(app: Flask) -> None:
    del app
    writable = {
        name: set(synced.writable) for name, synced in list_synced().items() if synced.writable
    }
    read = {
        name: set(model.model_fields["fields"].annotation.model_fields)
        for name, model in UPSERTS.items()
    }

    assert read == writable


def test_device_is_told_the_row_that_the_ordinary_endpoint_shows(
    someone: Person, user: dict[str, Any]
) -> None:
    changes = [
        upsert(),
        upsert("profiles", id=str(user["id"]), fields={"display_name": "B", "phone": None}),
    ]

    new, profile = results(someone, *changes)

    assert new == {
        "mutation_id": changes[0]["mutation_id"],
        "verdict": "applied",
        "row": document(someone.get(f"/history/{changes[0]['id']}")),
    }
    assert profile["row"] == {
        "id": str(user["id"]),
        **document(someone.get("/users/me/profile")),
    }
    deleted = {"mutation_id": "gone", "table": "history", "op": "delete", "id": new["row"]["id"]}
    [gone] = results(someone, deleted)
    assert gone["row"] == {"id": new["row"]["id"], "version": 2, "is_deleted": True}
    assert someone.get(f"/history/{new['row']['id']}").status_code == 404


def test_fields_are_refused_as_by_the_ordinary_endpoint(
    someone: Person, user: dict[str, Any]
) -> None:
    action = document(someone.post("/history", ACTION))["id"]
    ids = {"history": action, "profiles": str(user["id"])}
    addresses = {"history": f"/history/{action}", "profiles": "/users/me/profile"}
    errors = [
        document(someone.patch(addresses[table], fields))["errors"] for table, fields in BAD_FIELDS
    ]
    before = snapshot(without=frozenset({"sync_mutations", "sync_clients"}))

    found = results(
        someone, *(upsert(table, id=ids[table], fields=fields) for table, fields in BAD_FIELDS)
    )

    assert [(result["path"], result["code"]) for result in found] == [
        (f"fields.{error['field']}".removesuffix("."), error["code"]) for [error] in errors
    ]
    assert {result["verdict"] for result in found} == {"rejected"}
    assert not any("row" in result for result in found)
    assert snapshot(without=frozenset({"sync_mutations", "sync_clients"})) == before


def test_what_is_wrong_is_rejected_alone(someone: Person) -> None:
    first, last = upsert(), upsert()
    wrong = [upsert(**changes) for changes, _, _ in WRONG]

    begin, *rejected, end = results(someone, first, *wrong, last)

    assert (begin["verdict"], end["verdict"]) == ("applied", "applied")
    assert [(result["verdict"], result["path"], result["code"]) for result in rejected] == [
        ("rejected", path, code) for _, path, code in WRONG
    ]
    db = get_db()
    assert {str(row["id"]) for row in db(db.history.user_id).dicts()} == {first["id"], last["id"]}
    assert results(someone, *wrong) == rejected


def test_example_of_the_description_can_be_pushed(someone: Person) -> None:
    schema = document(someone.client.get("/openapi.json"))["components"]["schemas"]["NewPush"]
    example = schema["properties"]["mutations"]["items"]["example"]

    [result] = results(someone, example)

    assert result["verdict"] == "applied"


def test_envelope_is_refused_as_a_whole(someone: Person) -> None:
    before = snapshot()

    for envelope, flaw in ENVELOPES:
        assert flaws(push(someone, upsert(), **envelope)) == flaw

    assert snapshot() == before


def test_push_may_be_longer_than_other_bodies(someone: Person) -> None:
    long = [upsert(fields=ACTION | {"payload": {"a": "x" * 60_000}}) for _ in range(34)]

    assert [result["verdict"] for result in results(someone, *long)] == ["applied"] * 34
    answer = push(someone, *long, upsert(fields={"payload": {"a": "x" * 60_000}}))
    other = someone.post("/history", ACTION | {"payload": {"a": "x" * MAX_PUSH_BYTES}})

    assert problem(answer) == problem(other) == (413, "BODY_TOO_LARGE")


def test_thousand_changes_are_one_push_and_its_replay_is_the_same_to_the_byte(
    someone: Person,
) -> None:
    changes = [upsert(fields=ACTION | {"payload": {"n": n}}) for n in range(MAX_MUTATIONS)]
    changes[500]["fields"] = {"action_type": 1}

    first, again = push(someone, *changes), push(someone, *changes)

    assert first.status_code == 200
    verdicts = [result["verdict"] for result in document(first)["results"]]
    assert verdicts == ["applied"] * 500 + ["rejected"] + ["applied"] * 499
    assert again.data == first.data


def test_devices_go_on_from_the_cursor_they_are_told(client: FlaskClient, someone: Person) -> None:
    behind = document(someone.get("/sync"))["cursor"]
    someone.post("/history", ACTION)
    cursor = document(someone.get("/sync", cursor=behind))["cursor"]

    pushed = document(push(someone, upsert(), cursor=cursor))
    late = document(push(someone, upsert(), cursor=cursor))

    assert document(someone.get("/sync", cursor=pushed["cursor"]))["changes"]["history"][
        "upserted"
    ] == [late["results"][0]["row"]]
    assert late["cursor"] == cursor
    assert document(push(someone, upsert()))["cursor"] is None
    other = person(client)
    assert problem(push(other, upsert(), cursor=cursor)) == (422, "CURSOR_INVALID")


def test_device_from_before_a_restore_has_to_begin_anew(
    someone: Person, user: dict[str, Any]
) -> None:
    someone.post("/history", ACTION)
    cursor = document(someone.get("/sync"))["cursor"]
    db = get_db()
    db(db.sync_heads.user_id == user["id"]).update(epoch=uuid4())
    before = snapshot()

    answer = push(someone, upsert(), cursor=cursor)

    assert problem(answer) == (410, "FULL_RESYNC_REQUIRED")
    assert document(answer)["reason"] == "epoch"
    assert snapshot() == before


def test_revoked_device_may_not_push(someone: Person, user: dict[str, Any]) -> None:
    push(someone, upsert(), client_name="Phone")
    clients = get_db().sync_clients
    own = get_db()((clients.user_id == user["id"]) & (clients.client_id == "phone"))
    assert own.one()["name"] == "Phone"
    own.update(revoked_at=clock.now())
    release()

    assert problem(push(someone, upsert())) == (403, "CLIENT_REVOKED")
    assert push(someone, upsert(), client_id="tablet").status_code == 200


def test_terms_have_to_be_accepted_to_push_and_not_to_pull(someone: Person) -> None:
    publish("terms", "1", "en", body="Be kind.")

    assert problem(push(someone, upsert())) == (403, "CONSENT_REQUIRED")
    assert someone.get("/sync").status_code == 200


def test_guest_who_registers_goes_on_where_it_was(client: FlaskClient) -> None:
    guest, sent = person(client, make_guest()), upsert()
    first = results(guest, sent)
    cursor = document(guest.get("/sync", client_id="phone"))["cursor"]
    body = {"email": new_email(), "password": PASSWORD}
    token = document(guest.post("/auth/register", body))["access_token"]
    ada = Person(client, token)

    assert results(ada, sent) == first
    pushed = document(push(ada, upsert(), cursor=cursor))
    page = document(ada.get("/sync", client_id="phone", cursor=cursor))["changes"]["history"]

    assert page == {"upserted": [pushed["results"][0]["row"]], "deleted": []}
    assert document(ada.get("/sync", cursor=pushed["cursor"]))["changes"]["history"] == {
        "upserted": [],
        "deleted": [],
    }


def test_what_comes_from_a_claimed_guest_is_news(client: FlaskClient, someone: Person) -> None:
    guest = make_guest()
    decide(guest["id"], Choice(terms_accepted=False, marketing_consent=True))
    cursor = document(someone.get("/sync"))["cursor"]

    claim = someone.post("/credits/claim", {"guest_token": tokens_for(guest).access_token})
    changes = document(someone.get("/sync", cursor=cursor))["changes"]

    assert document(claim)["moved"]["consents"] == 1
    assert [row["marketing_consent"] for row in changes["user_consents"]["upserted"]] == [True]


def test_both_methods_of_the_address_are_described(client: FlaskClient) -> None:
    description = document(client.get("/openapi.json"))
    item = description["paths"]["/api/v1/sync"]

    assert set(item) == {"get", "post"}
    assert "Idempotency-Key" not in [one["name"] for one in item["post"].get("parameters", [])]
    shown = description["components"]["schemas"][PushResult.__name__]["properties"]["verdict"]
    assert shown["enum"] == list(get_args(Word))
