"""Password and e-mail over HTTP: what is asked, what is answered, and that nothing else is told."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.models import get_db, release, update_user
from app.usecases import credentials, delivery
from app.usecases.lockout import GUESS_LIMIT
from tests.factories import PASSWORD, make_user, new_email
from tests.support.mailbox import Mailbox, token_in
from tests.support.people import API, Person, document, flaws, login, person, problem, register

NEW = "eleven yellow bicycles"


@pytest.fixture(autouse=True)
def _quick_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "ANSWER_SECONDS", 0.001)


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    """Where the application's mails go."""

    class Mailboxed(Mailbox):
        def collect(self, key: bytes = app.config["SIGNING_KEYS"][0]) -> list:  # type: ignore[type-arg]
            try:
                return super().collect(key)
            finally:
                release()

    return Mailboxed()


def post(client: FlaskClient, path: str, **body: str) -> TestResponse:
    return client.post(f"{API}/auth/{path}", json=body)


def change(who: Person, old: str = PASSWORD, new: str = NEW) -> TestResponse:
    return who.post("/auth/password", {"current_password": old, "new_password": new})


def test_change_of_the_password_answers_like_a_sign_in(client: FlaskClient) -> None:
    user = make_user()
    me, other = person(client, user), person(client, user)

    answer = change(me)

    assert answer.status_code == 200
    assert document(answer)["user"]["id"] == str(user["id"])
    assert (
        document(answer).keys() == document(login(client, email=user["email"], password=NEW)).keys()
    )
    assert problem(me.get("/users/me")) == (401, "TOKEN_INVALID")
    assert problem(other.get("/users/me")) == (401, "TOKEN_INVALID")
    assert Person(client, document(answer)["access_token"]).get("/users/me").status_code == 200


def test_wrong_current_password_is_forbidden_and_then_locked(client: FlaskClient) -> None:
    me = person(client)

    answers = [change(me, "a wrong guess") for _ in range(GUESS_LIMIT.free_attempts + 2)]

    assert problem(answers[0]) == (403, "WRONG_PASSWORD")
    assert problem(answers[-1]) == (429, "TOO_MANY_ATTEMPTS")
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_new_password_is_judged_like_that_of_a_registration(client: FlaskClient) -> None:
    me = person(client)

    assert flaws(change(me, new="short")) == {"new_password": "PASSWORD_TOO_SHORT"}
    assert flaws(change(me, new="password1")) == {"new_password": "PASSWORD_TOO_COMMON"}
    assert flaws(change(me, new=PASSWORD)) == {"new_password": "PASSWORD_UNCHANGED"}
    assert flaws(me.post("/auth/password", {"new_password": 1})) == {
        "current_password": "REQUIRED",
        "new_password": "WRONG_TYPE",
    }


def test_forgotten_password_is_replaced_by_the_link_of_a_mail(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    user = make_user()
    me = person(client, user)

    asked = post(client, "password/forgot", email=user["email"].upper())
    [mail] = mailbox.collect()
    done = post(client, "password/reset", token=token_in(mail), new_password=NEW)
    again = post(client, "password/reset", token=token_in(mail), new_password=NEW)

    assert (asked.status_code, asked.json) == (200, {"status": "accepted"})
    assert (done.status_code, done.json) == (200, {"status": "changed"})
    assert problem(again) == (404, "LINK_NOT_FOUND")
    assert problem(me.get("/users/me")) == (401, "TOKEN_INVALID")
    assert login(client, email=user["email"], password=NEW).status_code == 200


def test_answer_about_a_forgotten_password_is_the_same_for_everybody(client: FlaskClient) -> None:
    user, disabled = make_user(), make_user()
    update_user(disabled["id"], is_active=False)
    emails = [user["email"], disabled["email"], "nobody@example.com", "no address", *["x@y.z"] * 20]

    answers = [post(client, "password/forgot", email=email) for email in emails]

    assert len({shape(answer) for answer in answers}) == 1


def shape(answer: TestResponse) -> tuple[object, ...]:
    """Return all of an answer but its own id and moment."""
    headers = [(name, value) for name, value in answer.headers if name not in VARIABLE]
    return (answer.status_code, answer.data, *sorted(headers))


VARIABLE = {"X-Request-ID", "Date"}


def test_link_leads_to_the_product_whatever_host_a_request_names(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    user = make_user()
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}

    client.post(f"{API}/auth/password/forgot", json={"email": user["email"]}, headers=evil)
    [mail] = mailbox.collect()

    assert "evil" not in mail.as_string()


def test_registration_leaves_an_email_to_verify(client: FlaskClient, mailbox: Mailbox) -> None:
    email = new_email()
    me = Person(client, document(register(client, email=email))["access_token"])
    assert me.get("/auth/email").json == {"email": email, "verified_at": None}
    [mail] = mailbox.collect()

    verified = post(client, "email/verify", token=token_in(mail))

    assert (verified.status_code, verified.json) == (200, {"status": "verified"})
    assert re.fullmatch(r"\d{4}-.*Z", document(me.get("/auth/email"))["verified_at"])
    assert problem(post(client, "email/verify", token=token_in(mail))) == (404, "LINK_NOT_FOUND")
    assert problem(me.post("/auth/email/verification")) == (409, "EMAIL_VERIFIED")


def test_verifying_mail_is_sent_again_on_demand(client: FlaskClient, mailbox: Mailbox) -> None:
    me = person(client)

    asked = me.post("/auth/email/verification")
    [mail] = mailbox.collect()

    assert (asked.status_code, asked.json) == (200, {"status": "accepted"})
    assert post(client, "email/verify", token=token_in(mail)).status_code == 200


def test_user_shows_nothing_of_it(client: FlaskClient) -> None:
    me = person(client)

    assert "email_verified_at" not in document(me.get("/users/me"))


@pytest.mark.parametrize("path", ["password/reset", "email/verify"])
def test_text_that_is_no_token_is_a_link_that_does_not_work(client: FlaskClient, path: str) -> None:
    body = {"new_password": NEW} if path == "password/reset" else {}

    for token in ("x", "' OR 1=1 --", "x" * 200):
        assert problem(post(client, path, token=token, **body)) == (404, "LINK_NOT_FOUND")
    assert get_db()(get_db().email_tokens).isempty()


def test_announcement_wakes_the_deliverer(client: FlaskClient) -> None:
    delivery.await_mail(0)

    register(client)

    assert delivery._queued.is_set()
