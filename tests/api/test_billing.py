"""Buying credits: what is asked of Stripe, and what is told when Stripe does not answer."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app, deadline
from app.api.shop import TILL
from app.breaker import MAX_FAILURES, BreakerState, CircuitBreaker
from app.clients.stripe import TIMEOUT, StripeClient
from app.metrics import render_metrics
from tests.fakes import SECRET_KEY, Payment, StripeServer, delivery, stripe_settings
from tests.support.people import Person, document, flaws, person, problem
from tests.support.service import connected, settings_for

ORIGIN = "https://shop.example.com"
HOOK = "/api/v1/webhooks/stripe"


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path, stripe: StripeServer) -> Iterator[Flask]:
    """The application, whose pages are of two origins."""
    settings = settings_for(
        sqlite_url,
        tmp_path,
        public_url="https://app.example.com/start",
        cors_origins=ORIGIN,
        **stripe_settings(stripe.url),
    )
    with connected(settings):
        yield create_app(settings)


@pytest.fixture
def buyer(client: FlaskClient) -> Person:
    """Somebody who is signed in."""
    return person(client)


def buy(buyer: Person, key: str | None = None, **body: object) -> TestResponse:
    headers = {"Authorization": f"Bearer {buyer.access_token}"}
    headers |= {"Idempotency-Key": key} if key else {}
    return buyer.client.post(
        "/api/v1/billing/checkout", json={"credits": 100, **body}, headers=headers
    )


def make_impatient(app: Flask, stripe: StripeServer) -> CircuitBreaker:
    """Let the application wait for Stripe for a tenth of a second; return its breaker."""
    till, breaker = app.config[TILL], CircuitBreaker()
    client = StripeClient(SECRET_KEY, breaker, api_base=stripe.url, timeout=(0.1, 0.1))
    app.config[TILL] = replace(till, shop=replace(till.shop, client=client))
    return breaker


def test_checkout_tells_stripe_who_buys_what(buyer: Person, stripe: StripeServer) -> None:
    answer = buy(buyer)

    assert answer.status_code == 201
    assert set(document(answer)) == {"id", "url"}
    [(form, _)] = stripe.requests
    me = document(buyer.get("/users/me"))
    assert form == {
        "mode": "payment",
        "client_reference_id": me["id"],
        "metadata[credits]": "100",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "499",
        "line_items[0][price_data][product_data][name]": "100 credits",
        "success_url": "https://app.example.com/start/billing/success"
        "?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://app.example.com/start/billing/cancel",
    }


def test_packages_are_what_the_settings_say(buyer: Person) -> None:
    assert document(buyer.get("/billing/packages"))["items"] == [
        {"credits": 100, "price_cents": 499, "currency": "usd"},
        {"credits": 500, "price_cents": 1999, "currency": "usd"},
        {"credits": 1000, "price_cents": 3499, "currency": "usd"},
    ]


def test_only_packages_are_for_sale(buyer: Person, stripe: StripeServer) -> None:
    answer = buy(buyer, credits=101)

    assert problem(answer) == (422, "UNKNOWN_PACKAGE")
    assert document(answer)["packages"] == [100, 500, 1000]
    assert stripe.requests == []


def test_same_key_is_the_same_session_for_its_account_only(
    client: FlaskClient, buyer: Person
) -> None:
    other = person(client)

    first, again, others = buy(buyer, "k"), buy(buyer, "k"), buy(other, "k")
    changed = buy(buyer, "k", credits=500)

    assert document(first) == document(again)
    assert document(first) != document(others)
    assert problem(changed) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert flaws(buy(buyer, "not a key")) == {"Idempotency-Key": "WRONG_FORMAT"}


def test_people_are_sent_to_pages_of_the_site_only(buyer: Person, stripe: StripeServer) -> None:
    ours = [f"{ORIGIN}/thanks?a=1#b", ORIGIN, "https://app.example.com/any"]
    foreign = [
        "https://evil.example", f"{ORIGIN}.evil.example", f"{ORIGIN}@evil.example",
        f"{ORIGIN}:444/", "http://shop.example.com/", "https://SHOP.example.com/",
        f"{ORIGIN}\\@evil.example",
    ]  # fmt: skip

    assert [buy(buyer, success_url=url).status_code for url in ours] == [201] * 3
    assert [form["success_url"] for form, _ in stripe.requests] == ours
    for url in foreign:
        assert flaws(buy(buyer, cancel_url=url)) == {"cancel_url": "NOT_ALLOWED"}
    for url in ("javascript:alert(1)", "//evil.example", f"{ORIGIN}/ ", f"{ORIGIN}\n"):
        assert flaws(buy(buyer, success_url=url)) == {"success_url": "WRONG_FORMAT"}


def test_no_connection_is_held_while_stripe_is_asked(
    database_url: str, tmp_path: Path, stripe: StripeServer
) -> None:
    settings = settings_for(database_url, tmp_path, **stripe_settings(stripe.url))
    with connected(settings) as database:
        buyer = person(create_app(settings).test_client())
        held: list[int] = []
        pool: Any = database.engine.pool  # Of a kind that counts.
        stripe.watch = lambda: held.append(pool.checkedout())

        assert buy(buyer).status_code == 201

    assert held == [0]


def test_failure_of_stripe_is_tried_again_with_the_same_key(
    buyer: Person, stripe: StripeServer
) -> None:
    stripe.failures = [500]

    assert buy(buyer).status_code == 201

    keys = {headers["Idempotency-Key"] for _, headers in stripe.requests}
    assert (len(stripe.requests), len(keys)) == (2, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_refusals_of_stripe_are_told_as_unavailable(
    buyer: Person, stripe: StripeServer, status: int
) -> None:
    stripe.failures = [status, status]

    answer = buy(buyer)

    assert problem(answer) == (503, "STRIPE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "stub" not in answer.text


@pytest.mark.parametrize("status", [200, 400, 409, 500])
@pytest.mark.parametrize(
    "odd",
    [
        *[{}, [], None, "text", 5, {"id": "cs_1", "url": None}, {"id": 5, "url": "https://a"}],
        *[{"id": "", "url": ""}, {"error": {}}, {"error": "text"}, {"error": []}, {"error": None}],
        *[{"error": {"type": 5, "code": []}}],
    ],
    ids=str,
)
def test_answer_that_is_not_like_stripes_is_told_as_unavailable(
    buyer: Person, stripe: StripeServer, status: int, odd: Any
) -> None:
    stripe.oddities = [(status, odd)] * 2

    answer = problem(buy(buyer))

    in_use = (409, "IDEMPOTENCY_KEY_IN_USE")
    assert answer in [(503, "STRIPE_UNAVAILABLE"), *([in_use] if status == 409 else [])]


def test_order_that_is_being_placed_is_told_so(buyer: Person, stripe: StripeServer) -> None:
    stripe.failures = [409, 409]

    assert problem(buy(buyer, "k")) == (409, "IDEMPOTENCY_KEY_IN_USE")


def test_slow_stripe_is_given_up_and_then_not_asked(
    app: Flask, buyer: Person, stripe: StripeServer
) -> None:
    breaker = make_impatient(app, stripe)
    stripe.delay = 30.0

    answers = [buy(buyer) for _ in range(MAX_FAILURES + 2)]

    assert {problem(answer) for answer in answers} == {(503, "STRIPE_UNAVAILABLE")}
    assert breaker.state is BreakerState.OPEN
    assert len(stripe.requests) == 2 * MAX_FAILURES


def test_whoever_waits_since_an_earlier_test_takes_no_answer_of_this_one(
    stripe: StripeServer,
) -> None:
    asked = threading.Event()
    stripe.watch, stripe.delay = asked.set, 5.0
    with ThreadPoolExecutor() as pool:
        late = pool.submit(stripe.answer, {}, {})
        assert asked.wait(5)

        stripe.reset()
        stripe.failures = [400]

    assert late.result()[0] == 503
    assert stripe.failures == [400]


def test_stripe_that_is_away_is_unavailable_and_shown_in_the_metrics(
    sqlite_url: str, tmp_path: Path
) -> None:
    settings = settings_for(sqlite_url, tmp_path, **stripe_settings("http://127.0.0.1:1"))
    with connected(settings):
        app = create_app(settings)
        client = person(app.test_client())
        for _ in range(MAX_FAILURES):
            app.config[TILL].shop.client._breaker.fail()

        assert problem(buy(client)) == (503, "STRIPE_UNAVAILABLE")

    assert b'circuit_breaker_state{dependency="stripe"} 2.0' in render_metrics()


def test_two_tries_end_before_the_request_does() -> None:
    assert 2 * sum(TIMEOUT) + 1 < deadline.REQUEST_SECONDS


def test_without_keys_nothing_is_for_sale(sqlite_url: str, tmp_path: Path) -> None:
    settings = settings_for(sqlite_url, tmp_path)
    with connected(settings):
        client = person(create_app(settings).test_client())

        assert problem(buy(client)) == (503, "BILLING_NOT_CONFIGURED")
        assert problem(client.get("/billing/packages")) == (503, "BILLING_NOT_CONFIGURED")
        assert document(client.get("/billing/transactions"))["items"] == []


def test_purchases_are_listed_newest_first_in_pages(client: FlaskClient, buyer: Person) -> None:
    me = document(buyer.get("/users/me"))["id"]
    payments = [Payment(me, credits=str(number)) for number in (1, 2, 3)]
    for payment in payments:
        client.post(HOOK, **delivery(payment.paid()))
    client.post(HOOK, **delivery(payments[2].refunded(1000)))
    client.post(HOOK, **delivery(Payment(document(person(client).get("/users/me"))["id"]).paid()))

    first = document(buyer.get("/billing/transactions", limit=2))
    second = document(buyer.get("/billing/transactions", limit=2, cursor=first["next_cursor"]))

    items = first["items"] + second["items"]
    assert [item["credits_added"] for item in items] == [3, 2, 1]
    assert second["next_cursor"] is None
    newest = {name: items[0][name] for name in items[0] if name not in ("id", "created_at")}
    assert newest == {
        "stripe_session_id": payments[2].session_id,
        "amount_paid_cents": 1000,
        "currency": "usd",
        "credits_added": 3,
        "refunded_cents": 1000,
        "disputed_cents": 0,
        "credits_reversed": 3,
    }
