"""Sign-ins over HTTP: their owner lists and ends them, and nobody else does."""

from typing import Any

from flask.testing import FlaskClient

from tests.factories import make_user
from tests.support.people import Person, document, person, problem

KEYS = {"id", "created_at", "last_used_at", "expires_at", "user_agent", "address", "is_current"}


def listed(who: Person) -> list[dict[str, Any]]:
    page = document(who.get("/auth/sessions"))
    assert page["next_cursor"] is None
    items: list[dict[str, Any]] = page["items"]
    return items


def test_sign_ins_are_listed_without_a_secret(client: FlaskClient) -> None:
    user = make_user()
    me = person(client, user)
    person(client, user)

    items = listed(me)

    assert [item["is_current"] for item in items] == [False, True]
    assert all(item.keys() == KEYS for item in items)
    assert me.access_token.split(".")[1] not in str(items)


def test_one_sign_in_is_ended_by_its_id(client: FlaskClient) -> None:
    user = make_user()
    me, other = person(client, user), person(client, user)
    [target] = [item for item in listed(me) if not item["is_current"]]

    ended = me.delete(f"/auth/sessions/{target['id']}")

    assert (ended.status_code, ended.data) == (204, b"")
    assert problem(other.get("/users/me")) == (401, "TOKEN_INVALID")
    assert len(listed(me)) == 1
    assert problem(me.delete(f"/auth/sessions/{target['id']}")) == (404, "SESSION_NOT_FOUND")


def test_sign_in_of_somebody_else_is_not_found(client: FlaskClient) -> None:
    me, stranger = person(client), person(client)
    [theirs] = listed(stranger)

    assert problem(me.delete(f"/auth/sessions/{theirs['id']}")) == (404, "SESSION_NOT_FOUND")
    assert len(listed(stranger)) == 1


def test_malformed_id_is_told(client: FlaskClient) -> None:
    assert problem(person(client).delete("/auth/sessions/7")) == (422, "INVALID_REQUEST")


def test_all_other_sign_ins_are_ended_at_once(client: FlaskClient) -> None:
    user = make_user()
    me, others = person(client, user), [person(client, user), person(client, user)]

    ended = me.delete("/auth/sessions")

    assert ended.status_code == 204
    assert [item["is_current"] for item in listed(me)] == [True]
    assert all(other.get("/users/me").status_code == 401 for other in others)
