"""Buying credits from a service as it runs: a page of Stripe's, its event, credits to spend."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.fakes import SECRET_KEY, WEBHOOK_SECRET, Payment, StripeServer, sign
from tests.support.backend import running

API = "/api/v1"


def deliver(client: httpx.Client, body: str) -> httpx.Response:
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": sign(body)}
    return client.post(f"{API}/webhooks/stripe", content=body.encode(), headers=headers)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_credits_are_bought_and_spent(
    migrated_database_url: str, tmp_path: Path, stripe: StripeServer
) -> None:
    settings = {
        "STRIPE_SECRET_KEY": SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": stripe.url,
    }
    with (
        running(migrated_database_url, tmp_path, **settings) as backend,
        backend.client() as client,
    ):
        guest = client.post(f"{API}/auth/guest").json()
        client.headers["Authorization"] = f"Bearer {guest['access_token']}"
        page = client.post(f"{API}/billing/checkout", json={"credits": 500})
        payment = Payment(guest["user"]["id"], credits="500")
        # Stripe's names are not of ASCII only, and a proxy must not touch a byte of them.
        event = payment.paid(customer_details={"name": "Žofie Ünïcödé"})
        body = json.dumps(event, ensure_ascii=False)

        with ThreadPoolExecutor(4) as pool:
            told = [answer.json() for answer in pool.map(deliver, [client] * 4, [body] * 4)]
        spent = client.post(f"{API}/credits/spend", json={"amount": 100})
        altered = deliver(client, body.replace('"500"', '"5000"'))
        refunded = deliver(client, json.dumps(payment.refunded(1000)))
        after = client.get(f"{API}/credits").json()

    assert page.status_code == 201
    assert sorted(each["status"] for each in told) == ["already_processed"] * 3 + ["processed"]
    assert spent.status_code == 200
    assert altered.json() == {"status": "already_processed"}
    assert refunded.json() == {"status": "processed"}
    assert after["prepaid"] == {"balance": 0, "held": 0, "debt": 95}
