"""Learners and what is theirs, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import clock
from tests.support.people import Person, document, person, problem

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEARNER: dict[str, Any] = {
    "id": "anna",
    "name": "Änna Ü",
    "dob": "2019",
    "interests": ["dinosaurs", {"a": 1}],
    "mental_age": 6.5,
    "extracted_data": {"é": [1, None]},
    "extra": {"x": True},
}
CARD: dict[str, Any] = {
    "card_type": "cloze",
    "content": {"front": "好", "image": "data:image/png;base64,AAAA", "n": 1.5},
}
MESSAGE: dict[str, Any] = {
    "role": "user",
    "content": "你好 🐶",
    "mentions": ["x"],
    "config": {"a": 1},
    "extra": {"b": None},
}


@pytest.fixture
def ada(client: FlaskClient) -> Person:
    return person(client)


@pytest.fixture
def anna(ada: Person) -> Person:
    assert ada.post("/learners", LEARNER).status_code == 201
    return ada


def walk(asking: Person, path: str, **query: Any) -> list[dict[str, Any]]:
    items, cursor = [], {}
    while True:
        page = document(asking.get(path, **query, **cursor))
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


def test_learner_is_stored_once_and_comes_back(ada: Person) -> None:
    first, again = ada.post("/learners", LEARNER), ada.post("/learners", LEARNER)

    assert (first.status_code, again.status_code) == (201, 200)
    learner = document(first)
    assert document(again) == learner == document(ada.get("/learners/anna"))
    assert {name: learner[name] for name in LEARNER} == LEARNER
    assert learner["character_roster"] == []
    other = ada.post("/learners", LEARNER | {"name": "Other"})
    assert problem(other) == (409, "LEARNER_EXISTS")


def test_learner_without_an_id_gets_one_of_the_name(ada: Person) -> None:
    ids = [
        document(ada.post("/learners", {"name": name}))["id"]
        for name in ("Änna  Ü.", "anna u", "小明", "小红")
    ]

    assert ids == ["anna-u", "anna-u-2", "learner", "learner-2"]


def test_learners_are_listed_newest_first(ada: Person) -> None:
    for number in range(5):
        with clock.frozen(NOON + timedelta(seconds=number // 2)):
            ada.post("/learners", {"id": f"l{number}" * (number + 1), "name": "L"})
    ada.delete("/learners/l0")

    found = [one["id"] for one in walk(ada, "/learners", limit=1)]

    assert found == ["l4" * 5, "l3" * 4, "l2" * 3, "l1" * 2]
