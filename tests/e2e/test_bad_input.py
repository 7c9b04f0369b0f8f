"""The corpus of bad bodies against the real server: a clear 4xx each, and nothing is changed."""

import json

from tests.api.test_body import INVALID, MALFORMED, UNSTORABLE
from tests.e2e.test_journey import register
from tests.support.backend import Backend

JSON = {"Content-Type": "application/json"}
VALID = b'{"action_type":"A","payload":{}}'
BODIES = {
    **{name: body for name, (body, _) in (MALFORMED | UNSTORABLE).items()},
    **{name: json.dumps(body).encode() for name, (body, *_) in INVALID.items()},
    "cut in a character": '{"action_type":"ä'.encode()[:-1],
    "too large": VALID[:-2] + b" " * 1_048_576 + b"}}",
    "payload too deep": b'{"action_type":"A","payload":' + b'{"a":' * 40 + b"1" + b"}" * 41,
    "action_type too long": b'{"action_type":"' + b"a" * 51 + b'","payload":{}}',
    "foreign column": VALID[:-1] + b',"user_id":"00000000-0000-4000-8000-000000000000"}',
    "version of one's own": VALID[:-1] + b',"version":7}',
    "id of no UUID": VALID[:-1] + b',"id":"1"}',
}
QUERIES = (
    *("?a=1", "?id=1&id=2", "?%ff=1", "?a=%00", "?a=%ed%a0%80"),
    "?" + "&".join(f"a{number}" for number in range(200)),
)


def test_bad_bodies_are_refused_and_change_nothing(backend: Backend) -> None:
    with backend.client() as client:
        register(client)
        profile = client.get("/api/v1/users/me/profile").json()
        statuses = {}
        for name, body in BODIES.items():
            made = client.post("/api/v1/history", content=body, headers=JSON)
            changed = client.patch("/api/v1/users/me/profile", content=body, headers=JSON)
            statuses[name] = {made.status_code, changed.status_code}
            for answer in (made, changed):
                assert answer.headers["Content-Type"] == "application/problem+json", name
                assert answer.json()["request_id"] == answer.headers["X-Request-ID"]

        assert client.get("/api/v1/history").json()["items"] == []
        assert client.get("/api/v1/users/me/profile").json() == profile

    wrong = {name: found for name, found in statuses.items() if not found <= {400, 413, 422}}
    assert wrong == {}


def test_bad_queries_are_refused_and_change_nothing(backend: Backend) -> None:
    with backend.client() as client:
        register(client)

        statuses = {
            client.post(f"/api/v1/history{query}", content=VALID, headers=JSON).status_code
            for query in QUERIES
        }

        assert statuses == {422}
        assert client.get("/api/v1/history").json()["items"] == []


def test_other_content_types_are_refused_and_change_nothing(backend: Backend) -> None:
    with backend.client() as client:
        register(client)

        answers = [
            client.post("/api/v1/history", content=VALID),
            client.post("/api/v1/history", content=VALID, headers={"Content-Type": "text/plain"}),
            client.post("/api/v1/history", data={"action_type": "A"}),
            client.post("/api/v1/history", content=iter([VALID]), headers=JSON),
        ]

        assert [answer.status_code for answer in answers] == [415, 415, 415, 411]
        assert client.get("/api/v1/history").json()["items"] == []
