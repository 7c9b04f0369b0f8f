"""Consents over HTTP: who is asked, what is proven, and what a person holds in hand."""

import hashlib
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.api.access import access_of, allow, needs_terms
from app.models import delete_user, get_database
from app.usecases.publishing import publish
from tests.factories import make_admin, make_guest, make_user
from tests.support.people import Person, document, flaws, person, problem, register
from tests.support.statements import sent_statements
from tests.support.threads import run_together

ACTION = {"action_type": "A", "payload": {}}
YES = {"terms_accepted": True, "marketing_consent": False}
NO = {"terms_accepted": False, "marketing_consent": False}
# What uses the product. Whoever has not accepted the terms may do everything else.
GATED = {
    "POST /api/v1/learners",
    "PATCH /api/v1/learners/<learner_id>",
    "POST /api/v1/learners/<learner_id>/words",
    "POST /api/v1/learners/<learner_id>/removals/words",
    "POST /api/v1/learners/<learner_id>/grammar",
    "POST /api/v1/learners/<learner_id>/removals/grammar",
    "POST /api/v1/learners/<learner_id>/cards",
    "PATCH /api/v1/learners/<learner_id>/cards/<id>",
    "POST /api/v1/learners/<learner_id>/messages",
    "PATCH /api/v1/learners/<learner_id>/messages/<id>",
    "POST /api/v1/history",
    "PATCH /api/v1/history/<id>",
    "POST /api/v1/credits/spend",
    "POST /api/v1/credits/holds",
    "POST /api/v1/credits/holds/<id>/capture",
    "POST /api/v1/billing/checkout",
    "PUT /api/v1/query-cache/<hash>",
    "POST /api/v1/sync",
}


@pytest.fixture
def ada(client: FlaskClient) -> Person:
    return person(client)


def publish_terms(
    version: str, language: str = "en", *, effective_at: datetime | None = None
) -> str:
    """Publish terms and return their SHA-256."""
    body = f"# Terms {version} {language}\n"
    publish("terms", version, language, body=body, effective_at=effective_at)
    return hashlib.sha256(body.encode()).hexdigest()


def decide(who: Person, **changes: Any) -> TestResponse:
    return who.put("/consents/me", YES | changes)


def history_of(who: Person, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = document(who.get("/consents/me/history", **query))["items"]
    return items


def test_nobody_is_asked_while_there_are_no_terms(ada: Person) -> None:
    ada.post("/history", ACTION)
    with sent_statements() as sent:
        made = ada.post("/history", ACTION)

    assert made.status_code == 201
    assert [sql for sql in sent if "consent" in sql] == []
    unasked = dict.fromkeys(["terms_version", "timestamp", "updated_at"])
    assert document(ada.get("/consents/me")) == NO | unasked | {"required": [], "is_current": True}
    assert history_of(ada) == []


def test_new_terms_are_asked_for_until_they_are_accepted(ada: Person) -> None:
    made = document(ada.post("/history", ACTION))
    action, digests = f"/history/{made['id']}", {}

    for version in ("1", "2"):
        digests[version] = publish_terms(version)
        refused = ada.post("/history", ACTION)
        assert problem(refused) == (403, "CONSENT_REQUIRED")
        assert (document(refused)["document"], document(refused)["version"]) == ("terms", version)
        assert problem(ada.patch(action, {"action_type": "B"})) == (403, "CONSENT_REQUIRED")
        for path in ("/history", action, "/users/me", "/consents/me/receipt"):
            assert ada.get(path).status_code == 200
        assert ada.patch("/users/me", {"full_name": "Ada"}).status_code == 200
        standing = document(ada.get("/consents/me"))
        (required,) = standing["required"]
        assert (required["version"], required["languages"]) == (version, ["en"])
        assert standing["is_current"] is False

        accepted = document(decide(ada, terms_version=version))

        assert (accepted["is_current"], accepted["terms_version"]) == (True, version)
        assert ada.post("/history", ACTION).status_code == 201

    publish_terms("3")
    proven = [(event["version"], event["sha256"]) for event in history_of(ada)]
    assert proven == [("2", digests["2"]), ("1", digests["1"])]
    assert ada.delete(action).status_code == 204
    assert ada.post("/auth/logout").status_code == 204


def test_terms_come_into_force_when_they_say_and_not_before(ada: Person) -> None:
    begin = clock.now() + timedelta(minutes=1)
    publish_terms("1", effective_at=begin)

    assert ada.post("/history", ACTION).status_code == 201
    refused = decide(ada, terms_version="1")
    assert problem(refused) == (422, "TERMS_NOT_IN_FORCE")
    assert document(refused)["version"] is None
    with clock.frozen(begin - timedelta(microseconds=1)):
        assert ada.post("/history", ACTION).status_code == 201
    with clock.frozen(begin):  # The process knew of them before.
        assert problem(ada.post("/history", ACTION)) == (403, "CONSENT_REQUIRED")
        assert decide(ada, terms_version="1").status_code == 200


def test_other_processes_notice_new_terms_within_five_seconds(ada: Person) -> None:
    start = clock.now()
    with clock.frozen(start):
        ada.post("/history", ACTION)
        assert get_database().dal.consent_documents.insert(
            document="terms",
            version="1",
            language="en",
            sha256="0" * 64,
            body="x",
            effective_at=start,
            created_at=start,
        )
        assert ada.post("/history", ACTION).status_code == 201
    with clock.frozen(start + timedelta(seconds=5)):
        assert problem(ada.post("/history", ACTION)) == (403, "CONSENT_REQUIRED")


def test_terms_that_changed_since_they_were_read_are_not_accepted_unseen(ada: Person) -> None:
    publish_terms("1")
    read = document(ada.get("/consents/me"))["required"][0]["version"]
    publish_terms("2")

    refused = decide(ada, terms_version=read)

    assert problem(refused) == (422, "TERMS_NOT_IN_FORCE")
    assert document(refused)["version"] == "2"
    assert history_of(ada) == []
    assert document(decide(ada, terms_version="2"))["is_current"] is True


def test_decision_names_the_text_how_it_was_made_and_no_whole_address(
    app: Flask, client: FlaskClient, ada: Person
) -> None:
    publish_terms("1", "de")
    digest = publish_terms("1", "fr")
    client.environ_base["REMOTE_ADDR"] = "2001:db8:1234:5678::9"

    decide(ada, terms_version="1", language="fr", method="checkbox", surface="sign-up 4.2")

    (event,) = history_of(ada)
    assert UUID(event.pop("id")).version == 7
    assert abs(datetime.fromisoformat(event.pop("created_at")) - clock.now()) < timedelta(minutes=1)
    assert event == {
        "purpose": "terms",
        "decision": "accepted",
        "document": "terms",
        "version": "1",
        "language": "fr",
        "sha256": digest,
        "method": "checkbox",
        "surface": "sign-up 4.2",
        "address": "2001:db8:1234::/48",
    }


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("unix", None),
    ],
)
def test_of_an_address_its_network_is_kept(
    client: FlaskClient, ada: Person, address: str, kept: str | None
) -> None:
    client.environ_base["REMOTE_ADDR"] = address

    decide(ada, terms_accepted=False, marketing_consent=True)

    assert [event["address"] for event in history_of(ada)] == [kept]


def test_language_is_english_or_the_first_one_if_nobody_says(client: FlaskClient) -> None:
    publish_terms("1", "de")
    publish_terms("1", "ar")
    one, other = person(client), person(client)
    decide(one)
    publish_terms("1", "en")
    decide(other)

    assert [event["language"] for event in history_of(one) + history_of(other)] == ["de", "en"]
    assert flaws(decide(person(client), language="pt-BR")) == {"language": "NOT_ALLOWED"}


def test_everything_can_be_taken_back_as_easily_as_it_was_given(ada: Person) -> None:
    digest = publish_terms("1")
    decide(ada, marketing_consent=True)
    publish_terms("2")

    # Whoever takes back the one need not accept the news of the other.
    kept = document(decide(ada, terms_version="1", marketing_consent=False))
    assert (kept["terms_accepted"], kept["terms_version"]) == (True, "1")
    assert (kept["marketing_consent"], kept["is_current"]) == (False, False)
    left = document(decide(ada, terms_accepted=False))

    assert (left["terms_accepted"], left["terms_version"]) == (False, None)
    told = [(event["purpose"], event["decision"], event["sha256"]) for event in history_of(ada)]
    assert told[:2] == [("terms", "withdrawn", digest), ("marketing", "withdrawn", None)]
    assert sorted(told[2:]) == [("marketing", "accepted", None), ("terms", "accepted", digest)]
    assert left["timestamp"] < left["updated_at"] == history_of(ada)[0]["created_at"]


def test_what_changes_nothing_proves_nothing_new(ada: Person) -> None:
    publish_terms("1")
    first = document(decide(ada, marketing_consent=True))

    again = document(decide(ada, marketing_consent=True, method="button"))

    assert again == first
    assert len(history_of(ada)) == 2


def test_new_text_of_marketing_is_proven_when_it_is_agreed_to(ada: Person) -> None:
    only_marketing = partial(decide, ada, terms_accepted=False, marketing_consent=True)
    for version in ("1", "2"):
        publish("marketing", version, "en", body=f"We write {version} times a year.")
        only_marketing()
        only_marketing()
    decide(ada, terms_accepted=False)

    told = [(event["decision"], event["version"]) for event in history_of(ada)]
    assert told == [("withdrawn", "2"), ("accepted", "2"), ("accepted", "1")]


BAD: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"terms_version": "unknown"}, {"terms_version": "TERMS_NOT_IN_FORCE"}),
    ({"terms_version": "1 "}, {"terms_version": "WRONG_FORMAT"}),
    ({"terms_version": "1" * 51}, {"terms_version": "WRONG_FORMAT"}),
    ({"terms_version": "1\0"}, {"terms_version": "NUL_CHARACTER"}),
    ({"language": "english!"}, {"language": "WRONG_FORMAT"}),
    ({"language": "en\0"}, {"language": "NUL_CHARACTER"}),
    ({"surface": "s" * 101}, {"surface": "TOO_LONG"}),
    ({"surface": " "}, {"surface": "WRONG_FORMAT"}),
    ({"surface": "\0"}, {"surface": "NUL_CHARACTER"}),
    ({"method": "claim"}, {"method": "NOT_ALLOWED"}),
    ({"method": ""}, {"method": "NOT_ALLOWED"}),
    ({"terms_accepted": None}, {"terms_accepted": "WRONG_TYPE"}),
    ({"marketing_consent": "yes"}, {"marketing_consent": "WRONG_TYPE"}),
    ({"address": "203.0.113.77"}, {"address": "UNKNOWN_FIELD"}),
]


def test_bad_input_decides_nothing(ada: Person) -> None:
    publish_terms("1")

    for changes, expected in BAD:
        assert flaws(decide(ada, **changes)) == expected

    assert history_of(ada) == []
    assert document(ada.get("/consents/me"))["timestamp"] is None


def test_silence_is_no_consent(ada: Person) -> None:
    assert flaws(ada.put("/consents/me", {})) == dict.fromkeys(NO, "REQUIRED")


def test_guest_agrees_and_stays_who_agreed_when_it_registers(client: FlaskClient) -> None:
    publish_terms("1")
    guest = person(client, make_guest())
    assert problem(guest.post("/history", ACTION)) == (403, "CONSENT_REQUIRED")
    decide(guest)
    assert guest.post("/history", ACTION).status_code == 201
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {guest.access_token}"
    registered = document(register(client))
    del client.environ_base["HTTP_AUTHORIZATION"]
    member = Person(client, registered["access_token"])

    assert member.post("/history", ACTION).status_code == 201
    assert [event["decision"] for event in history_of(member)] == ["accepted"]


@pytest.mark.parametrize("is_same", [True, False])
def test_decisions_at_once_leave_the_last_one_and_lose_none(
    app: Flask, ada: Person, *, is_same: bool
) -> None:
    publish_terms("1")
    choices = [YES | {"marketing_consent": is_same or bool(number % 2)} for number in range(8)]
    clients = [Person(app.test_client(), ada.access_token) for _ in choices]

    answers = run_together(
        [partial(who.put, "/consents/me", one) for who, one in zip(clients, choices, strict=True)]
    )

    assert {answer.status_code for answer in answers if isinstance(answer, TestResponse)} == {200}
    state, events = document(ada.get("/consents/me")), history_of(ada, limit=50)
    terms = [event for event in events if event["purpose"] == "terms"]
    marketing = [event for event in events if event["purpose"] == "marketing"]
    assert len(terms) == 1
    assert state["updated_at"] == events[0]["created_at"]
    assert state["marketing_consent"] == (marketing[0]["decision"] == "accepted")
    # Each event is a change: they take turns, beginning with yes.
    told = [event["decision"] for event in reversed(marketing)]
    assert told == (["accepted", "withdrawn"] * 8)[: len(told)]
    assert len(told) == 1 or not is_same
    assert len({event["created_at"] for event in marketing}) == len(marketing)


def test_decisions_are_ordered_also_if_the_clock_stands_still_or_goes_back(ada: Person) -> None:
    publish_terms("1")
    start = clock.now()
    for minutes, wanted in ((0, True), (0, False), (-1, True), (-2, False)):
        with clock.frozen(start + timedelta(minutes=minutes)):
            decide(ada, terms_accepted=False, marketing_consent=wanted)

    events = history_of(ada)
    told = [event["decision"] for event in events]
    assert told == ["withdrawn", "accepted"] * 2
    assert len({event["created_at"] for event in events}) == 4
    state = document(ada.get("/consents/me"))
    assert (state["marketing_consent"], state["updated_at"]) == (False, events[0]["created_at"])


def test_history_is_walked_page_by_page_and_is_one_s_own(client: FlaskClient, ada: Person) -> None:
    publish_terms("1")
    for wanted in (True, False, True, False):
        decide(ada, marketing_consent=wanted)
    decide(person(client), marketing_consent=True)
    met: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = document(ada.get("/consents/me/history", limit=2, **cursor))
        met += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert met == [event["id"] for event in history_of(ada)]
    assert len(set(met)) == 5


def test_receipt_is_a_file_that_leads_to_what_was_shown(client: FlaskClient) -> None:
    digest = publish_terms("1")
    user = make_user(full_name="Ada Lovelace")
    ada = person(client, user)
    decide(ada, method="checkbox", surface="sign-up")

    answer = ada.get("/consents/me/receipt")

    name = f'attachment; filename="consents-{user["id"]}.json"'
    assert answer.headers["Content-Disposition"] == name
    receipt = document(answer)
    assert receipt.keys() == {"user_id", "issued_at", "purposes"}
    assert receipt["user_id"] == str(user["id"])
    (item,) = receipt["purposes"]
    assert item["decided_at"] == history_of(ada)[0]["created_at"]
    expected = {"purpose": "terms", "decision": "accepted", "version": "1", "language": "en"}
    how = {"sha256": digest, "method": "checkbox", "surface": "sign-up"}
    assert item | expected | how == item
    text = document(client.get(item["text"]))
    assert hashlib.sha256(text["body"].encode()).hexdigest() == digest == text["sha256"]
    assert "Ada" not in answer.text
    assert user["email"] not in answer.text


def test_texts_are_there_for_everybody(client: FlaskClient) -> None:
    later = clock.now() + timedelta(days=1)
    for version, begin in (("1", None), ("2", None), ("3", later)):
        publish_terms(version, effective_at=begin)
    publish_terms("2", "de")

    page = document(client.get("/api/v1/consents/documents"))

    told = [(one["version"], one["language"], one["is_in_force"]) for one in page["items"]]
    in_force = [("2", "en", True), ("2", "de", True)]
    assert told == [("1", "en", False), *in_force, ("3", "en", False)]
    assert page["next_cursor"] is None
    for path, expected in (
        ("terms/3/en", 200),
        ("terms/3/de", 404),
        ("terms/4/en", 404),
        ("Terms/3/en", 422),
        ("terms/3%00/en", 422),
        ("terms/3/e", 422),
    ):
        assert client.get(f"/api/v1/consents/documents/{path}").status_code == expected, path


def test_administrators_find_who_agreed_to_what(client: FlaskClient) -> None:
    publish_terms("1")
    users = [make_user() for _ in range(5)]
    decide(person(client, users[0]))
    publish_terms("2")
    decide(person(client, users[1]))
    decide(person(client, users[2]), marketing_consent=True)
    decide(person(client, users[3]), terms_accepted=False, marketing_consent=True)
    decide(person(client, users[4]), marketing_consent=True)
    delete_user(users[4]["id"])
    admin = person(client, make_admin())

    def found(**query: Any) -> list[int]:
        items = document(admin.get("/consents", **query))["items"]
        ids = [str(user["id"]) for user in users]
        return [ids.index(item["user_id"]) for item in items]

    assert found() == [3, 2, 1, 0]
    assert found(terms_version="2") == [2, 1]
    assert found(marketing_consent="true") == [3, 2]
    assert found(terms_accepted="false") == [3]
    assert found(terms_accepted="true", marketing_consent="false") == [1, 0]
    first = document(admin.get("/consents", limit=3))
    rest = document(admin.get("/consents", limit=3, cursor=first["next_cursor"]))
    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [3, 1, None]


def test_routes_that_use_the_product_ask_for_the_terms(app: Flask) -> None:
    views = {
        f"{method} {rule.rule}": app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    gated = {route for route, view in views.items() if needs_terms(view)}

    assert gated == GATED
    assert {access_of(views[route]) for route in gated} == {"user"}


def test_nobody_who_is_unknown_can_be_asked_for_the_terms() -> None:
    with pytest.raises(ValueError, match="public"):
        allow("public", terms=True)
