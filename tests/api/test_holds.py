"""Holds and claims over HTTP: what is said, and what an answer that was lost costs."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from tests.factories import make_guest, make_user
from tests.support.credits import differences, give
from tests.support.people import API, Person, document, flaws, person, problem, tokens_for


@pytest.fixture
def user(app: Flask) -> dict[str, Any]:
    """Somebody with 100 prepaid credits."""
    user = make_user()
    give(user["id"], 100)
    return user


@pytest.fixture
def ada(client: FlaskClient, user: dict[str, Any]) -> Person:
    """The same, signed in."""
    return person(client, user)


def place(somebody: Person, amount: int, **more: Any) -> dict[str, Any]:
    answer = somebody.post("/credits/holds", {"amount": amount, **more})
    assert answer.status_code == 201
    return document(answer)


def prepaid(somebody: Person) -> dict[str, int]:
    credits_now = document(somebody.get("/credits"))
    daily, found = credits_now["daily"], credits_now["prepaid"]
    assert credits_now["total"] == daily["available"] + found["balance"] - found["held"]
    held: dict[str, int] = found
    return held


def test_a_hold_is_told_and_counted(ada: Person) -> None:
    hold = place(ada, 60, description="A picture", expires_in=60)

    created, expires = (datetime.fromisoformat(hold[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(seconds=60)
    times = {"created_at", "expires_at"}
    assert {name: value for name, value in hold.items() if name not in times} == {
        "id": hold["id"],
        "amount": 60,
        "captured": 0,
        "state": "open",
        "reason": "A picture",
        "ended_at": None,
    }
    assert document(ada.get(f"/credits/holds/{hold['id']}")) == hold
    assert prepaid(ada) == {"balance": 100, "held": 60, "debt": 0}


def test_too_large_a_hold_says_what_is_available(ada: Person) -> None:
    place(ada, 60)

    answer = ada.post("/credits/holds", {"amount": 41})

    assert problem(answer) == (402, "INSUFFICIENT_CREDITS")
    assert (answer.json["available"], answer.json["requested"]) == (40, 41)


def test_what_is_held_cannot_be_spent(ada: Person) -> None:
    daily = document(ada.get("/credits"))["daily"]["available"]
    place(ada, 60)

    assert problem(ada.post("/credits/spend", {"amount": daily + 41}))[0] == 402
    assert ada.post("/credits/spend", {"amount": daily + 40}).status_code == 200
    assert prepaid(ada) == {"balance": 60, "held": 60, "debt": 0}
    assert differences() == []


def test_a_hold_is_captured_in_part(ada: Person) -> None:
    hold = place(ada, 60)

    ended = document(ada.post(f"/credits/holds/{hold['id']}/capture", {"amount": 25}))

    told = (ended["hold"]["state"], ended["hold"]["captured"])
    assert told == ("captured", 25)
    assert ended["credits"]["prepaid"] == {"balance": 75, "held": 0, "debt": 0}
    newest = document(ada.get("/credits/transactions"))["items"][0]
    assert [newest["id"]] == ended["transaction_ids"]
    change = (newest["transaction_type"], newest["amount"], newest["reference"])
    assert change == ("capture", -25, hold["id"])


def test_all_of_a_hold_is_captured_if_nothing_is_said(ada: Person) -> None:
    hold = place(ada, 60)

    ended = document(ada.post(f"/credits/holds/{hold['id']}/capture", {}))

    assert ended["credits"]["prepaid"] == {"balance": 40, "held": 0, "debt": 0}


def test_an_ended_hold_says_how_it_ended(
    client: FlaskClient, user: dict[str, Any], ada: Person
) -> None:
    captured, released, expired = (place(ada, 10)["id"] for _ in range(3))
    ada.post(f"/credits/holds/{captured}/capture", {})
    answer = document(ada.post(f"/credits/holds/{released}/release"))
    assert (answer["hold"]["state"], answer["transaction_ids"]) == ("released", [])

    with clock.frozen(clock.now() + timedelta(minutes=15, seconds=1)):
        later = person(client, user)
        # Nobody has ended the third one yet.
        states = [hold["state"] for hold in document(later.get("/credits/holds"))["items"]]
        codes = [
            problem(later.post(f"/credits/holds/{hold_id}/{end}", body))
            for hold_id in (captured, released, expired)
            for end, body in (("capture", {}), ("release", None))
        ]

    assert states == ["expired", "released", "captured"]
    assert codes == [
        (409, code) for code in ("HOLD_CAPTURED", "HOLD_RELEASED", "HOLD_EXPIRED") for _ in range(2)
    ]


def test_holds_are_listed_in_pages_newest_first(ada: Person) -> None:
    placed = [place(ada, 1)["id"] for _ in range(5)]

    first = document(ada.get("/credits/holds", limit=3))
    second = document(ada.get("/credits/holds", limit=3, cursor=first["next_cursor"]))

    assert [hold["id"] for hold in first["items"] + second["items"]] == placed[::-1]
    assert second["next_cursor"] is None


def test_holds_of_others_are_not_there(client: FlaskClient, ada: Person) -> None:
    hold = place(ada, 60)
    other = person(client)

    answers = [
        other.get(f"/credits/holds/{hold['id']}"),
        other.post(f"/credits/holds/{hold['id']}/capture", {}),
        other.post(f"/credits/holds/{hold['id']}/release"),
    ]

    assert {problem(answer) for answer in answers} == {(404, "HOLD_NOT_FOUND")}
    assert document(other.get("/credits/holds"))["items"] == []


def test_a_hold_that_makes_no_sense_is_refused(ada: Person) -> None:
    refused: list[tuple[dict[str, Any], str, str]] = [
        ({}, "amount", "REQUIRED"),
        ({"amount": 0}, "amount", "OUT_OF_RANGE"),
        ({"amount": 1_000_001}, "amount", "OUT_OF_RANGE"),
        ({"amount": 1.5}, "amount", "WRONG_TYPE"),
        ({"amount": 1, "expires_in": 59}, "expires_in", "OUT_OF_RANGE"),
        ({"amount": 1, "expires_in": 604_801}, "expires_in", "OUT_OF_RANGE"),
        ({"amount": 1, "description": " "}, "description", "WRONG_FORMAT"),
    ]

    for body, name, code in refused:
        assert flaws(ada.post("/credits/holds", body)) == {name: code}


def test_capture_of_more_than_is_held_names_the_field(ada: Person) -> None:
    hold = place(ada, 60)

    answer = ada.post(f"/credits/holds/{hold['id']}/capture", {"amount": 61})

    assert flaws(answer) == {"amount": "TOO_LARGE"}
    assert prepaid(ada)["held"] == 60


def test_a_capture_whose_answer_was_lost_is_told_again(client: FlaskClient, ada: Person) -> None:
    hold = place(ada, 60)
    headers = {"Authorization": f"Bearer {ada.access_token}", "Idempotency-Key": str(uuid4())}
    where = f"{API}/credits/holds/{hold['id']}/capture"

    first, second = (client.post(where, json={"amount": 20}, headers=headers) for _ in range(2))

    assert (first.status_code, second.data) == (200, first.data)
    assert prepaid(ada) == {"balance": 80, "held": 0, "debt": 0}


def test_a_guest_is_claimed_once(client: FlaskClient, ada: Person) -> None:
    guest = make_guest()
    give(guest["id"], 30)
    guest_token = tokens_for(guest).access_token

    first = document(ada.post("/credits/claim", {"guest_token": guest_token}))
    again = document(ada.post("/credits/claim", {"guest_token": guest_token}))
    other = person(client).post("/credits/claim", {"guest_token": guest_token})

    assert first["moved"] == {"prepaid": 30, "debt": 0, "consents": 0}
    assert again["moved"] == {"prepaid": 0, "debt": 0, "consents": 0}
    assert first["credits"] == again["credits"]
    assert first["credits"]["prepaid"]["balance"] == 130
    assert problem(other) == (409, "GUEST_CLAIMED")
    assert problem(Person(client, guest_token).get("/credits")) == (401, "TOKEN_INVALID")
    assert differences() == []


def test_a_claim_needs_a_guests_token(client: FlaskClient, ada: Person) -> None:
    own = ada.post("/credits/claim", {"guest_token": ada.access_token})
    none = ada.post("/credits/claim", {"guest_token": "none"})
    guest = person(client, make_guest())
    by_guest = guest.post("/credits/claim", {"guest_token": guest.access_token})

    assert problem(own) == (422, "NOT_A_GUEST")
    assert problem(none) == (422, "GUEST_TOKEN_INVALID")
    assert problem(by_guest) == (403, "GUEST_ACCOUNT")
