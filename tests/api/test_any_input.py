"""Whatever comes in: never a 5xx, and every refusal is a problem document."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.usecases.sessions import Client, open_session
from tests.factories import PASSWORD, make_admin, make_history, make_learner, make_user
from tests.support.routes import LEARNER

ANNA = "/api/v1/learners/<learner_id>"
NASTY_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
NASTY = [
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "\ufeff",
        "😀" * 300,
        "a" * 5000,
        "'",
        "\\",
        "\\'; --",
        "%",
        "_",
        "null",
    ),
    *(
        "a@b",
        "A@EXAMPLE.COM",
        "a@example.com",
        "seven purple umbrellas",
        "viewer",
        "admin",
        "guest",
    ),
    *("2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-01"),
    *("00000000-0000-0000-0000-000000000000", NASTY_ID, "me"),
    *(0, 1, -1, 2**31, 2**63 - 1, -(2**63), 2**64, 0.5, 1e308, 5e-324, True, False, None),
]
VALID: dict[str, dict[str, Any]] = {
    "POST /api/v1/auth/register": {
        "email": "b@example.com",
        "password": PASSWORD,
        "full_name": "B",
    },
    "POST /api/v1/auth/login": {"email": "b@example.com", "password": PASSWORD},
    "POST /api/v1/auth/refresh": {"refresh_token": "x.y"},
    "PATCH /api/v1/users/me": {"full_name": "B"},
    "PATCH /api/v1/users/me/profile": {
        "display_name": "B",
        "avatar_url": "https://example.com/b.png",
        "first_name": "B",
        "last_name": "B",
        "phone": "1",
        "timezone": "Europe/Berlin",
        "language_preference": "de",
        "preferences": {"theme": None, "a": {"b": 1}},
    },
    "PATCH /api/v1/users/<id>": {"role": "viewer", "is_active": True},
    "POST /api/v1/history": {"id": NASTY_ID, "action_type": "A", "payload": {}},
    "PATCH /api/v1/history/<id>": {"action_type": "A", "payload": {}},
    "POST /api/v1/learners": {
        "id": "b",
        "name": "B",
        "dob": "B",
        "interests": [],
        "mental_age": 6.5,
        "raw_input": "B",
        "extracted_data": {},
        "extra": {},
    },
    "PATCH /api/v1/learners/<learner_id>": {"name": "B", "extra": {}, "school": None},
    f"POST {ANNA}/words": {"language": "en", "words": ["B", {"word": "b", "added_at": None}]},
    f"POST {ANNA}/removals/words": {"language": "en", "words": ["B", {"word": "b"}]},
    f"POST {ANNA}/grammar": {"grammar": ["B", {"grammar_uri": "b", "added_at": None}]},
    f"POST {ANNA}/removals/grammar": {"grammar": ["B", {"grammar_uri": "b"}]},
    f"POST {ANNA}/cards": {
        "id": NASTY_ID,
        "card_type": "cloze",
        "status": "synced",
        "content": {},
        "approved_at": "0001-01-01T00:00:00Z",
    },
    f"PATCH {ANNA}/cards/<id>": {"card_type": "basic", "status": "synced", "content": {}},
    f"POST {ANNA}/messages": {
        "id": NASTY_ID,
        "role": "user",
        "content": "B",
        "mentions": [],
        "config": {},
        "extra": {},
        "timestamp": "9999-12-31T23:59:59.999999Z",
    },
    f"PATCH {ANNA}/messages/<id>": {"role": "tool", "content": "B", "mentions": None},
    "POST /api/v1/sync": {
        "client_id": "b",
        "client_name": "B",
        "cursor": None,
        "mutations": [
            {
                "mutation_id": "b",
                "table": "history",
                "op": "upsert",
                "id": NASTY_ID,
                "base_version": 0,
                "fields": {"action_type": "A", "payload": {}},
            }
        ],
    },
    "POST /api/v1/credits/holds": {"amount": 1, "description": "B", "expires_in": 60},
    "POST /api/v1/credits/holds/<id>/capture": {"amount": 1},
    "POST /api/v1/credits/claim": {"guest_token": f"{NASTY_ID}.{'x' * 43}"},
    "PUT /api/v1/consents/me": {
        "terms_accepted": False,
        "marketing_consent": True,
        "terms_version": "1",
        "language": "en",
        "method": "button",
        "surface": "B",
    },
}
QUERIES = ("limit", "cursor", "start_date", "end_date", "action_type", "role", "user_type",
           "is_active", "is_deleted", "email", "terms_version", "since", "tables", "client_id",
           "extra", "language", "status", "card_type")  # fmt: skip
values = st.recursive(
    st.sampled_from(NASTY) | st.text(max_size=20) | st.integers() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
rarely = st.sampled_from([False] * 9 + [True])
objects = st.dictionaries(st.text(max_size=9), values, max_size=4)
queries = st.dictionaries(st.sampled_from(QUERIES), st.sampled_from(NASTY).map(str), max_size=3)


@st.composite
def bodies(draw: st.DrawFn, route: str) -> Any:
    """Draw a valid body with a few members replaced, or something else altogether."""
    valid = VALID.get(route)
    if valid is None or draw(rarely):
        return draw(values)
    kept = sorted(valid) if draw(st.booleans()) else draw(st.sets(st.sampled_from(sorted(valid))))
    replaced = draw(
        st.dictionaries(st.sampled_from([*valid, "extra"]), values | objects, max_size=2)
    )
    return {name: valid[name] for name in kept} | replaced


@pytest.fixture
def calls(app: Flask) -> list[tuple[str, str]]:
    return [
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_input_is_a_fault_of_ours(
    app: Flask, calls: list[tuple[str, str]], data: st.DataObject
) -> None:
    caller = make_admin() if data.draw(st.booleans()) else make_user()
    own = make_history(caller["id"])
    belongings = make_learner(caller["id"], LEARNER)
    token = open_session(caller["id"], Client()).access_token
    method, rule = data.draw(st.sampled_from(calls))
    ids = [own["id"], caller["id"], *belongings.values()]
    some_id = data.draw(st.sampled_from(ids) | st.sampled_from(NASTY))
    learner_id = data.draw(st.just(LEARNER) | st.sampled_from(NASTY))
    has_query = data.draw(rarely) or method == "GET"
    body = json.dumps(data.draw(bodies(f"{method} {rule}"))).encode()
    has_body = f"{method} {rule}" in VALID or data.draw(rarely)

    answer = app.test_client().open(
        rule.replace("<id>", _quoted(some_id)).replace("<learner_id>", _quoted(learner_id)),
        method=method,
        query_string=_encodable(data.draw(queries)) if has_query else None,
        data=body if has_body else None,
        content_type="application/json" if has_body else None,
        headers={"Authorization": f"Bearer {token}"},
    )

    assert answer.status_code < 500, answer.text
    assert answer.status_code < 400 or answer.mimetype == "application/problem+json"


def _quoted(value: object) -> str:
    return quote(str(value).encode("utf-8", "surrogatepass"), safe="")


def _encodable(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value.encode("utf-8", "surrogatepass") for name, value in query.items()}
