"""Signing up, in and out over HTTP."""

import re
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.models import get_db, release, update_user
from app.usecases.lockout import GUESS_LIMIT
from app.usecases.rates import SIGN_UP_LIMIT, claim_sign_up
from app.usecases.tokens import make_token
from app.vocabulary import MANAGED_EXTERNALLY
from tests.factories import PASSWORD, make_user
from tests.support.people import (
    API,
    Person,
    document,
    flaws,
    login,
    person,
    problem,
    register,
    tokens_for,
)
from tests.support.threads import run_together

USER_FIELDS = {
    "id",
    "email",
    "full_name",
    "role",
    "user_type",
    "is_active",
    "last_login_at",
    "created_at",
    "updated_at",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def test_registration_answers_with_the_account_and_tokens_that_work(client: FlaskClient) -> None:
    response = register(client, email=" Ada@Example.com ", full_name="Ada")

    answer = document(response)
    user = answer["user"]
    assert response.status_code == 201
    assert answer.keys() == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 900
    assert user.keys() == USER_FIELDS
    assert (user["email"], user["full_name"]) == ("Ada@Example.com", "Ada")
    assert (user["role"], user["user_type"], user["is_active"]) == ("viewer", "individual", True)
    assert user["last_login_at"] is None
    assert TIME.fullmatch(user["created_at"])
    assert TIME.fullmatch(user["updated_at"])
    assert answer["access_token"].startswith(user["id"] + ".")
    assert Person(client, answer["access_token"]).get("/users/me").get_json() == user


def test_name_is_optional(client: FlaskClient) -> None:
    assert document(register(client))["user"]["full_name"] is None
    assert document(register(client, full_name=None))["user"]["full_name"] is None


def test_every_flaw_of_a_registration_is_told_at_once_and_nothing_is_stored(
    client: FlaskClient,
) -> None:
    response = register(client, email="nobody", password="short", full_name=5, role="admin")

    assert flaws(response) == {
        "email": "INVALID_EMAIL",
        "password": "PASSWORD_TOO_SHORT",
        "full_name": "WRONG_TYPE",
        "role": "UNKNOWN_FIELD",
    }
    assert get_db()(get_db().users).isempty()


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"email": "a" * 255 + "@example.com"}, "email", "TOO_LONG"),
        ({"email": None}, "email", "WRONG_TYPE"),
        ({"email": "ada@example.com\u0000"}, "email", "NUL_CHARACTER"),
        ({"password": "x" * 257}, "password", "PASSWORD_TOO_LONG"),
        ({"password": "12345678"}, "password", "PASSWORD_TOO_COMMON"),
        ({"password": 12345678}, "password", "WRONG_TYPE"),
        ({"email": "ada.king@example.com", "password": "Ada.King1"}, "password", None),
        ({"full_name": "x" * 201}, "full_name", "TOO_LONG"),
        ({"full_name": ""}, "full_name", "TOO_SHORT"),
        ({"full_name": "  "}, "full_name", "WRONG_FORMAT"),
        ({"is_active": True}, "is_active", "UNKNOWN_FIELD"),
        ({"id": "0190b1a4-7c00-7000-8000-0000000000aa"}, "id", "UNKNOWN_FIELD"),
    ],
)
def test_bad_registration_is_refused(
    client: FlaskClient, changes: dict[str, object], field: str, code: str | None
) -> None:
    found = flaws(register(client, **changes))

    assert found == {field: code or "PASSWORD_TOO_OBVIOUS"}


def test_missing_fields_are_named(client: FlaskClient) -> None:
    response = client.post(f"{API}/auth/register", json={})

    assert flaws(response) == {"email": "REQUIRED", "password": "REQUIRED"}


def test_email_is_taken_once(client: FlaskClient) -> None:
    register(client, email="ada@example.com")

    assert problem(register(client, email="ADA@example.com")) == (409, "EMAIL_TAKEN")


def test_of_many_registrations_of_one_email_at_once_one_succeeds(app: Flask) -> None:
    send = partial(register, email="ada@example.com")

    responses = run_together([partial(send, app.test_client()) for _ in range(5)])

    statuses = sorted(getattr(response, "status_code", 0) for response in responses)
    assert statuses == [201, 409, 409, 409, 409]


def test_registrations_from_one_address_are_limited(client: FlaskClient) -> None:
    register(client, email="ada@example.com")
    with clock.frozen(clock.now()):
        for _ in range(SIGN_UP_LIMIT.free_attempts + 1):
            claim_sign_up("192.0.2.1")
        release()

        response = client.post(
            f"{API}/auth/register",
            json={"email": "ada@example.com", "password": PASSWORD},
            environ_base={"REMOTE_ADDR": "192.0.2.1"},
        )

    assert problem(response) == (429, "TOO_MANY_ATTEMPTS")
    assert response.headers["Retry-After"] == "1"
    assert problem(register(client, email="ada@example.com")) == (409, "EMAIL_TAKEN")


def test_sign_in_gives_new_tokens_and_is_recorded(client: FlaskClient) -> None:
    registered = document(register(client, email="ada@example.com"))

    response = login(client, email="ADA@example.com")

    answer = document(response)
    assert response.status_code == 200
    assert answer["user"]["id"] == registered["user"]["id"]
    assert TIME.fullmatch(answer["user"]["last_login_at"])
    assert answer["access_token"] != registered["access_token"]
    assert Person(client, answer["access_token"]).get("/users/me").status_code == 200


def test_wrong_password_and_unknown_email_have_the_same_answer(client: FlaskClient) -> None:
    make_user(email="ada@example.com")
    make_user(email="external@example.com", password_hash=MANAGED_EXTERNALLY)
    release()

    answers = [
        login(client, email="ada@example.com", password="wrong guess"),
        login(client, email="nobody@example.com", password="wrong guess"),
        login(client, email="external@example.com", password=MANAGED_EXTERNALLY),
    ]

    for answer in answers:
        assert problem(answer) == (401, "INVALID_CREDENTIALS")
        assert set(answer.headers.keys()) == set(answers[0].headers.keys())
        assert document(answer) | {"request_id": ""} == document(answers[0]) | {"request_id": ""}


def test_disabled_account_cannot_sign_in(client: FlaskClient) -> None:
    user = make_user(email="ada@example.com")
    update_user(user["id"], is_active=False)
    release()

    assert problem(login(client, email="ada@example.com")) == (403, "ACCOUNT_DISABLED")


def test_too_many_failures_are_answered_alike_for_known_and_unknown_emails(
    client: FlaskClient,
) -> None:
    make_user(email="known@example.com")
    release()
    answers: dict[str, list[tuple[int, str | None]]] = {}

    with clock.frozen(clock.now()):
        for email in ("known@example.com", "unknown@example.com"):
            for _ in range(GUESS_LIMIT.free_attempts + 2):
                response = login(client, email=email, password="wrong guess")
                answer = (response.status_code, response.headers.get("Retry-After"))
                answers.setdefault(email, []).append(answer)

    expected = [(401, None)] * (GUESS_LIMIT.free_attempts + 1) + [(429, "1")]
    assert answers == {"known@example.com": expected, "unknown@example.com": expected}


def test_email_that_grows_when_its_case_is_folded_is_unknown(client: FlaskClient) -> None:
    response = login(client, email="\ufb03" * 240 + "@example.com")

    assert problem(response) == (401, "INVALID_CREDENTIALS")


def test_credentials_of_a_wrong_form_are_refused(client: FlaskClient) -> None:
    response = client.post(f"{API}/auth/login", json={"email": "", "password": "x" * 1025, "a": 1})

    assert flaws(response) == {"email": "TOO_SHORT", "password": "TOO_LONG", "a": "UNKNOWN_FIELD"}


def test_signing_out_ends_the_tokens_at_once(client: FlaskClient) -> None:
    user = make_user()
    here, elsewhere = tokens_for(user), person(client, user)
    ada = Person(client, here.access_token)

    response = ada.post("/auth/logout")

    assert (response.status_code, response.data) == (204, b"")
    assert problem(ada.get("/users/me")) == (401, "TOKEN_INVALID")
    assert problem(ada.post("/auth/logout")) == (401, "TOKEN_INVALID")
    refreshed = client.post(f"{API}/auth/refresh", json={"refresh_token": here.refresh_token})
    assert problem(refreshed) == (401, "TOKEN_INVALID")
    assert elsewhere.get("/users/me").status_code == 200


def test_refresh_gives_the_next_pair_and_the_same_one_to_whoever_missed_the_answer(
    client: FlaskClient,
) -> None:
    pair = tokens_for(make_user())
    body = {"refresh_token": pair.refresh_token}

    first = client.post(f"{API}/auth/refresh", json=body)
    again = client.post(f"{API}/auth/refresh", json=body)

    assert first.status_code == again.status_code == 200
    assert document(first).keys() == document(register(client)).keys()
    tokens = ("access_token", "refresh_token")
    assert [document(again)[name] for name in tokens] == [document(first)[name] for name in tokens]
    assert Person(client, document(first)["access_token"]).get("/users/me").status_code == 200


def test_reused_refresh_token_ends_the_sign_in(client: FlaskClient) -> None:
    stolen = tokens_for(make_user()).refresh_token
    second = document(client.post(f"{API}/auth/refresh", json={"refresh_token": stolen}))
    body = {"refresh_token": second["refresh_token"]}
    third = document(client.post(f"{API}/auth/refresh", json=body))

    reuse = client.post(f"{API}/auth/refresh", json={"refresh_token": stolen})

    assert problem(reuse) == (401, "TOKEN_REUSED")
    for token in (second["access_token"], third["access_token"]):
        assert problem(Person(client, token).get("/users/me")) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize("token", ["x", "x" * 200, "\u00e9", "a.b"])
def test_forged_refresh_token_is_unauthorized(client: FlaskClient, token: str) -> None:
    response = client.post(f"{API}/auth/refresh", json={"refresh_token": token})

    assert problem(response) == (401, "TOKEN_INVALID")


def test_forged_access_tokens_are_unauthorized(client: FlaskClient) -> None:
    ada, bob = make_user(), make_user()
    tokens = tokens_for(ada)
    forged = [
        "x",
        "' OR 1=1 --",
        make_token(ada["id"]).text,
        tokens.refresh_token,
        f"{bob['id']}.{tokens.access_token.split('.')[1]}",
        tokens.access_token[:-1],
    ]

    for token in forged:
        assert problem(Person(client, token).get("/users/me")) == (401, "TOKEN_INVALID")


def test_address_and_program_of_a_client_are_kept_with_its_session(client: FlaskClient) -> None:
    make_user(email="ada@example.com")
    release()

    client.post(
        f"{API}/auth/login",
        json={"email": "ada@example.com", "password": PASSWORD},
        headers={"User-Agent": "phone/1.0 " + "x" * 500},
        environ_base={"REMOTE_ADDR": "2001:db8::1%eth0"},
    )

    session = get_db()(get_db().sessions).one()
    assert session["address"] == "2001:db8::1"
    assert session["user_agent"].startswith("phone/1.0 x")


@pytest.mark.parametrize("address", ["", "unknown", "unix:"])
def test_client_without_an_address_can_sign_in(client: FlaskClient, address: str) -> None:
    make_user(email="ada@example.com")
    release()

    response = client.post(
        f"{API}/auth/login",
        json={"email": "ada@example.com", "password": PASSWORD},
        environ_base={"REMOTE_ADDR": address},
    )

    assert response.status_code == 200
