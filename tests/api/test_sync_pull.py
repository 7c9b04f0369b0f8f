"""Pulling over HTTP: what a device is told, and what it is refused."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.api.signing import SIGNING_KEYS
from app.api.sync_cursor import Place, SyncCursor, read_cursor, write_cursor
from app.errors import Invalid
from app.models import create_profile, delete_history, get_db, release, transaction
from app.usecases.consents import get_standing
from app.usecases.decisions import Choice, decide
from app.usecases.sync.clients import revoke_client
from app.usecases.sync.pull import MAX_PAGE_BYTES
from tests.factories import make_guest, make_history, make_user
from tests.support.people import API, Person, document, flaws, person, problem

CURSORS = [
    SyncCursor(uuid4(), 0),
    SyncCursor(uuid4(), 2**62, origin=2**62),
    SyncCursor(uuid4(), 7, place=Place(8, "history", str(uuid4()))),
    SyncCursor(uuid4(), 7, tables=frozenset({"history", "profiles"})),
]

FLAWS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"tables": "history,users"}, {"tables": "NOT_ALLOWED"}),
    ({"tables": "history,"}, {"tables": "WRONG_FORMAT"}),
    ({"tables": ""}, {"tables": "WRONG_FORMAT"}),
    ({"limit": 0}, {"limit": "OUT_OF_RANGE"}),
    ({"limit": 1001}, {"limit": "OUT_OF_RANGE"}),
    ({"since": "yesterday"}, {"since": "INVALID_TIME"}),
    ({"client_id": "my phone"}, {"client_id": "WRONG_FORMAT"}),
    ({"client_id": "x" * 65}, {"client_id": "WRONG_FORMAT"}),
    ({"client_id": "x\n"}, {"client_id": "WRONG_FORMAT"}),
    ({"client_id": "."}, {"client_id": "WRONG_FORMAT"}),
    ({"client_id": ".."}, {"client_id": "WRONG_FORMAT"}),
    ({"cursor": "!"}, {"cursor": "WRONG_FORMAT"}),
    ({"cursor": "A" * 100}, {"cursor": "CURSOR_INVALID"}),
    ({"cursor": "A"}, {"cursor": "CURSOR_INVALID"}),
    ({"cursor": "AAAA", "since": "2026-01-01T00:00:00Z"}, {"": "NOT_TOGETHER"}),
    ({"before": "1"}, {"before": "UNKNOWN_FIELD"}),
]


@pytest.fixture
def user() -> dict[str, Any]:
    return make_user()


@pytest.fixture
def ada(client: FlaskClient, user: dict[str, Any]) -> Iterator[Person]:
    yield person(client, user)
    release()


def asked_again(ada: Person, tag: str, **query: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {ada.access_token}", "If-None-Match": tag}
    return ada.client.get(f"{API}/sync", query_string=query, headers=headers)


def pulled(ada: Person, **query: Any) -> list[dict[str, Any]]:
    pages = [document(ada.get("/sync", **query))]
    while pages[-1]["has_more"]:
        pages.append(document(ada.get("/sync", **query | {"cursor": pages[-1]["cursor"]})))
    return pages


def test_rows_are_as_the_other_endpoints_show_them(ada: Person, user: dict[str, Any]) -> None:
    action = document(ada.get(f"/history/{make_history(user['id'])['id']}"))
    create_profile(user["id"])
    ada.patch("/users/me/profile", {"display_name": "Ada", "preferences": {"theme": "dark"}})
    profile = document(ada.get("/users/me/profile"))
    decide(user["id"], Choice(terms_accepted=False, marketing_consent=True))
    state = get_standing(user["id"]).state
    assert state is not None

    answer = document(ada.get("/sync"))

    changes = answer["changes"]
    account = {"id": str(user["id"])}
    assert changes["history"] == {"upserted": [action], "deleted": []}
    assert changes["profiles"]["upserted"] == [account | profile]
    (consents,) = changes["user_consents"]["upserted"]
    assert consents["id"] == account["id"]
    assert consents["marketing_consent"] is True
    assert consents["version"] == state["version"] == 4
    assert answer.keys() == {"changes", "cursor", "has_more", "server_time"}
    assert answer["has_more"] is False


def test_deleted_rows_are_told_as_ids_to_who_may_have_them(
    ada: Person, user: dict[str, Any]
) -> None:
    action_id = make_history(user["id"])["id"]
    before = document(ada.get("/sync"))
    delete_history(user["id"], action_id)

    after = document(ada.get("/sync", cursor=before["cursor"]))

    assert after["changes"]["history"] == {"upserted": [], "deleted": [str(action_id)]}
    assert document(ada.get("/sync"))["changes"]["history"] == {"upserted": [], "deleted": []}


def test_page_of_large_rows_ends_early(ada: Person, user: dict[str, Any]) -> None:
    with transaction():
        made = {
            str(make_history(user["id"], payload={"text": "x" * 60_000})["id"]) for _ in range(40)
        }

    answers = pulled(ada)

    rows = [row for answer in answers for row in answer["changes"]["history"]["upserted"]]
    sizes = [len(ada.client.application.json.dumps(answer)) for answer in answers]
    assert len(answers) == 2
    assert max(sizes) < MAX_PAGE_BYTES + 1000
    assert sizes[0] > MAX_PAGE_BYTES - 60_500
    assert (len(rows), {row["id"] for row in rows}) == (40, made)


def test_nothing_new_is_304_until_there_is(ada: Person, user: dict[str, Any]) -> None:
    first = ada.get("/sync")
    cursor = document(first)["cursor"]
    second = ada.get("/sync", cursor=cursor)
    tag = second.headers["ETag"]

    same = asked_again(ada, tag, cursor=cursor)
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert asked_again(ada, first.headers["ETag"]).status_code == 304
    assert asked_again(ada, tag, cursor=cursor, limit=7).status_code == 200
    assert asked_again(ada, tag).status_code == 200

    make_history(user["id"])
    new = asked_again(ada, tag, cursor=cursor)
    assert new.status_code == 200
    assert len(document(new)["changes"]["history"]["upserted"]) == 1
    assert new.headers["ETag"] not in (tag, first.headers["ETag"])


def test_nothing_new_of_one_account_is_news_of_another(ada: Person, client: FlaskClient) -> None:
    bob = person(client, make_user())
    seen = ada.get("/sync")
    same = asked_again(ada, seen.headers["ETag"])
    other = asked_again(bob, seen.headers["ETag"])

    assert (same.status_code, other.status_code) == (304, 200)


def test_tables_can_be_chosen_and_stay_chosen(ada: Person, user: dict[str, Any]) -> None:
    make_history(user["id"])
    create_profile(user["id"])
    some = document(ada.get("/sync", tables="user_consents,profiles"))

    assert {name: len(one["upserted"]) for name, one in some["changes"].items()} == {
        "profiles": 1,
        "user_consents": 0,
    }
    for tables in ({}, {"tables": "profiles"}, {"tables": "history,profiles,user_consents"}):
        refused = ada.get("/sync", cursor=some["cursor"], **tables)
        assert problem(refused) == (422, "CURSOR_INVALID")
    again = document(ada.get("/sync", cursor=some["cursor"], tables="profiles,user_consents"))
    assert again["changes"]["profiles"]["upserted"] == []


def test_query_that_cannot_be_meant_is_refused(ada: Person) -> None:
    for query, flaw in FLAWS:
        assert flaws(ada.get("/sync", **query)) == flaw


def test_sum_of_unknown_tables_is_refused(ada: Person) -> None:
    assert flaws(ada.get("/sync/checksum", tables="users")) == {"tables": "NOT_ALLOWED"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"epoch": uuid4()}, "epoch"), ({"version": 9}, "ahead"), ({"version": 0}, "horizon")],
)
def test_cursor_that_leads_nowhere_is_gone(
    ada: Person, app: Flask, user: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    make_history(user["id"])
    text = document(ada.get("/sync"))["cursor"]
    get_db()(get_db().sync_heads.user_id == user["id"]).update(floor=1)
    with app.app_context():
        cursor = write_cursor(user["id"], replace(read_cursor(text, user["id"]), **change))

    answer = ada.get("/sync", cursor=cursor)

    assert problem(answer) == (410, "FULL_RESYNC_REQUIRED")
    assert document(answer)["reason"] == reason
    assert len(document(ada.get("/sync"))["changes"]["history"]["upserted"]) == 1


def test_cursor_belongs_to_one_account(ada: Person, client: FlaskClient) -> None:
    cursor = document(ada.get("/sync"))["cursor"]

    assert problem(person(client).get("/sync", cursor=cursor)) == (422, "CURSOR_INVALID")


@pytest.mark.parametrize("cursor", CURSORS)
def test_cursor_is_read_as_it_was_written_and_never_changed(
    edge: Flask, cursor: SyncCursor
) -> None:
    user_id = uuid4()
    with edge.app_context():
        text = write_cursor(user_id, cursor)
        assert read_cursor(text, user_id) == cursor
        for place in range(len(text) - 1):  # The last character may hold bits that mean nothing.
            changed = "B" if text[place] == "A" else "A"
            with pytest.raises(Invalid):
                read_cursor(text[:place] + changed + text[place + 1 :], user_id)
        for other in (text[:-1], text[:30], text * 2):
            with pytest.raises(Invalid):
                read_cursor(other, user_id)


def test_cursor_outlives_a_change_of_the_key_as_long_as_the_former_one_is_believed(
    edge: Flask,
) -> None:
    user_id = uuid4()
    with edge.app_context():
        edge.config[SIGNING_KEYS] = (b"former",)
        text = write_cursor(user_id, CURSORS[0])
        edge.config[SIGNING_KEYS] = (b"new", b"former")
        assert read_cursor(text, user_id) == CURSORS[0]
        edge.config[SIGNING_KEYS] = (b"new",)
        with pytest.raises(Invalid):
            read_cursor(text, user_id)


def test_time_of_the_server_can_be_sent_in_place_of_a_cursor(
    ada: Person, user: dict[str, Any]
) -> None:
    make_history(user["id"])
    answer = document(ada.get("/sync"))
    later = make_history(user["id"])["id"]

    again = document(ada.get("/sync", since=answer["server_time"]))

    assert str(later) in [row["id"] for row in again["changes"]["history"]["upserted"]]
    assert document(ada.get("/sync", cursor=again["cursor"]))["changes"]["history"] == {
        "upserted": [],
        "deleted": [],
    }


def test_revoked_client_may_not_pull(ada: Person, user: dict[str, Any]) -> None:
    assert ada.get("/sync", client_id="phone").status_code == 200
    revoke_client(user["id"], "phone", at=clock.now())

    assert problem(ada.get("/sync", client_id="phone")) == (403, "CLIENT_REVOKED")
    assert ada.get("/sync", client_id="tablet").status_code == 200


def test_guest_pulls_what_it_did(client: FlaskClient) -> None:
    guest = make_guest()
    action_id = make_history(guest["id"])["id"]

    answer = document(person(client, guest).get("/sync", client_id="phone"))

    assert [row["id"] for row in answer["changes"]["history"]["upserted"]] == [str(action_id)]


def test_device_proves_with_the_sums_that_it_has_the_same(
    ada: Person, user: dict[str, Any]
) -> None:
    actions = [make_history(user["id"])["id"] for _ in range(3)]
    create_profile(user["id"])
    delete_history(user["id"], actions[1])
    (answer,) = pulled(ada)

    sums = document(ada.get("/sync/checksum"))

    for table, changes in answer["changes"].items():
        rows = sorted(changes["upserted"], key=lambda row: str(row["id"]))
        lines = "".join(f"{row['id']}:{row['version']}\n" for row in rows)
        expected = {"count": len(rows), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
        assert sums["tables"][table] == expected
    assert (sums["version"], sums["cursor"]) == (5, answer["cursor"])
    assert document(ada.get("/sync/checksum", tables="profiles"))["tables"].keys() == {"profiles"}
