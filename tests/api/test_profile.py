"""One's own profile over HTTP."""

from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.usecases.profiles import MAX_PREFERENCES_BYTES
from tests.factories import make_user
from tests.support.people import Person, document, flaws, person, tokens_for
from tests.support.threads import run_together

PATH = "/users/me/profile"
EMPTY: dict[str, Any] = {
    "display_name": None,
    "avatar_url": None,
    "first_name": None,
    "last_name": None,
    "phone": None,
    "timezone": None,
    "language_preference": None,
    "preferences": {},
}
FULL: dict[str, Any] = {
    "display_name": "Ada 🦜",
    "avatar_url": "https://example.com/ada.png?size=2",
    "first_name": "Ada",
    "last_name": "King",
    "phone": "+44 20 7946 0000",
    "timezone": "America/Argentina/Buenos_Aires",
    "language_preference": "zh-Hant-TW",
    "preferences": {"theme": {"dark": True}, "tags": ["a", None], "volume": 0.5},
}


def test_new_profile_is_empty(client: FlaskClient) -> None:
    answer = document(person(client).get(PATH))

    assert answer.keys() == EMPTY.keys() | {"updated_at", "version"}
    assert {name: answer[name] for name in EMPTY} == EMPTY
    assert answer["updated_at"].endswith("Z")


def test_every_field_can_be_set_and_emptied(client: FlaskClient) -> None:
    ada = person(client)

    full = document(ada.patch(PATH, FULL))
    nothing = dict.fromkeys(FULL) | {"preferences": dict.fromkeys(FULL["preferences"])}
    empty = document(ada.patch(PATH, nothing))

    assert {name: full[name] for name in FULL} == FULL
    assert {name: empty[name] for name in EMPTY} == EMPTY
    assert document(ada.get(PATH)) == empty


def test_fields_that_are_absent_stay(client: FlaskClient) -> None:
    ada = person(client)
    ada.patch(PATH, FULL)

    answer = document(ada.patch(PATH, {"phone": None, "preferences": {"theme": {"dark": None}}}))

    expected = FULL | {"phone": None, "preferences": FULL["preferences"] | {"theme": {}}}
    assert {name: answer[name] for name in FULL} == expected


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"preferences": None}, "WRONG_TYPE"),
        ({"preferences": []}, "WRONG_TYPE"),
        ({"preferences": "{}"}, "WRONG_TYPE"),
        ({"preferences": {"a": "x" * MAX_PREFERENCES_BYTES}}, "TOO_LARGE"),
        ({"preferences": {"a": 2**63}}, "OUT_OF_RANGE"),
        ({"preferences": {"\u0000": 1}}, "NUL_CHARACTER"),
        ({"display_name": "x" * 101}, "TOO_LONG"),
        ({"display_name": 5}, "WRONG_TYPE"),
        ({"avatar_url": "javascript:alert(1)"}, "INVALID_URL"),
        ({"avatar_url": "https://" + "x" * 2041}, "TOO_LONG"),
        ({"first_name": ["Ada"]}, "WRONG_TYPE"),
        ({"last_name": True}, "WRONG_TYPE"),
        ({"phone": "1" * 41}, "TOO_LONG"),
        ({"timezone": "not a zone"}, "INVALID_TIMEZONE"),
        ({"timezone": "Mars/Base"}, "INVALID_TIMEZONE"),
        ({"timezone": ""}, "INVALID_TIMEZONE"),
        ({"display_name": " "}, "WRONG_FORMAT"),
        ({"phone": "\t"}, "WRONG_FORMAT"),
        ({"language_preference": "english!"}, "WRONG_FORMAT"),
        ({"user_id": None}, "UNKNOWN_FIELD"),
        ({"updated_at": None}, "UNKNOWN_FIELD"),
        ({"version": 7}, "UNKNOWN_FIELD"),
        ({}, "NO_FIELDS"),
    ],
)
def test_bad_change_is_refused_and_changes_nothing(
    client: FlaskClient, changes: dict[str, object], code: str
) -> None:
    ada = person(client)
    before = document(ada.patch(PATH, FULL))

    found = flaws(ada.patch(PATH, changes))

    assert list(found.values()) == [code]
    assert document(ada.get(PATH)) == before


@pytest.mark.parametrize(
    "url",
    [
        'http://"><script>',
        "http://",
        "https:///path",
        "http://user:secret@example.com/",
        "http://example.com:99999/",
        "http://example.com:0/",
        "http://[::g]/",
        "http://-x.example.com/",
        "http://example..com/",
        "http://example.com/a b",
        'http://example.com/"',
        "http://example.com/%zz",
        "http://example.com/\n",
        "http://example.com/\u00e9",
        "//example.com/a.png",
        "ftp://example.com/a.png",
    ],
)
def test_avatar_is_a_well_formed_address_of_the_web(client: FlaskClient, url: str) -> None:
    assert flaws(person(client).patch(PATH, {"avatar_url": url})) == {"avatar_url": "INVALID_URL"}


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "https://a.example.com./%C3%A9/~b;c=1,2/?q=",
        "https://192.0.2.1/a@b:c?d=/?#e?f",
        "http://[2001:db8::1]:443/a'b(c)!*",
    ],
)
def test_avatar_may_be_any_such_address(client: FlaskClient, url: str) -> None:
    assert document(person(client).patch(PATH, {"avatar_url": url}))["avatar_url"] == url


def test_clients_that_change_different_preferences_at_once_all_win(app: Flask) -> None:
    token = tokens_for(make_user()).access_token

    def change(key: str) -> TestResponse:
        return Person(app.test_client(), token).patch(PATH, {"preferences": {key: key}})

    keys = [f"key{n}" for n in range(6)]
    responses = run_together([partial(change, key) for key in keys])

    assert [getattr(response, "status_code", 0) for response in responses] == [200] * 6
    stored = document(Person(app.test_client(), token).get(PATH))["preferences"]
    assert stored == dict(zip(keys, keys, strict=True))
