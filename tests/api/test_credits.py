"""Credits over HTTP, on each engine: what there is, what is spent, and what it says in refusals."""

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
from app.models import get_db
from tests.factories import PASSWORD, make_admin, make_guest, make_user, new_email
from tests.support.credits import differences, give
from tests.support.people import API, Person, document, flaws, person, problem
from tests.support.rows import snapshot
from tests.support.threads import run_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIDNIGHT = "2026-11-21T00:00:00.000000Z"
REASON = {"reason": "For tests"}


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    """Let it be noon, unless a test says otherwise."""
    with clock.frozen(NOON):
        yield


@pytest.fixture
def user() -> dict[str, Any]:
    return make_user()


@pytest.fixture
def me(client: FlaskClient, user: dict[str, Any]) -> Person:
    return person(client, user)


@pytest.fixture
def admin(client: FlaskClient) -> Person:
    return person(client, make_admin())


def spend(who: Person, amount: Any = 1, **fields: Any) -> TestResponse:
    return who.post("/credits/spend", {"amount": amount, **fields})


def total(who: Person) -> int:
    number = document(who.get("/credits"))["total"]
    assert isinstance(number, int)
    return number


def test_day_begins_with_an_allowance(me: Person, client: FlaskClient) -> None:
    guest = person(client, make_guest())

    mine, theirs = document(me.get("/credits")), document(guest.get("/credits"))

    assert mine == {
        "daily": {"available": 20, "max": 20, "resets_at": MIDNIGHT},
        "prepaid": {"balance": 0, "held": 0, "debt": 0},
        "total": 20,
    }
    assert theirs["daily"] == {"available": 5, "max": 5, "resets_at": MIDNIGHT}


def test_spend_answers_with_what_is_left_and_its_rows(me: Person, user: dict[str, Any]) -> None:
    give(user["id"], 30)

    answer = spend(me, 25, description="Twelve slides")

    spent = document(answer)
    assert answer.status_code == 200
    assert spent["credits"] == document(me.get("/credits"))
    assert spent["credits"]["prepaid"] == {"balance": 25, "held": 0, "debt": 0}
    rows = {
        row["id"]: row
        for row in document(me.get("/credits/transactions", transaction_type="spend"))["items"]
    }
    assert set(spent["transaction_ids"]) == rows.keys()
    expected = {("daily", -20, 0), ("prepaid", -5, 25)}
    assert {(row["bucket"], row["amount"], row["balance_after"]) for row in rows.values()} == (
        expected
    )
    for row in rows.values():
        assert row["reference"] == spent["spend_id"]
        assert row["reason"] == "Twelve slides"
        assert row["created_at"] == "2026-11-20T12:00:00.000000Z"


def test_too_little_is_402_with_its_facts_and_changes_nothing(me: Person) -> None:
    total(me)
    before = snapshot()

    answer = spend(me, 21)

    assert problem(answer) == (402, "INSUFFICIENT_CREDITS")
    facts = {"available": 20, "requested": 21, "resets_at": MIDNIGHT}
    assert facts.items() <= document(answer).items()
    assert snapshot() == before


def test_spend_with_a_key_is_made_once_however_often_it_is_sent(
    app: Flask, me: Person, user: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {me.access_token}", "Idempotency-Key": str(uuid4())}

    def send() -> TestResponse:
        body = {"amount": 3}
        return app.test_client().post(f"{API}/credits/spend", json=body, headers=headers)

    together = run_together([send] * 6)
    again = send()

    answers = [answer for answer in together if isinstance(answer, TestResponse)]
    assert len(answers) == 6
    # On SQLite, whose writers wait for each other, a late one may be told to come again.
    assert {answer.status_code for answer in answers} <= {200, 409, 503}
    made = [document(answer) for answer in [*answers, again] if answer.status_code == 200]
    assert len(made) >= 2
    assert all(one == made[0] for one in made)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert total(me) == 17


def test_refusal_with_a_key_is_remembered_too(client: FlaskClient, me: Person) -> None:
    headers = {"Authorization": f"Bearer {me.access_token}", "Idempotency-Key": "one"}
    post = partial(client.post, f"{API}/credits/spend", json={"amount": 21}, headers=headers)

    first, second = post(), post()

    assert problem(first) == problem(second) == (402, "INSUFFICIENT_CREDITS")
    assert document(second)["available"] == 20


NO_SPENDS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"amount": "REQUIRED"}),
    *(({"amount": number}, {"amount": "OUT_OF_RANGE"}) for number in (0, -1, 1_000_001, 10**9)),
    *(({"amount": other}, {"amount": "WRONG_TYPE"}) for other in (True, 1.0, 1.5, "1", None, [1])),
    ({"amount": 1, "description": "x" * 501}, {"description": "TOO_LONG"}),
    ({"amount": 1, "description": ""}, {"description": "TOO_SHORT"}),
    ({"amount": 1, "description": " \n"}, {"description": "WRONG_FORMAT"}),
    ({"amount": 1, "description": 7}, {"description": "WRONG_TYPE"}),
    ({"amount": 1, "user_id": "x", "bucket": "daily"},
     {"user_id": "UNKNOWN_FIELD", "bucket": "UNKNOWN_FIELD"}),
]  # fmt: skip


def test_what_is_no_spend_is_refused_by_field(me: Person) -> None:
    for body, codes in NO_SPENDS:
        assert flaws(me.post("/credits/spend", body)) == codes, body


def test_numbers_and_characters_that_nobody_stores_are_refused(me: Person) -> None:
    assert flaws(spend(me, 10**30)) == {"amount": "OUT_OF_RANGE"}
    assert flaws(spend(me, 1, description="a\x00b")) == {"description": "NUL_CHARACTER"}
    assert flaws(spend(me, 1, description="\ud800")) == {"description": "LONE_SURROGATE"}
    assert spend(me, 1, description="ü😀" * 250).status_code == 200


def test_guest_who_registers_has_the_rest_of_a_users_day(client: FlaskClient) -> None:
    guest = document(client.post(f"{API}/auth/guest"))
    spend(Person(client, guest["access_token"]), 4)
    give(guest["user"]["id"], 10)

    answer = client.post(
        f"{API}/auth/register",
        json={"email": new_email(), "password": PASSWORD},
        headers={"Authorization": f"Bearer {guest['access_token']}"},
    )
    found = document(Person(client, document(answer)["access_token"]).get("/credits"))

    assert found["daily"] == {"available": 16, "max": 20, "resets_at": MIDNIGHT}
    assert (found["prepaid"]["balance"], found["total"]) == (10, 26)
    assert differences() == []


# -- the ledger


def test_ledger_is_walked_page_by_page_whatever_is_spent_meanwhile(
    me: Person, user: dict[str, Any]
) -> None:
    give(user["id"], 50, at=NOON)
    for minute in range(7):
        with clock.frozen(NOON + timedelta(minutes=minute // 2)):
            spend(me, 5)
    everything = document(me.get("/credits/transactions", limit=200))["items"]

    walked: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = document(me.get("/credits/transactions", **query))
        walked += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
        with clock.frozen(NOON + timedelta(hours=1)):
            spend(me, 1)

    assert walked == everything
    assert len(walked) == 2 + 7
    order = [(row["created_at"], row["id"]) for row in walked]
    assert order == sorted(order, reverse=True)


FILTERS: list[tuple[dict[str, str], int]] = [
    ({"bucket": "daily"}, 2),
    ({"bucket": "prepaid"}, 2),
    ({"bucket": "debt"}, 0),
    ({"transaction_type": "spend"}, 2),
    ({"transaction_type": "daily_reset"}, 1),
    ({"transaction_type": "spend", "bucket": "prepaid"}, 1),
]


def test_ledger_is_filtered(me: Person, user: dict[str, Any]) -> None:
    give(user["id"], 50)
    spend(me, 25)

    for filters, count in FILTERS:
        rows = document(me.get("/credits/transactions", **filters))["items"]
        assert len(rows) == count, filters
        assert all(filters.items() <= row.items() for row in rows)


def test_ledger_refuses_other_words_and_other_cursors(client: FlaskClient, me: Person) -> None:
    spend(me, 1)
    cursor = document(me.get("/credits/transactions", limit=1))["next_cursor"]
    other = person(client)

    assert flaws(me.get("/credits/transactions", bucket="gold")) == {"bucket": "NOT_ALLOWED"}
    assert flaws(me.get("/credits/transactions", user_id="x")) == {"user_id": "UNKNOWN_FIELD"}
    for answer in (
        me.get("/credits/transactions", limit=1, cursor=cursor, bucket="daily"),
        other.get("/credits/transactions", limit=1, cursor=cursor),
    ):
        assert problem(answer) == (422, "INVALID_CURSOR")


def test_nobody_sees_the_ledger_of_others(client: FlaskClient, me: Person) -> None:
    spend(me, 1)

    assert document(person(client).get("/credits/transactions"))["items"] == []


# -- administrators


def test_administrator_gives_and_takes_credits(
    admin: Person, me: Person, user: dict[str, Any]
) -> None:
    path = f"/users/{user['id']}/credits"

    given = document(admin.post(path, {"amount": 10} | REASON))
    taken = document(admin.post(path, {"amount": -4} | REASON))
    refused = admin.post(path, {"amount": -7} | REASON)

    assert given["credits"]["prepaid"]["balance"] == 10
    assert taken["credits"] == document(me.get("/credits")) == document(admin.get(path))
    assert taken["credits"]["total"] == 26
    assert problem(refused) == (402, "INSUFFICIENT_CREDITS")
    assert {"available": 6, "requested": 7}.items() <= document(refused).items()
    rows = document(me.get("/credits/transactions", transaction_type="grant"))["items"]
    assert {(row["id"], row["amount"], row["reason"]) for row in rows} == {
        (given["transaction_ids"][0], 10, "For tests"),
        (taken["transaction_ids"][0], -4, "For tests"),
    }


def test_spend_is_refunded_once(admin: Person, me: Person, user: dict[str, Any]) -> None:
    give(user["id"], 10)
    spent = document(spend(me, 24))
    path, body = f"/users/{user['id']}/credits/refunds", {"spend_id": spent["spend_id"]} | REASON

    refund, again = admin.post(path, body), admin.post(path, body)

    assert document(refund)["credits"]["total"] == 30
    assert len(document(refund)["transaction_ids"]) == 2
    assert problem(again) == (409, "ALREADY_REFUNDED")
    assert total(me) == 30
    assert differences() == []


def test_refund_that_comes_too_late_is_refused(
    admin: Person, me: Person, user: dict[str, Any]
) -> None:
    body = {"spend_id": document(spend(me, 2))["spend_id"]} | REASON
    path = f"/users/{user['id']}/credits/refunds"

    with clock.frozen(NOON + timedelta(hours=12)):
        late = person(admin.client, make_admin()).post(path, body)

    assert problem(late) == (409, "REFUND_LAPSED")


def test_credits_of_nobody_are_not_found(admin: Person, user: dict[str, Any]) -> None:
    grant = {"amount": 1} | REASON
    refund = {"spend_id": str(uuid4())} | REASON
    get_db()(get_db().users.id == user["id"]).update(is_deleted=True)

    for user_id in (uuid4(), user["id"]):
        for answer in (
            admin.get(f"/users/{user_id}/credits"),
            admin.post(f"/users/{user_id}/credits", grant),
            admin.post(f"/users/{user_id}/credits/refunds", refund),
        ):
            assert problem(answer) == (404, "USER_NOT_FOUND")
    assert problem(admin.post(f"/users/{make_user()['id']}/credits/refunds", refund)) == (
        (404, "SPEND_NOT_FOUND")
    )


NO_GRANTS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"amount": 0, "reason": "x"}, {"amount": "OUT_OF_RANGE"}),
    ({"amount": -1_000_001, "reason": "x"}, {"amount": "OUT_OF_RANGE"}),
    ({"amount": True, "reason": "x"}, {"amount": "WRONG_TYPE"}),
    ({"amount": 1}, {"reason": "REQUIRED"}),
    ({"amount": 1, "reason": None}, {"reason": "WRONG_TYPE"}),
    ({"amount": 1, "reason": " "}, {"reason": "WRONG_FORMAT"}),
]


def test_what_is_no_grant_is_refused_by_field(admin: Person, user: dict[str, Any]) -> None:
    for body, codes in NO_GRANTS:
        assert flaws(admin.post(f"/users/{user['id']}/credits", body)) == codes, body
