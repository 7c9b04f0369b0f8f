"""Preferences, value by value, and the accounts that have some of them."""

import json
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.models import create_profile, get_database, get_db, list_users, update_profile
from tests.bilayer.migrate.project import only
from tests.factories import make_admin, make_user
from tests.support.people import API, Person, document, flaws, person, problem

PATH = "/users/me/profile/preferences"
PREFERENCES: dict[str, Any] = {
    "notification_settings": {"email": True, "push": None},
    "tags": ["a", {"b": 1.5}],
    "a/b": {"m~n": "slash"},
    "x.y": "dot",
    "": "nothing",
    "0": "zero",
}


PLACES: dict[str, Any] = {
    "": PREFERENCES,
    "/notification_settings/email": True,
    "/notification_settings/push": None,
    "/tags/0": "a",
    "/tags/1/b": 1.5,
    "/a~1b/m~0n": "slash",
    "/x.y": "dot",
    "/": "nothing",
    "/0": "zero",
}
EMPTY_PLACES = ["/missing", "/tags/2", "/tags/-", "/tags/00", "/x.y/0", "/x/y", "/tags/" + "9" * 99]


def read(person: Person, pointer: str) -> TestResponse:
    headers = {"Authorization": f"Bearer {person.access_token}"}
    return person.client.get(API + PATH, query_string={"path": pointer}, headers=headers)


def test_each_value_is_read_by_its_pointer(client: FlaskClient) -> None:
    ada = person(client)
    ada.get("/users/me/profile")
    ada.patch("/users/me/profile", {"display_name": "Ada"})
    db, user_id = get_db(), document(ada.get("/users/me"))["id"]
    # A merge patch could not store a null.
    db(db.profiles.user_id == user_id).update(preferences=PREFERENCES)

    found = {pointer: document(read(ada, pointer)) for pointer in PLACES}
    missing = {pointer: problem(read(ada, pointer)) for pointer in EMPTY_PLACES}

    assert found == {place: {"path": place, "value": value} for place, value in PLACES.items()}
    assert missing == dict.fromkeys(EMPTY_PLACES, (404, "PREFERENCE_NOT_FOUND"))


def test_what_is_no_pointer_is_refused(client: FlaskClient) -> None:
    ada = person(client)

    for pointer in ("a", "/~", "/a~2", "/" + "a" * 500):
        assert flaws(read(ada, pointer)).keys() == {"path"}


def test_preferences_of_a_new_account_are_empty(client: FlaskClient) -> None:
    assert document(person(client).get(PATH)) == {"path": "", "value": {}}


def make_people(*preferences: dict[str, Any]) -> list[str]:
    ids = []
    for some in preferences:
        user = make_user()
        create_profile(user["id"])
        update_profile(user["id"], preferences_patch=some)
        ids.append(str(user["id"]))
    return ids


def test_accounts_are_found_by_what_they_prefer(client: FlaskClient) -> None:
    acme = {"company": "Acme", "marketing_consent": True, "tags": ["a", "b"]}
    first, second, third = make_people(
        acme, {"company": "acme", "marketing_consent": False}, acme | {"company": 5}
    )
    make_user()
    admin = person(client, make_admin())

    def found(**query: Any) -> list[str]:
        return [user["id"] for user in document(admin.get("/users", **query))["items"]]

    assert found(prefers=json.dumps({"marketing_consent": True})) == [third, first]
    assert found(prefers=json.dumps({"tags": ["b"], "company": "Acme"})) == [first]
    assert found(prefers=json.dumps({"marketing_consent": False})) == [second]
    assert found(prefers=json.dumps({"marketing_consent": 1})) == []
    assert found(company="Acme") == [first]
    assert found(company="Acme", prefers=json.dumps({"marketing_consent": False})) == []
    assert found(company="' OR 1=1 --") == []


def test_pages_of_a_filtered_list_hang_together(client: FlaskClient) -> None:
    people = make_people(*[{"company": "Acme"}, {"company": "Other"}] * 3)
    admin = person(client, make_admin())

    first = document(admin.get("/users", company="Acme", limit=2))
    rest = document(admin.get("/users", company="Acme", cursor=first["next_cursor"]))
    elsewhere = admin.get("/users", company="Other", cursor=first["next_cursor"])

    found = [user["id"] for user in first["items"] + rest["items"]]
    assert found == people[4::-2]
    assert problem(elsewhere) == (422, "INVALID_CURSOR")


def test_filter_that_cannot_be_looked_for_is_refused(client: FlaskClient) -> None:
    admin = person(client, make_admin())
    texts = ["", "{}", "[]", "null", "{", '{"a":1,"a":2}', '{"a":NaN}', '{"a\\"b":1}', '{"-a":1}']
    texts += ['{"a":' * 32 + "1" + "}" * 32]  # No column holds as much, so nobody has it.
    texts += ['{"a":{"\\\\":1}}', '{"a":"\\u0000"}', "[" * 40, json.dumps({"a": "b" * 1000})]

    for text in texts:
        assert flaws(admin.get("/users", prefers=text)).keys() == {"prefers"}, text


@only("postgresql")
@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        ("ix_profiles_preferences", {"prefers": {"marketing_consent": True, "seat": 7}}),
        ("ix_profiles_company", {"company": "Acme 7"}),
    ],
)
@pytest.mark.usefixtures("app")
def test_postgresql_answers_both_filters_by_an_index(index: str, wanted: dict[str, Any]) -> None:
    db = get_db()
    people = [uuid4() for _ in range(1000)]
    db.users.insert_many(
        {"id": user_id, "user_type": "guest", "full_name": str(number)}
        for number, user_id in enumerate(people)
    )
    more = {"marketing_consent": True, "filler": [token_hex(400)]}
    db.profiles.insert_many(
        {"user_id": user_id, "preferences": more | {"company": f"Acme {number}", "seat": number}}
        for number, user_id in enumerate(people)
    )
    adapter = get_database()._adapter
    adapter.run("ANALYZE profiles, users")
    sent: list[tuple[str, Any]] = []
    send = adapter.send

    def listening(cursor: Any, sql: str, parameters: Any) -> Any:
        sent.append((sql, parameters))
        return send(cursor, sql, parameters)

    adapter.send = listening
    try:
        found = list_users(limit=21, **wanted)
    finally:
        adapter.send = send

    [(sql, parameters)] = [one for one in sent if one[0].startswith("SELECT")]
    plan = "\n".join(str(row[0]) for row in adapter.rows(f"EXPLAIN {sql}", parameters))
    assert [user["full_name"] for user in found] == ["7"]
    assert index in plan, plan
