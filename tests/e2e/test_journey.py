"""What a client does first, over real HTTP on each engine."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner

from app.cli import main
from app.config import get_settings
from tests.support.backend import Backend

PASSWORD = "seven purple umbrellas"


def register(client: httpx.Client, email: str = "ada@example.com") -> dict[str, Any]:
    answer = client.post(
        "/api/v1/auth/register",
        json={"email": email, "password": PASSWORD, "full_name": "Ada"},
    )
    assert answer.status_code == 201, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    body: dict[str, Any] = answer.json()
    return body


def test_client_registers_writes_lists_changes_and_deletes(backend: Backend) -> None:
    with backend.client() as client:
        registered = register(client)
        login = client.post(
            "/api/v1/auth/login", json={"email": "ADA@example.com", "password": PASSWORD}
        )
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        me = client.get("/api/v1/users/me")
        ids = [str(uuid4()) for _ in range(5)]
        for number, action_id in enumerate(ids):
            made = client.post(
                "/api/v1/history",
                json={"id": action_id, "action_type": "TRANSLATE", "payload": {"ä": number}},
            )
            assert made.status_code == 201, made.text
        first = client.get("/api/v1/history", params={"limit": 3}).json()
        rest = client.get(
            "/api/v1/history", params={"limit": 3, "cursor": first["next_cursor"]}
        ).json()
        changed = client.patch(f"/api/v1/history/{ids[0]}", json={"payload": {"seen": True}})
        deleted = client.delete(f"/api/v1/history/{ids[1]}")
        gone = client.get(f"/api/v1/history/{ids[1]}")
        left = client.get("/api/v1/history").json()
        logout = client.post("/api/v1/auth/logout")
        after = client.get("/api/v1/users/me")

    assert me.json()["id"] == registered["user"]["id"]
    assert me.json()["last_login_at"].endswith("Z")
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert (changed.status_code, changed.json()["payload"]) == (200, {"seen": True})
    assert (deleted.status_code, deleted.content, gone.status_code) == (204, b"", 404)
    assert {item["id"] for item in left["items"]} == set(ids) - {ids[1]}
    assert (logout.status_code, after.status_code) == (204, 401)


def test_others_see_nothing(backend: Backend) -> None:
    with backend.client() as ada, backend.client() as eve:
        register(ada)
        register(eve, "eve@example.com")
        made = ada.post("/api/v1/history", json={"action_type": "SECRET", "payload": {"a": 1}})
        path = f"/api/v1/history/{made.json()['id']}"

        answers = [
            eve.get(path),
            eve.patch(path, json={"payload": {}}),
            eve.delete(path),
        ]
        listed = eve.get("/api/v1/history").json()

        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert listed["items"] == []
        assert ada.get(path).json()["payload"] == {"a": 1}


def test_same_id_and_body_again_is_the_same_row(backend: Backend) -> None:
    body = {"id": str(uuid4()), "action_type": "PAY", "payload": {"n": 1}}
    with backend.client() as client:
        register(client)

        first = client.post("/api/v1/history", json=body)
        again = client.post("/api/v1/history", json=body)
        other = client.post("/api/v1/history", json=body | {"payload": {"n": 2}})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == again.json()


def test_admin_made_by_the_command_signs_in(
    backend: Backend, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    get_settings.cache_clear()
    made = CliRunner().invoke(
        main, ["users", "create-admin", "--email", "root@example.com", "--json"]
    )
    get_settings.cache_clear()
    facts = json.loads(made.stdout)

    with backend.client() as client:
        login = client.post(
            "/api/v1/auth/login", json={"email": facts["email"], "password": facts["password"]}
        )
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        users = client.get("/api/v1/users")

    assert login.json()["user"]["role"] == "admin"
    assert [user["email"] for user in users.json()["items"]] == ["root@example.com"]


def test_everything_written_comes_back_equal(backend: Backend) -> None:
    payload = {
        "text": "ä😀\u2028'\"\\%_\\\\n'); DROP TABLE users; --",
        "empty": "",
        "big": 2**63 - 1,
        "small": -(2**63),
        "float": 0.1,
        "tiny": 5e-324,
        "list": [None, True, [], {}],
        " ": {"nested": {"deep": [1, 2.5]}},
    }
    with backend.client() as client:
        register(client)

        made = client.post("/api/v1/history", json={"action_type": "A'B\\", "payload": payload})
        read = client.get(f"/api/v1/history/{made.json()['id']}")

    assert made.json()["payload"] == read.json()["payload"] == payload
    assert read.json()["action_type"] == "A'B\\"


def test_probes_and_documents_are_served(backend: Backend) -> None:
    with backend.client() as client:
        statuses = {
            path: client.get(path).status_code
            for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs")
        }

    assert set(statuses.values()) == {200}
