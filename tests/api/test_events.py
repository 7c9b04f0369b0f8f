"""Security events in the log: one for each action and refusal, with ids and nothing personal."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.events import _ADMINISTRATION, _OF_SUCCESS, SecurityEvent
from app.models import get_email_token, release
from app.usecases import credentials
from app.usecases.links import find_secret
from app.vocabulary import MailKind
from tests.factories import PASSWORD, make_admin, make_user
from tests.support.databases import ROOT
from tests.support.people import API, document, login, person, register, tokens_for

Events = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _quick_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "ANSWER_SECONDS", 0.001)


@pytest.fixture
def events(capsys: pytest.CaptureFixture[str]) -> Events:
    """Return the security events written since the last call."""

    def read() -> list[dict[str, Any]]:
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        return [line for line in lines if line.get("category") == "security"]

    return read


def test_signing_up_is_an_event(client: FlaskClient, events: Events) -> None:
    user = document(register(client))["user"]

    (event,) = events()
    assert event["event"] == "account_created"
    assert event["user_id"] == user["id"]
    assert event["request_id"]


def test_signing_in_is_an_event(client: FlaskClient, events: Events) -> None:
    user = make_user()

    login(client, email=user["email"])

    (event,) = events()
    assert (event["event"], event["user_id"]) == ("signed_in", str(user["id"]))
    assert user["email"] not in json.dumps(event)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_failed_sign_in_is_one_event_and_tells_no_account(
    client: FlaskClient, events: Events, is_known: bool
) -> None:
    email = make_user()["email"] if is_known else "nobody@example.com"

    login(client, email=email, password="not the password")

    (event,) = events()
    assert (event["event"], event["level"]) == ("sign_in_failed", "warning")
    assert event["user_id"] is None


def test_a_locked_sign_in_is_an_event(client: FlaskClient, events: Events) -> None:
    for _ in range(7):
        login(client, email="nobody@example.com", password="not the password")

    assert [event["event"] for event in events()][-1] == "sign_in_locked"


def test_a_sign_in_to_a_disabled_account_is_an_event(client: FlaskClient, events: Events) -> None:
    user = make_user()
    person(client, make_admin()).patch(f"/users/{user['id']}", {"is_active": False})
    events()

    login(client, email=user["email"])

    assert [event["event"] for event in events()] == ["sign_in_refused"]


def test_leaving_is_an_event(client: FlaskClient, events: Events) -> None:
    someone = person(client, user := make_user())

    someone.post("/auth/logout")
    someone.post("/auth/logout")

    left, refused = events()
    assert (left["event"], left["user_id"]) == ("signed_out", str(user["id"]))
    assert (refused["event"], refused["code"]) == ("token_refused", "TOKEN_INVALID")


def test_deleting_an_account_is_an_event(client: FlaskClient, events: Events) -> None:
    person(client).delete("/users/me")

    assert [event["event"] for event in events()] == ["account_deleted"]


def test_reuse_of_a_refresh_token_is_an_event(client: FlaskClient, events: Events) -> None:
    body = {"refresh_token": tokens_for(make_user()).refresh_token}
    newer = document(client.post(f"{API}/auth/refresh", json=body))["refresh_token"]
    client.post(f"{API}/auth/refresh", json={"refresh_token": newer})

    client.post(f"{API}/auth/refresh", json=body)

    assert [event["event"] for event in events()] == [
        "token_refreshed",
        "token_refreshed",
        "token_reused",
    ]


def test_webhook_that_is_not_signed_is_an_event(client: FlaskClient, events: Events) -> None:
    client.post(f"{API}/webhooks/stripe", json={})

    (event,) = events()
    assert (event["event"], event["code"]) == ("webhook_refused", "SIGNATURE_REQUIRED")


def test_what_a_role_may_not_do_is_an_event(client: FlaskClient, events: Events) -> None:
    person(client, user := make_user()).get("/users")

    (event,) = events()
    assert (event["event"], event["route"]) == ("access_denied", "/api/v1/users")
    assert event["user_id"] == str(user["id"])


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"role": "maintainer"}, ["role_changed"]),
        ({"is_active": False}, ["account_disabled"]),
        ({"is_active": True, "role": "viewer"}, ["role_changed", "account_enabled"]),
    ],
)
def test_a_change_by_an_administrator_is_an_event(
    client: FlaskClient, events: Events, change: dict[str, Any], names: list[str]
) -> None:
    admin, user = make_admin(), make_user()

    person(client, admin).patch(f"/users/{user['id']}", change)

    written = events()
    assert [event["event"] for event in written] == names
    assert {event["user_id"] for event in written} == {str(admin["id"])}
    assert {event["target_id"] for event in written} == {str(user["id"])}


def test_credits_that_an_administrator_gives_or_gives_back_are_events(
    client: FlaskClient, events: Events
) -> None:
    admin, user = make_admin(), make_user()
    spent = document(person(client, user).post("/credits/spend", {"amount": 1}))["spend_id"]
    path, reason = f"/users/{user['id']}/credits", {"reason": "Sorry"}

    person(client, admin).post(path, {"amount": 1} | reason)
    person(client, admin).post(f"{path}/refunds", {"spend_id": spent} | reason)

    written = events()
    assert [event["event"] for event in written] == ["credits_changed", "spend_refunded"]
    assert {event["user_id"] for event in written} == {str(admin["id"])}
    assert {event["target_id"] for event in written} == {str(user["id"])}


def test_a_guest_is_an_event(client: FlaskClient, events: Events) -> None:
    guest = document(client.post(f"{API}/auth/guest"))["user"]

    assert [(event["event"], event["user_id"]) for event in events()] == [
        ("account_created", guest["id"])
    ]


def test_changing_a_password_is_an_event(client: FlaskClient, events: Events) -> None:
    someone = person(client, user := make_user())
    body = {"current_password": "not the password", "new_password": "eleven yellow bicycles"}

    someone.post("/auth/password", body)
    someone.post("/auth/password", body | {"current_password": PASSWORD})

    assert [(event["event"], event["user_id"]) for event in events()] == [
        ("sign_in_failed", str(user["id"])),
        ("password_changed", str(user["id"])),
    ]


def test_recovering_an_account_is_events(client: FlaskClient, app: Flask, events: Events) -> None:
    user = make_user()
    client.post(f"{API}/auth/password/forgot", json={"email": user["email"]})
    token = links_of(app, user, MailKind.PASSWORD_RESET)
    body = {"token": token, "new_password": "eleven yellow bicycles"}

    client.post(f"{API}/auth/password/reset", json=body)
    client.post(f"{API}/auth/password/reset", json=body)

    requested, reset, refused = events()
    assert (requested["event"], requested["user_id"]) == ("password_reset_requested", None)
    assert (reset["event"], reset["user_id"]) == ("password_reset", str(user["id"]))
    assert (refused["event"], refused["code"]) == ("token_refused", "LINK_NOT_FOUND")


def test_verifying_an_email_is_an_event(client: FlaskClient, app: Flask, events: Events) -> None:
    user = document(register(client))["user"]
    token = links_of(app, user, MailKind.EMAIL_VERIFICATION)
    events()

    client.post(f"{API}/auth/email/verify", json={"token": token})

    assert [(event["event"], event["user_id"]) for event in events()] == [
        ("email_verified", user["id"])
    ]


def test_ending_sign_ins_is_events(client: FlaskClient, events: Events) -> None:
    someone = person(client, user := make_user())
    person(client, user)
    other, *_ = [
        each for each in document(someone.get("/auth/sessions"))["items"] if not each["is_current"]
    ]

    someone.delete(f"/auth/sessions/{other['id']}")
    someone.delete("/auth/sessions")

    assert [event["event"] for event in events()] == ["session_ended", "sessions_ended"]


def links_of(app: Flask, user: dict[str, Any], purpose: MailKind) -> str:
    """Return what the link of a mail carries."""
    stored = get_email_token(UUID(str(user["id"])), purpose)
    assert stored is not None
    token = find_secret(stored, app.config["SIGNING_KEYS"])
    release()
    assert token is not None
    return token


def test_every_route_that_changes_an_account_is_an_event(app: Flask) -> None:
    silent = {"credentials.send_verification"}  # Sends a mail, and changes nothing.
    changing = {
        str(rule.endpoint)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{API}/auth") and (rule.methods or set()) & {"POST", "DELETE"}
    }

    assert changing - silent <= set(_OF_SUCCESS)
    assert {*_OF_SUCCESS, _ADMINISTRATION} <= app.view_functions.keys()


def test_what_goes_beyond_a_limit_is_an_event(app: Flask, events: Events) -> None:
    app.test_client().post(
        f"{API}/auth/register", data="[" * 40 + "]" * 40, content_type="application/json"
    )

    assert [(event["event"], event["code"]) for event in events()] == [
        ("limit_exceeded", "TOO_DEEP")
    ]


def test_every_event_is_documented() -> None:
    page = (ROOT / "docs/logging.md").read_text()

    assert [event for event in SecurityEvent if f"`{event}`" not in page] == []
