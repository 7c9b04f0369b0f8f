"""The query cache over HTTP: who may read and write what, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.usecases.cached_answers import MAX_RESULT_BYTES, MAX_RESULT_DEPTH
from app.vocabulary import Role
from tests.factories import make_guest, make_user
from tests.support.people import API, Person, document, flaws, person, problem
from tests.support.routes import HASH

PATH = f"/query-cache/{HASH}"
FIELDS = {"result", "scope", "cached_at", "stale_at", "expires_at", "is_stale"}


def put(who: Person, body: Any, scope: str | None = None) -> TestResponse:
    return who._send("PUT", PATH, body, query_string={"scope": scope} if scope else {})


def get_public(client: FlaskClient, **headers: str) -> TestResponse:
    return client.get(f"{API}{PATH}?scope=public", headers=headers)


@pytest.fixture
def maintainer(client: FlaskClient) -> Person:
    return person(client, make_user(role=Role.MAINTAINER))


def test_answer_is_stored_told_replaced_and_forgotten(client: FlaskClient) -> None:
    owner = person(client)

    made = put(owner, {"result": {"a": [1, None]}, "ttl": 60, "fresh_for": 30})
    told = owner.get(PATH)
    replaced = put(owner, {"result": None})
    null = owner.get(PATH)
    gone = [owner.delete(PATH).status_code for _ in range(2)]

    assert (made.status_code, told.status_code, replaced.status_code) == (201, 200, 200)
    assert document(told) == document(made)
    assert document(told).keys() == FIELDS
    assert document(told) | {"result": {"a": [1, None]}, "scope": "user"} == document(told)
    assert document(null)["result"] is None
    assert "X-Cache" not in told.headers
    assert gone == [204, 204]
    assert problem(owner.get(PATH)) == (404, "CACHE_MISS")


def test_answer_becomes_stale_and_expires(client: FlaskClient, maintainer: Person) -> None:
    now = clock.now()
    put(maintainer, {"result": 1, "ttl": 60, "fresh_for": 30}, "public")

    states = []
    for seconds in (29, 31, 61):
        with clock.frozen(now + timedelta(seconds=seconds)):
            answer = get_public(client)
            states.append((answer.status_code, document(answer).get("is_stale")))

    assert states == [(200, False), (200, True), (404, None)]


def test_private_answers_are_told_to_nobody_else(client: FlaskClient, maintainer: Person) -> None:
    owner, guest = person(client), person(client, make_guest())
    put(owner, {"result": "user's"})
    put(guest, {"result": "guest's"})

    for who in (person(client), person(client, make_guest()), maintainer):
        assert problem(who.get(PATH)) == (404, "CACHE_MISS")
        who.delete(PATH)
    assert problem(get_public(client)) == (404, "CACHE_MISS")
    assert problem(client.get(API + PATH)) == (401, "TOKEN_REQUIRED")
    assert problem(client.get(f"{API}{PATH}?scope=user")) == (401, "TOKEN_REQUIRED")
    assert problem(owner.get(PATH, scope="guest")) == (403, "FORBIDDEN")
    assert problem(guest.get(PATH, scope="user")) == (403, "FORBIDDEN")
    assert document(owner.get(PATH, scope="user"))["result"] == "user's"
    assert document(guest.get(PATH))["scope"] == "guest"


def test_public_answers_are_written_by_maintainers_and_read_by_all(
    client: FlaskClient, maintainer: Person
) -> None:
    viewers = [person(client), person(client, make_guest())]

    for viewer in viewers:
        assert problem(put(viewer, {"result": 1}, "public")) == (403, "FORBIDDEN")
    assert put(maintainer, {"result": 2}, "public").status_code == 201
    for viewer in viewers:
        assert problem(viewer._send("DELETE", f"{PATH}?scope=public")) == (403, "FORBIDDEN")
        assert problem(viewer.get(PATH)) == (404, "CACHE_MISS")

    assert document(get_public(client))["result"] == 2
    assert document(get_public(client, Authorization="Bearer nonsense"))["result"] == 2


@pytest.mark.parametrize(
    "query_hash", ["0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 63 + "%0A", "%00" * 64]
)
def test_what_is_no_hash_is_refused(client: FlaskClient, query_hash: str) -> None:
    owner = person(client)

    for method, body in (("GET", None), ("PUT", {"result": 1}), ("DELETE", None)):
        answer = owner._send(method, f"/query-cache/{query_hash}", body)
        assert flaws(answer) == {"hash": "WRONG_FORMAT"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"result": "REQUIRED"}),
        ({"result": 1, "ttl": 0}, {"ttl": "OUT_OF_RANGE"}),
        ({"result": 1, "ttl": 2_592_001}, {"ttl": "OUT_OF_RANGE"}),
        ({"result": 1, "ttl": "60"}, {"ttl": "WRONG_TYPE"}),
        ({"result": 1, "ttl": 60, "fresh_for": 61}, {"": "OUT_OF_RANGE"}),
        ({"result": 1, "fresh_for": -1}, {"fresh_for": "OUT_OF_RANGE"}),
        ({"result": "x" * (MAX_RESULT_BYTES - 1)}, {"result": "TOO_LARGE"}),
        ({"result": [1e300] * 900}, {"result": "TOO_LARGE"}),
        ({"result": 1, "scope": "public"}, {"scope": "UNKNOWN_FIELD"}),
    ],
    ids=str,
)
def test_bad_bodies_are_refused(
    client: FlaskClient, body: dict[str, Any], expected: dict[str, str]
) -> None:
    owner = person(client)

    assert flaws(put(owner, body)) == expected
    assert problem(owner.get(PATH)) == (404, "CACHE_MISS")


def test_result_has_limits_of_size_and_depth(client: FlaskClient) -> None:
    owner = person(client)
    deep: Any = []
    for _ in range(MAX_RESULT_DEPTH - 1):
        deep = [deep]

    assert put(owner, {"result": "x" * (MAX_RESULT_BYTES - 2)}).status_code == 201
    assert put(owner, {"result": deep}).status_code == 200
    assert document(owner.get(PATH))["result"] == deep
    assert flaws(put(owner, {"result": [deep]})) == {"result": "TOO_DEEP"}
    assert flaws(owner._send("GET", f"{PATH}?scope=all")) == {"scope": "NOT_ALLOWED"}
