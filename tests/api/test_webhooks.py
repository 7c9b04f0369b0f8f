"""What arrives without being asked for: only what Stripe has signed just now is read, and kept."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from app import clock, create_app
from app.models import get_credit_account, list_stripe_events, release
from app.usecases import accounts
from tests.factories import make_user
from tests.fakes import WEBHOOK_SECRET, Payment, StripeServer, delivery, sign, stripe_settings
from tests.support.people import document, person, problem
from tests.support.service import connected, settings_for
from tests.support.threads import run_together

HOOK = "/api/v1/webhooks/stripe"
OTHER_SECRET = "whsec_anotheranotheranotheranother"


@pytest.fixture
def one(sqlite_url: str, tmp_path: Path, stripe: StripeServer) -> Iterator[FlaskClient]:
    """A client of the service on one engine, for what never reaches the database."""
    settings = settings_for(sqlite_url, tmp_path, **stripe_settings(stripe.url))
    both = SecretStr(f"{OTHER_SECRET}, {WEBHOOK_SECRET}")
    with connected(settings):
        app = create_app(settings.model_copy(update={"stripe_webhook_secret": both}))
        yield app.test_client()


def post(client: FlaskClient, body: str, signature: str | None = "its own") -> TestResponse:
    """Post a body with a signature, or without one if that is None."""
    headers = {"Stripe-Signature": sign(body) if signature == "its own" else signature}
    return client.post(
        HOOK,
        data=body,
        content_type="application/json",
        headers={name: value for name, value in headers.items() if value is not None},
    )


def paid() -> str:
    """Return an event about nobody."""
    return json.dumps(Payment("01890000-0000-7000-8000-000000000000").paid())


def refusal(answer: TestResponse) -> str:
    """Return the code of a 400, after which nothing was kept."""
    status, code = problem(answer)
    assert (status, list_stripe_events(limit=1)) == (400, [])
    release()
    return code


def test_events_are_answered_by_what_became_of_them(client: FlaskClient) -> None:
    user = make_user()
    event, lost = Payment(user["id"]).paid(), Payment(None).paid()

    answers = [client.post(HOOK, **delivery(each)) for each in (event, event, lost)]

    assert [(answer.status_code, document(answer)) for answer in answers] == [
        (200, {"status": "processed"}),
        (200, {"status": "already_processed"}),
        (200, {"status": "unmatched"}),
    ]
    items = document(person(client, user).get("/billing/transactions"))["items"]
    assert [item["credits_added"] for item in items] == [100]


def test_deliveries_at_once_credit_once_over_http(app: Flask) -> None:
    user = make_user()
    event = delivery(Payment(user["id"]).paid())

    answers = run_together([lambda: app.test_client().post(HOOK, **event)] * 8)

    told = [answer.get_json()["status"] for answer in answers if not isinstance(answer, Exception)]
    assert sorted(told) == ["already_processed"] * 7 + ["processed"]
    account = get_credit_account(user["id"])
    assert account is not None
    assert account["credits_balance"] == 100


def test_signature_must_be_there_and_right(one: FlaskClient) -> None:
    body = paid()
    good = sign(body)
    moment, signature = good.split(",")

    codes = {
        header: refusal(post(one, body, header))
        for header in (
            None, "garbage", "=", "t=,v1=", f"{moment}", signature, f"t=x,{signature}",
            f"t=1e9,{signature}", f"t=-5,{signature}", f"t={'9' * 5000},{signature}",
            f"t=٣,{signature}".encode().decode("latin-1"), f"{moment},v0={signature[3:]}",
            f"{moment},v1=", f"{moment},v1={'0' * 64}", f"{moment},v1=\xe9",
            f"{moment};{signature}", sign(body + " "), sign(body, secret="whsec_wrong"),
            f"t=1,{good}", "," * 10_000,
        )
    }  # fmt: skip

    assert codes.pop(None) == "SIGNATURE_REQUIRED"
    assert set(codes.values()) == {"SIGNATURE_INVALID"}


def test_signature_holds_for_300_seconds_both_ways(one: FlaskClient) -> None:
    now = clock.now().replace(microsecond=0)
    body = paid()
    found = {}
    with clock.frozen(now):
        for seconds in (-301, 301, -300, 300):
            header = sign(body, at=now + timedelta(seconds=seconds))
            found[seconds] = (answer := post(one, body, header)).status_code
            if answer.status_code == 400:
                assert refusal(answer) == "SIGNATURE_EXPIRED"

    assert found == {-301: 400, 301: 400, -300: 200, 300: 200}


def test_one_right_signature_among_others_is_enough(one: FlaskClient) -> None:
    body = paid()
    moment, signature = sign(body).split(",")

    for header in (
        f"{moment},v0=ffff,v1={'0' * 64},{signature}",
        f"{signature},{moment}",
        sign(body, secret=OTHER_SECRET),
    ):
        assert post(one, body, header).status_code == 200


def test_signed_body_that_is_no_event_is_refused(one: FlaskClient) -> None:
    codes = [
        refusal(post(one, body))
        for body in (
            "", " ", "nonsense", "\ufeff{}", "[]", "1", "null", '"evt"', "{}",
            '{"id": "evt_1", "id": "evt_2"}', "[" * 100_000, '{"a":' * 40 + "1" + "}" * 40,
        )
    ]  # fmt: skip

    assert codes == [
        *["LENGTH_REQUIRED", "NOT_JSON", "NOT_JSON", "NOT_UTF8"],
        *[*["NOT_AN_OBJECT"] * 4, "NOT_AN_EVENT"],
        *["DUPLICATE_KEY", "TOO_DEEP", "TOO_DEEP"],
    ]


def test_body_that_is_no_text_cannot_be_signed(one: FlaskClient) -> None:
    headers = {"Stripe-Signature": sign(paid())}

    answer = one.post(HOOK, data=b"\xff\xfe", content_type="application/json", headers=headers)

    assert refusal(answer) == "SIGNATURE_INVALID"


NOT_EVENTS: list[dict[str, Any]] = [
    {"id": ""}, {"id": None}, {"id": 5}, {"id": "x" * 256}, {"id": "evt_\x00"},
    {"id": "evt_\ud800"}, {"id": "evt é"}, {"object": "charge"}, {"type": None},
    {"type": "a" * 101}, {"livemode": "false"}, {"livemode": 0}, {"livemode": None},
    {"created": "now"}, {"created": -1}, {"created": 10**12}, {"created": 10**400},
    {"created": 1.5}, {"created": True}, {"data": None}, {"data": {}}, {"data": {"object": []}},
    {"data": {"object": {"name": "\x00"}}}, {"data": {"object": {"name": "\udfff"}}},
    {"data": {"object": {"amount": 2**64}}}, {"data": {"object": {"amount": float("inf")}}},
]  # fmt: skip


def test_signed_json_that_is_no_event_is_refused(one: FlaskClient) -> None:
    for change in NOT_EVENTS:
        refusal(post(one, json.dumps(json.loads(paid()) | change)))


def test_odd_requests_are_refused_alike(one: FlaskClient) -> None:
    body = paid()
    signed = {"Stripe-Signature": sign(body)}
    huge = json.dumps({"id": "x" * 2**20})

    codes = [
        refusal(one.post(HOOK, data=body, headers=signed)),
        refusal(one.post(HOOK, data=body, headers=signed, content_type="text/plain")),
        refusal(one.post(HOOK, data=body, headers=signed | {"Content-Encoding": "gzip"},
                         content_type="application/json")),
        refusal(post(one, huge)),
    ]  # fmt: skip

    assert codes == ["WRONG_CONTENT_TYPE"] * 3 + ["BODY_TOO_LARGE"]


def test_webhook_without_keys_says_so(edge_client: FlaskClient) -> None:
    assert problem(post(edge_client, paid())) == (503, "BILLING_NOT_CONFIGURED")


def test_purchase_of_a_deleted_account_waits_for_somebody_to_look(client: FlaskClient) -> None:
    user = make_user()
    accounts.delete_account(user["id"])

    answer = client.post(HOOK, **delivery(Payment(user["id"]).paid()))

    assert document(answer) == {"status": "unmatched"}
    [event] = list_stripe_events(state="unmatched", limit=9)
    assert event["reason"] == "deleted_user"
