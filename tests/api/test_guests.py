"""Guests over HTTP: they begin without an account, and keep what they have when they register."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.models import get_db
from app.usecases import rates
from app.usecases.rates import GUEST_LIMIT, REFRESH_LIMIT, claim_guest
from tests.factories import PASSWORD, new_email
from tests.support.people import API, Person, document, login, person, problem, register

HERE = "127.0.0.1"


def begin(client: FlaskClient) -> TestResponse:
    return client.post(f"{API}/auth/guest")


def sign_up(client: FlaskClient, authorization: str, email: str | None = None) -> TestResponse:
    body = {"email": email or new_email(), "password": PASSWORD}
    headers = {"Authorization": authorization}
    return client.post(f"{API}/auth/register", json=body, headers=headers)


def test_guest_is_signed_in_without_saying_anything(client: FlaskClient) -> None:
    answer = begin(client)

    assert answer.status_code == 201
    user = document(answer)["user"]
    assert (user["user_type"], user["email"], user["full_name"]) == ("guest", None, None)
    me = Person(client, document(answer)["access_token"])
    assert document(me.get("/users/me")) == user
    assert me.get("/auth/email").json == {"email": None, "verified_at": None}


def test_guest_says_nothing(client: FlaskClient) -> None:
    answer = client.post(f"{API}/auth/guest", json={"email": "ada@example.com"})

    assert problem(answer) == (400, "BODY_NOT_EXPECTED")


def test_guest_registers_and_keeps_its_history(client: FlaskClient) -> None:
    guest = document(begin(client))
    me = Person(client, guest["access_token"])
    me.post("/history", {"action_type": "TRANSLATE", "payload": {}})

    answer = sign_up(client, f"Bearer {me.access_token}")

    assert answer.status_code == 201
    assert document(answer)["user"]["id"] == guest["user"]["id"]
    assert document(answer)["user"]["user_type"] == "individual"
    registered = Person(client, document(answer)["access_token"])
    assert len(document(registered.get("/history"))["items"]) == 1
    assert problem(me.get("/users/me")) == (401, "TOKEN_INVALID")


def test_registration_whose_answer_was_lost_is_found_out_by_signing_in(client: FlaskClient) -> None:
    guest = document(begin(client))
    email = new_email()
    sign_up(client, f"Bearer {guest['access_token']}", email)

    again = sign_up(client, f"Bearer {guest['access_token']}", email)

    assert problem(again) == (401, "TOKEN_INVALID")
    assert document(login(client, email=email))["user"]["id"] == guest["user"]["id"]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer nonsense", "TOKEN_INVALID"),
        ("Bearer ", "TOKEN_REQUIRED"),
        ("Basic YTpi", "TOKEN_REQUIRED"),
        ("", "TOKEN_REQUIRED"),
    ],
)
def test_token_that_is_not_valid_makes_no_other_account(
    client: FlaskClient, authorization: str, code: str
) -> None:
    assert problem(sign_up(client, authorization)) == (401, code)

    assert get_db()(get_db().users).isempty()


def test_whoever_is_registered_cannot_register(client: FlaskClient) -> None:
    me = person(client)

    answer = sign_up(client, f"Bearer {me.access_token}")

    assert problem(answer) == (409, "ALREADY_REGISTERED")


def test_guest_has_neither_password_nor_email(client: FlaskClient) -> None:
    me = Person(client, document(begin(client))["access_token"])
    passwords = {"current_password": PASSWORD, "new_password": "eleven yellow bicycles"}

    assert problem(me.post("/auth/password", passwords)) == (403, "GUEST_ACCOUNT")
    assert problem(me.post("/auth/email/verification")) == (403, "GUEST_ACCOUNT")


def test_guests_of_one_address_are_counted(client: FlaskClient) -> None:
    with clock.frozen(clock.now()):  # The first lock lasts for a second.
        for _ in range(GUEST_LIMIT.free_attempts):
            claim_guest(HERE)
        assert begin(client).status_code == 201

        refused = begin(client)

    assert problem(refused) == (429, "TOO_MANY_ATTEMPTS")
    assert int(refused.headers["Retry-After"]) > 0
    assert register(client).status_code == 201


def test_renewals_of_one_address_are_counted(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "REFRESH_LIMIT", replace(REFRESH_LIMIT, free_attempts=3))
    body = {"refresh_token": document(begin(client))["refresh_token"]}

    def renew(address: str) -> TestResponse:
        there = {"REMOTE_ADDR": address}
        return client.post(f"{API}/auth/refresh", json=body, environ_overrides=there)

    with clock.frozen(clock.now()):
        statuses = [renew("192.0.2.9").status_code for _ in range(6)]

        # Within the grace the same pair is given again.
        assert statuses == [200, 200, 200, 200, 429, 429]
        assert problem(renew("192.0.2.9")) == (429, "TOO_MANY_ATTEMPTS")
        assert renew("192.0.2.8").status_code == 200
