"""Row D14: a database that takes no writes for a while. What reads works, what writes says so."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.faults.sites import HISTORY, Site
from tests.support.routes import DOCUMENT, HASH

LEARNER = "anna"
READ_ONLY = 'service_state{state="read_only"}'


def test_d14_every_get_is_answered_while_nothing_can_be_written(site: Site) -> None:
    with site.client() as client, _administrator(site):
        made = site.write(client).json()
        client.post("/api/v1/learners", json={"id": LEARNER, "name": "Anna"}).raise_for_status()
        me = client.get("/api/v1/users/me").json()
        paths = _paths_of_gets(client)
        with _read_only(site):
            site.wait_until_ready("read_only")
            answers = {path: _get(client, path, made, me) for path in paths}
            state = site.metric(READ_ONLY)

    assert len(answers) >= 8
    assert {path: status for path, status in answers.items() if status not in (200, 404)} == {}
    assert answers[f"{HISTORY}/{{id}}"] == answers["/api/v1/users/me/profile"] == 200
    assert answers["/api/v1/learners/{learner_id}"] == answers["/api/v1/audit"] == 200
    assert state == 1


def test_d14_every_write_is_refused_until_the_database_writes_again(site: Site) -> None:
    with site.client() as client:
        made = site.write(client).json()
        with _read_only(site):
            refused = [
                site.write(client),
                client.patch(f"{HISTORY}/{made['id']}", json={"payload": {}}),
                client.delete(f"{HISTORY}/{made['id']}"),
                client.patch("/api/v1/users/me/profile", json={"display_name": "Ada"}),
                client.patch("/api/v1/users/me", json={"full_name": "Ada"}),
                client.post(HISTORY, json={"action_type": "A", "payload": {}}, headers=_KEY),
                client.post("/api/v1/auth/login", json={"email": "a@example.com", "password": "x"}),
                client.post("/api/v1/auth/logout"),
            ]
        after = site.write(client)

    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (503, "READ_ONLY"), answer.request.url
        assert answer.headers["Retry-After"] == "30"
    assert after.status_code == 201
    site.wait_until_ready()
    assert site.metric(READ_ONLY) == 0


_KEY = {"Idempotency-Key": "d14-only"}


def _paths_of_gets(client: httpx.Client) -> list[str]:
    document: dict[str, Any] = json.loads(client.get("/openapi.json").text)
    return sorted(path for path, item in document["paths"].items() if "get" in item)


def _get(client: httpx.Client, path: str, made: dict[str, Any], me: dict[str, Any]) -> int:
    parts = {
        "id": made["id"] if "history" in path else me["id"],
        "learner_id": LEARNER,
        "hash": HASH,
        **DOCUMENT,
    }
    # Who pulls may say who it is, which would be noted.
    query = {"client_id": "phone"} if path == "/api/v1/sync" else {}
    answer = client.get(path.format(**parts), params=query)
    # Nothing is for sale here, which is no fault of the database.
    return 404 if "BILLING_NOT_CONFIGURED" in answer.text else answer.status_code


@contextmanager
def _read_only(site: Site) -> Iterator[None]:
    """Let the server take no writes, as for its maintenance."""
    setting = "default_transaction_read_only" if site.engine == "postgresql" else "read_only"
    _set(site, setting, "on")
    try:
        yield
    finally:
        _set(site, setting, "off")


def _set(site: Site, setting: str, value: str) -> None:
    if site.engine == "mariadb":
        site.server.execute(f"SET GLOBAL {setting} = {value}")
        return
    site.server.execute(f"ALTER SYSTEM SET {setting} = {value}")
    site.server.execute("SELECT pg_reload_conf()")
    site.server.kill_connections()  # So that nobody begins before it has read the setting.


@contextmanager
def _administrator(site: Site) -> Iterator[None]:
    """Let the one who asks see what administrators see."""
    change = "UPDATE users SET role = '{}' WHERE email = 'ada@example.com'"
    site.execute(change.format("admin"))
    try:
        yield
    finally:
        site.execute(change.format("viewer"))
