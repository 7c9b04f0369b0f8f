"""One's own account over HTTP."""

import pytest
from flask.testing import FlaskClient

from app.models import get_db
from tests.factories import make_admin, make_user
from tests.support.people import (
    Person,
    document,
    flaws,
    login,
    person,
    problem,
    register,
    tokens_for,
)


def test_owner_sees_the_account_without_its_password(client: FlaskClient) -> None:
    user = make_user(full_name="Ada")

    answer = document(person(client, user).get("/users/me"))

    assert answer["id"] == str(user["id"])
    assert answer["full_name"] == "Ada"
    assert "password_hash" not in answer
    assert "email_key" not in answer


def test_owner_changes_the_name_and_can_take_it_away(client: FlaskClient) -> None:
    ada = person(client, make_user(full_name="Ada"))
    before = document(ada.get("/users/me"))

    changed = document(ada.patch("/users/me", {"full_name": "Ada King"}))
    emptied = document(ada.patch("/users/me", {"full_name": None}))

    assert changed["full_name"] == "Ada King"
    assert changed["updated_at"] > before["updated_at"]
    assert changed["created_at"] == before["created_at"]
    assert emptied["full_name"] is None
    assert document(ada.get("/users/me")) == emptied


@pytest.mark.parametrize(
    "column",
    ["id", "email", "email_key", "password_hash", "role", "user_type", "is_active", "is_deleted"],
)
def test_owner_cannot_change_anything_else(client: FlaskClient, column: str) -> None:
    ada = person(client)
    before = document(ada.get("/users/me"))

    assert flaws(ada.patch("/users/me", {column: None})) == {column: "UNKNOWN_FIELD"}

    assert document(ada.get("/users/me")) == before


def test_change_of_nothing_is_refused(client: FlaskClient) -> None:
    response = person(client).patch("/users/me", {})

    assert flaws(response) == {"": "NO_FIELDS"}


def test_deletion_is_soft_ends_all_sessions_and_keeps_the_email_taken(client: FlaskClient) -> None:
    user = make_user(email="ada@example.com")
    here, elsewhere = person(client, user), person(client, user)

    response = here.delete("/users/me")

    assert (response.status_code, response.data) == (204, b"")
    for session in (here, elsewhere):
        assert problem(session.get("/users/me")) == (401, "TOKEN_INVALID")
    assert problem(login(client, email="ada@example.com")) == (401, "INVALID_CREDENTIALS")
    assert problem(register(client, email="ada@example.com")) == (409, "EMAIL_TAKEN")
    assert get_db()(get_db().users.id == user["id"]).one()["is_deleted"] is True


def test_last_administrator_cannot_delete_the_account(client: FlaskClient) -> None:
    admin = make_admin()
    ada = person(client, admin)
    assert problem(ada.delete("/users/me")) == (409, "LAST_ADMIN")

    make_admin()

    assert ada.delete("/users/me").status_code == 204


def test_refresh_token_opens_nothing(client: FlaskClient) -> None:
    pair = tokens_for(make_user())

    response = Person(client, pair.refresh_token).get("/users/me")

    assert problem(response) == (401, "TOKEN_INVALID")
