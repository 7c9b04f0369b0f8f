"""Learners and what is theirs, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from app import clock
from tests.support.people import Person, document, flaws, person, problem

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEARNER: dict[str, Any] = {
    "id": "anna",
    "name": "Änna Ü",
    "dob": "2019",
    "interests": ["dinosaurs", "é"],
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
    items: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
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


def test_change_replaces_what_it_names(anna: Person) -> None:
    changed = anna.patch("/learners/anna", {"interests": [], "dob": None, "mental_age": 7})

    learner = document(changed)
    assert (learner["interests"], learner["dob"], learner["mental_age"]) == ([], None, 7)
    assert learner["extra"] == LEARNER["extra"]
    assert anna.delete("/learners/anna").status_code == 204
    assert problem(anna.get("/learners/anna")) == (404, "LEARNER_NOT_FOUND")
    assert problem(anna.post("/learners", LEARNER)) == (409, "LEARNER_DELETED")


def test_what_no_learner_can_be_is_refused(ada: Person) -> None:
    wrong: list[tuple[str, Any]] = [
        *[("id", ".."), ("id", "Anna"), ("id", "a" * 65), ("name", " "), ("name", "x" * 201)],
        *[("interests", "dinosaurs"), ("mental_age", "6"), ("mental_age", 201)],
        ("extra", {"a": "x" * 65_536}),
    ]
    for field, value in wrong:
        assert list(flaws(ada.post("/learners", LEARNER | {field: value}))) == [field]


def test_five_thousand_words_go_in_and_are_told_one_by_one(anna: Person) -> None:
    words: list[Any] = [f"词 {number}" for number in range(4998)]
    words += [{"word": "词 0", "language": "ZH"}, {"word": "x" * 201, "language": "en"}]

    first = document(anna.post("/learners/anna/words", {"language": "zh", "words": words}))
    again = document(anna.post("/learners/anna/words", {"language": "zh", "words": words[:100]}))

    assert [entry["index"] for entry in first["added"]] == list(range(4998))
    assert first["present"] == [{"index": 4998, "id": first["added"][0]["id"]}]
    assert [(one["index"], one["code"]) for one in first["rejected"]] == [(4999, "TOO_LONG")]
    assert (again["added"], again["present"]) == ([], first["added"][:100])
    assert flaws(anna.post("/learners/anna/words", {"words": ["x"] * 5001})) == {
        "words": "TOO_LONG"
    }


def test_words_are_listed_by_language_and_time(anna: Person) -> None:
    said = (("zz", 20), ("zz", 21), ("ee", 21), ("zz", 22))
    words = [
        {"word": f"w{number}", "language": language, "added_at": f"2026-11-{day}T00:00:00Z"}
        for number, (language, day) in enumerate(said)
    ]
    added = document(anna.post("/learners/anna/words", {"words": words}))["added"]

    found = walk(anna, "/learners/anna/words", limit=1, language="ZZ")
    day = walk(
        anna,
        "/learners/anna/words",
        start_date="2026-11-21T00:00:00Z",
        end_date="2026-11-21T00:00:00Z",
    )

    assert [word["word"] for word in found] == ["w3", "w1", "w0"]
    assert {word["word"] for word in day} == {"w1", "w2"}
    first = added[0]["id"]
    assert document(anna.get(f"/learners/anna/words/{first}"))["word"] == "w0"
    assert anna.delete(f"/learners/anna/words/{first}").status_code == 204
    assert problem(anna.delete(f"/learners/anna/words/{first}")) == (404, "WORD_NOT_FOUND")
    removed = document(
        anna.post("/learners/anna/removals/words", {"language": "zz", "words": ["w0", "w1", ""]})
    )
    indexes = {name: [one["index"] for one in entries] for name, entries in removed.items()}
    assert indexes == {"removed": [1], "absent": [0], "rejected": [2]}


@pytest.mark.parametrize(("kind", "sent"), [("cards", CARD), ("messages", MESSAGE)])
def test_card_and_message_come_back_as_they_were_sent(
    anna: Person, kind: str, sent: dict[str, Any]
) -> None:
    made = anna.post(f"/learners/anna/{kind}", sent)

    row = document(made)
    place = f"/learners/anna/{kind}/{row['id']}"
    assert made.status_code == 201
    assert {name: row[name] for name in sent} == sent
    assert document(anna.get(place)) == row == walk(anna, f"/learners/anna/{kind}")[0]
    assert anna.post(f"/learners/anna/{kind}", sent | {"id": row["id"]}).status_code == 200
    assert flaws(anna.patch(place, {})) == {"": "NO_FIELDS"}
    assert anna.delete(place).status_code == 204
    assert anna.get(place).status_code == 404


def test_page_of_large_cards_ends_early_and_none_is_missed(anna: Person) -> None:
    large = CARD | {"content": {"image": "x" * 900_000}}
    ids = [document(anna.post("/learners/anna/cards", large))["id"] for _ in range(6)]

    page = document(anna.get("/learners/anna/cards", limit=5))

    assert len(page["items"]) == 2
    assert [card["id"] for card in walk(anna, "/learners/anna/cards")] == ids[::-1]


def test_card_that_is_stored_longer_than_told_hides_none(anna: Person) -> None:
    card = CARD | {"content": {"numbers": [1e300] * 7000}}
    ids = [document(anna.post("/learners/anna/cards", card))["id"] for _ in range(3)]

    assert [card["id"] for card in walk(anna, "/learners/anna/cards")] == ids[::-1]


def test_cursor_of_one_learner_is_not_of_another(anna: Person) -> None:
    anna.post("/learners", {"id": "ben", "name": "Ben"})
    anna.post("/learners/anna/words", {"language": "zh", "words": ["一", "二"]})
    cursor = document(anna.get("/learners/anna/words", limit=1))["next_cursor"]

    refused = anna.get("/learners/ben/words", limit=1, cursor=cursor)

    assert problem(refused) == (422, "INVALID_CURSOR")


def test_card_of_eight_mebibytes_is_stored_and_a_larger_one_refused(anna: Person) -> None:
    limit = 8 * 2**20
    fitting = {"image": "x" * (limit - len('{"image":""}'))}

    made = anna.post("/learners/anna/cards", CARD | {"content": fitting})
    larger = anna.post("/learners/anna/cards", CARD | {"content": fitting | {"a": 1}})

    assert made.status_code == 201
    assert list(flaws(larger)) == ["content"]
    assert problem(anna.post("/learners", LEARNER | {"raw_input": "x" * limit}))[0] == 413


def test_times_at_both_ends_of_the_calendar_are_kept(anna: Person) -> None:
    times = ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"]
    for timestamp in times:
        sent = anna.post("/learners/anna/messages", MESSAGE | {"timestamp": timestamp})
        assert document(sent)["timestamp"] == timestamp

    days = document(anna.get("/learners/anna/progress"))["days"]

    assert [day["day"] for day in days] == ["0001-01-01", "9999-12-31"]


def test_device_pulls_what_a_learner_has(anna: Person) -> None:
    anna.post("/learners/anna/words", {"language": "zh", "words": ["好"]})
    anna.post("/learners/anna/cards", CARD)
    first = document(anna.get("/sync"))
    sums = document(anna.get("/sync/checksum"))["tables"]

    anna.delete("/learners/anna")
    then = document(anna.get("/sync", cursor=first["cursor"]))

    (learner,) = first["changes"]["learner_profiles"]["upserted"]
    (word,) = first["changes"]["mastered_words"]["upserted"]
    (card,) = first["changes"]["approved_cards"]["upserted"]
    assert (learner["id"], word["profile_id"]) == ("anna", "anna")
    assert card["content"] == CARD["content"]
    counts = {name: one["count"] for name, one in sums.items() if one["count"]}
    assert counts == {"learner_profiles": 1, "mastered_words": 1, "approved_cards": 1}
    gone = {name: one["deleted"] for name, one in then["changes"].items() if one["deleted"]}
    assert gone == {
        "learner_profiles": ["anna"],
        "mastered_words": [word["id"]],
        "approved_cards": [card["id"]],
    }


def test_device_cannot_push_learners(anna: Person) -> None:
    mutation = {"mutation_id": "1", "table": "mastered_words", "op": "delete", "id": str(uuid4())}

    answer = anna.post("/sync", {"client_id": "phone", "mutations": [mutation]})

    (result,) = document(answer)["results"]
    assert (result["verdict"], result["code"]) == ("rejected", "TABLE_READ_ONLY")
