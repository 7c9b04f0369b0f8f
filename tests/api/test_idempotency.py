"""A POST that is sent again with its Idempotency-Key: one effect, one answer."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.api.access import access_of, allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body
from app.errors import Conflict, NotFound, Unavailable
from app.metrics import render_metrics
from app.models import get_db
from app.usecases import history
from tests.factories import PASSWORD, make_user, new_email
from tests.support.people import API, Person, document, flaws, person, problem
from tests.support.threads import run_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACTION = {"action_type": "SHARE", "payload": {"text": "wuff"}}
HISTORY = f"{API}/history"


class Wish(Body):
    """What a trial is to do after it has written."""

    outcome: str


class Trial:
    """A route that writes, and then does as it is told.

    Attributes:
        is_running: Set while a view waits.
        may_end: Lets it go on.
    """

    path = "/trial"

    def __init__(self) -> None:
        self.is_running = threading.Event()
        self.may_end = threading.Event()

    def blueprint(self) -> Blueprint:
        trial = Blueprint("trial", __name__, url_prefix=self.path)

        @trial.post("")
        @allow("user")
        def attempt(body: Wish) -> tuple[Any, int]:
            user_id = current_principal().user_id
            history.record_action(user_id, action_id=None, action_type="TRIAL", payload={})
            return self._end(body.outcome)

        return trial

    def _end(self, outcome: str) -> tuple[Any, int]:
        failures = {
            "conflict": Conflict("TRIAL_CONFLICT", "No."),
            "missing": NotFound("TRIAL_MISSING", "No."),
            "busy": Unavailable("TRIAL_BUSY", "Not now."),
            "bug": RuntimeError("a bug"),
        }
        if outcome in failures:
            raise failures[outcome]
        if outcome == "wait":
            self.is_running.set()
            assert self.may_end.wait(30)
        return ("", 204) if outcome == "empty" else ({"outcome": outcome}, 201)


@pytest.fixture
def trial(app: Flask) -> Iterator[Trial]:
    trial = Trial()
    app.register_blueprint(trial.blueprint())
    yield trial
    trial.may_end.set()


@pytest.fixture
def someone(client: FlaskClient) -> Person:
    return person(client)


def send(
    who: Person, body: Any = ACTION, *, key: str, path: str = HISTORY, method: str = "POST"
) -> TestResponse:
    headers = {"Authorization": f"Bearer {who.access_token}", "Idempotency-Key": key}
    return who.client.open(path, method=method, json=body, headers=headers)


def is_replay(response: TestResponse) -> bool:
    return response.headers.get("Idempotency-Replayed") == "true"


def count_actions() -> int:
    return int(get_db()(get_db().history).count())


def replays() -> float:
    (line,) = [
        line
        for line in render_metrics().decode().splitlines()
        if line.startswith("idempotent_replays_total ")
    ]
    return float(line.split()[1])


# -- the same request again


def test_c20_same_request_again_has_the_same_answer_and_no_second_effect(someone: Person) -> None:
    before = replays()
    first = send(someone, key="k1")

    again = [send(someone, key="k1") for _ in range(3)]

    assert first.status_code == 201
    assert not is_replay(first)
    for answer in again:
        assert is_replay(answer)
        assert (answer.status_code, answer.data, answer.content_type) == (
            first.status_code,
            first.data,
            first.content_type,
        )
    assert count_actions() == 1
    assert replays() == before + 3


def test_answers_are_given_again_to_the_last_byte(someone: Person) -> None:
    # More than 64 KiB, beyond which some columns of MariaDB would cut.
    body = {"action_type": "SHARE", "payload": {"text": "ä🐕\u2028" * 7270}}
    first = send(someone, body, key="large")

    again = send(someone, body, key="large")

    assert first.status_code == 201
    assert len(first.data) > 65_536
    assert again.data == first.data


def test_answer_without_a_body_is_given_again(someone: Person, trial: Trial) -> None:
    answers = [send(someone, {"outcome": "empty"}, key="k", path=trial.path) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert [answer.data for answer in answers] == [b"", b""]
    assert "Content-Type" not in answers[1].headers
    assert count_actions() == 1


def test_without_a_key_each_request_counts(someone: Person) -> None:
    answers = [someone.post("/history", ACTION) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert count_actions() == 2


def test_keys_of_different_people_have_nothing_to_do_with_each_other(client: FlaskClient) -> None:
    answers = [send(person(client), key="same") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert not any(map(is_replay, answers))
    assert count_actions() == 2


def test_guests_have_keys_and_keep_them_when_they_register(client: FlaskClient) -> None:
    guest = Person(client, document(client.post(f"{API}/auth/guest"))["access_token"])
    first = send(guest, key="k")
    token = {"Authorization": f"Bearer {guest.access_token}"}
    body = {"email": new_email(), "password": PASSWORD}
    registered = document(client.post(f"{API}/auth/register", json=body, headers=token))

    again = send(Person(client, registered["access_token"]), key="k")

    assert is_replay(again)
    assert again.data == first.data


def test_whoever_may_not_ask_any_more_gets_no_answer_again(someone: Person) -> None:
    send(someone, key="k")
    someone.post("/auth/logout")

    assert problem(send(someone, key="k")) == (401, "TOKEN_INVALID")


# -- another request with the same key


@pytest.mark.parametrize("body", [{**ACTION, "action_type": "OTHER"}, {**ACTION, "payload": {}}])
def test_c20_another_body_with_the_same_key_is_refused(someone: Person, body: Any) -> None:
    send(someone, key="k")

    assert problem(send(someone, body, key="k")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert count_actions() == 1


def test_another_route_with_the_same_key_is_refused(someone: Person, trial: Trial) -> None:
    send(someone, {"outcome": "done"}, key="k", path=trial.path)

    assert problem(send(someone, key="k")) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "\x7f", "k" * 256])
def test_what_is_no_key_is_refused(someone: Person, key: str) -> None:
    assert flaws(send(someone, key=key)) == {"Idempotency-Key": "WRONG_FORMAT"}
    assert count_actions() == 0


@pytest.mark.parametrize("key", ["k", "!~'\"\\%;--", "k" * 255])
def test_any_visible_ascii_is_a_key(someone: Person, key: str) -> None:
    assert send(someone, key=key).status_code == 201
    assert is_replay(send(someone, key=key))


def test_keys_compare_by_code_point(someone: Person) -> None:
    assert [send(someone, key=key).status_code for key in ("Key", "key", "KEY")] == [201] * 3
    assert count_actions() == 3


# -- refusals


@pytest.mark.parametrize(
    ("outcome", "refusal"),
    [("conflict", (409, "TRIAL_CONFLICT")), ("missing", (404, "TRIAL_MISSING"))],
)
def test_refusal_is_remembered_and_what_it_had_written_is_undone(
    someone: Person, trial: Trial, outcome: str, refusal: tuple[int, str]
) -> None:
    answers = [send(someone, {"outcome": outcome}, key="k", path=trial.path) for _ in range(2)]

    assert [problem(answer) for answer in answers] == [refusal, refusal]
    assert answers[0].data == answers[1].data
    assert is_replay(answers[1])
    assert count_actions() == 0


def test_refusal_by_a_stored_row_is_remembered(someone: Person) -> None:
    action_id = str(uuid4())
    someone.post("/history", {**ACTION, "id": action_id})
    other = {**ACTION, "id": action_id, "action_type": "OTHER"}
    first = send(someone, other, key="k")
    someone.delete(f"/history/{action_id}")

    again = send(someone, other, key="k")

    assert problem(first) == problem(again) == (409, "ID_TAKEN")
    assert problem(send(someone, other, key="new")) == (409, "ACTION_DELETED")


@pytest.mark.parametrize(("outcome", "status"), [("busy", 503), ("bug", 500)])
def test_what_may_succeed_in_a_moment_is_not_remembered(
    someone: Person, trial: Trial, outcome: str, status: int
) -> None:
    answers = [send(someone, {"outcome": outcome}, key="k", path=trial.path) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [status, status]
    assert not any(map(is_replay, answers))
    assert count_actions() == 0
    assert send(someone, key="k").status_code == 201


def test_request_that_was_not_understood_has_not_used_its_key(someone: Person) -> None:
    assert flaws(send(someone, {}, key="k"))

    assert send(someone, key="k").status_code == 201


# -- time


def test_key_is_valid_for_a_day(someone: Person) -> None:
    with clock.frozen(NOON):
        first = send(renewed(someone), key="k")
    with clock.frozen(NOON + timedelta(hours=24) - timedelta(microseconds=1)):
        assert send(renewed(someone), key="k").data == first.data
    with clock.frozen(NOON + timedelta(hours=24)):
        later = send(renewed(someone), {**ACTION, "action_type": "OTHER"}, key="k")
        again = send(renewed(someone), {**ACTION, "action_type": "OTHER"}, key="k")

    assert (later.status_code, is_replay(later), is_replay(again)) == (201, False, True)
    assert count_actions() == 2


def renewed(someone: Person) -> Person:
    """Sign the same account in at the present time."""
    user_id = someone.access_token.partition(".")[0]
    row = get_db()(get_db().users.id == user_id).one()
    return person(someone.client, row)


# -- at once


def test_twins_at_once_have_one_effect_and_one_answer(app: Flask, someone: Person) -> None:
    senders = [Person(app.test_client(), someone.access_token) for _ in range(6)]

    answers = run_together([partial(send, each, key="k") for each in senders])

    responses = [answer for answer in answers if isinstance(answer, TestResponse)]
    assert [response.status_code for response in responses] == [201] * 6
    assert len({response.data for response in responses}) == 1
    assert [is_replay(response) for response in responses].count(False) == 1
    assert count_actions() == 1


def test_c20_twin_of_a_request_that_still_runs_is_told_so(
    app: Flask, someone: Person, trial: Trial, engine: str
) -> None:
    wish = {"outcome": "wait"}
    twin = Person(app.test_client(), someone.access_token)

    def send_twin() -> TestResponse:
        assert trial.is_running.wait(30)
        if engine == "sqlite":  # Else it waits as long as the first one may take.
            get_db().executesql("PRAGMA busy_timeout=100")
        try:
            return send(twin, wish, key="k", path=trial.path)
        finally:
            trial.may_end.set()

    def send_first() -> TestResponse:
        return send(someone, wish, key="k", path=trial.path)

    first, second = run_together([send_first, send_twin])

    assert isinstance(first, TestResponse)
    assert isinstance(second, TestResponse)
    assert first.status_code == 201
    # SQLite has one lock for all writers, and does not tell who holds it.
    told = (503, "DATABASE_BUSY") if engine == "sqlite" else (409, "IDEMPOTENCY_KEY_IN_USE")
    assert problem(second) == told
    assert int(second.headers["Retry-After"]) >= 1
    assert send(twin, wish, key="k", path=trial.path).data == first.data
    assert count_actions() == 1


# -- where keys are taken


def test_every_post_of_somebody_signed_in_takes_a_key_unless_it_may_come_twice_or_is_under_auth(
    app: Flask,
) -> None:
    described = document(app.test_client().get("/openapi.json"))["paths"]
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()):
            continue
        is_keyed = access_of(app.view_functions[rule.endpoint]) != "public"
        is_keyed &= not rule.rule.startswith(f"{API}/auth/")
        is_keyed &= not rule.rule.endswith("/erasure")  # Forgetting twice is forgetting once.
        is_keyed &= rule.rule != f"{API}/sync"  # Each change in it has a key of its own.
        path = rule.rule.replace("<", "{").replace(">", "}")
        operation = described[path]["post"]
        names = [each["name"] for each in operation.get("parameters", [])]
        assert ("Idempotency-Key" in names) == is_keyed, path
        assert ("409" in operation["responses"]) >= is_keyed, path


def test_other_methods_ignore_the_header(someone: Person) -> None:
    path = f"{HISTORY}/{document(send(someone, key='k'))['id']}"

    change = send(someone, {"action_type": "OTHER"}, key="k", path=path, method="PATCH")
    repeated = send(someone, {"action_type": "THIRD"}, key="k", path=path, method="PATCH")

    assert [change.status_code, repeated.status_code] == [200, 200]
    assert not is_replay(repeated)


def test_signing_in_ignores_the_header(client: FlaskClient) -> None:
    user = make_user()
    body = {"email": user["email"], "password": "wrong password"}

    answers = [
        client.post(f"{API}/auth/login", json=body, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert get_db()(get_db().idempotency_keys).isempty()


def test_keys_end_with_their_account(someone: Person) -> None:
    send(someone, key="k")
    db = get_db()

    db(db.users.id == someone.access_token.partition(".")[0]).delete()

    assert db(db.idempotency_keys).isempty()
