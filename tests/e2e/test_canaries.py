"""What people entrust to the service is in no log: not in its own, gunicorn's or the database's.

A marker stands in every field, header and path that a client can fill, in requests that succeed and
in those that fail: at the edge, in a rule, in the database, and by the loss of the connection.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from tests.container.conftest import Roles, make_roles
from tests.fakes import Payment, sign
from tests.support.backend import Backend, running
from tests.support.databases import migrate
from tests.support.run import Run
from tests.support.servers import Server

API = "/api/v1"
MARK = f"canary{uuid4().hex}"
WEBHOOK_SECRET = f"whsec_{MARK}"


@pytest.fixture
def roles(server: Server, suite_run: Run) -> Iterator[Roles]:
    """A migrated database with the roles of production."""
    name = suite_run.new_name()
    server.create_database(name)
    made = make_roles(server, name)
    assert made.returncode == 0, made.stderr
    roles = Roles(server, name)
    migrate(roles.url("owner"))
    yield roles
    server.drop_database(name)


@pytest.fixture
def backend(roles: Roles, tmp_path: Path) -> Iterator[Backend]:
    """The service as the role that serves, as talkative as it can be made."""
    with running(
        roles.url("rw"),
        tmp_path,
        LOG_LEVEL="debug",
        DB_ECHO_SQL="true",
        MAIL_SENDER="file",
        STRIPE_SECRET_KEY=f"sk_test_{MARK}",
        STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET,
        STRIPE_API_BASE="http://127.0.0.1:9",  # Nobody listens.
    ) as backend:
        yield backend


@pytest.fixture
def server_log(roles: Roles) -> Callable[[], str]:
    """Return what the database server has written since."""
    assert roles.server.process is not None
    log = roles.server.process.log
    begin = log.stat().st_size
    return lambda: log.read_bytes()[begin:].decode("utf-8", "replace")


@pytest.mark.slow
def test_no_marker_is_in_any_log(
    backend: Backend, roles: Roles, server_log: Callable[[], str]
) -> None:
    with backend.client() as client:
        token = sign_up(client)
        speak(client, token)
        roles.execute("owner", "UPDATE users SET role = 'admin'")
        pay(client, token)
        fail_at_the_edge(client, token)
        fail_in_the_database(client, roles, token)
    send_malformed(backend)
    backend.stop()

    assert lines_with_marker(stored_events(roles)) == []
    assert lines_with_marker(map(json.dumps, backend.log)) == []
    assert lines_with_marker(server_log().splitlines()) == []
    assert {"request", "database_error"} <= {event["event"] for event in backend.log}


def test_a_server_without_the_settings_of_the_role_would_write_it(
    roles: Roles, server_log: Callable[[], str]
) -> None:
    if roles.server.engine != "postgresql":
        pytest.skip("only PostgreSQL logs statements that failed")
    wrong = sa.text("SELECT 1 FROM users WHERE email = :mark AND nothing = 1")
    for url in (roles.url("rw"), roles.server.maintenance.set(database=roles.database)):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError):
            connection.execute(wrong, {"mark": f"{MARK}-{engine.url.username}"})

    assert f"{MARK}-postgres" in server_log()
    assert f"{MARK}-app_rw" not in server_log()


@pytest.mark.parametrize(
    "forged",
    ['x\r\n{"event": "forged"}', 'x\n{"event": "forged"}', "\x1b[2J\x07", "\u2028\u0085forged"],
    ids=["CRLF", "LF", "control", "separators"],
)
def test_no_request_can_make_a_line_of_its_own(sqlite_backend: Backend, forged: str) -> None:
    before = len(sqlite_backend.log)

    with sqlite_backend.client() as client:
        client.get("/x", params={"a": forged})
    head = f"GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: {forged}\r\nX-Request-ID: {forged}\r\n\r\n"
    answer = exchange(sqlite_backend, head.encode())

    assert b"forged" not in answer
    with sqlite_backend.client() as client:
        client.get("/healthz")
    events = sqlite_backend.log[before:]
    assert all("forged" not in json.dumps(event) and event["level"] != "text" for event in events)


def sign_up(client: httpx.Client) -> str:
    """Register and sign in, in ways that succeed and that fail; return a token's header."""
    account = {"email": f"{MARK}@example.com", "password": f"{MARK} one two"}
    registered = client.post(f"{API}/auth/register", json=account | {"full_name": MARK})
    assert registered.status_code == 201, registered.text
    for body in (
        account,
        account | {"password": MARK},
        account | {"email": f"{MARK}2@example.com"},
    ):
        client.post(f"{API}/auth/login", json=body)
    # An e-mail that is taken: refused by a constraint.
    assert client.post(f"{API}/auth/register", json=account).status_code == 409
    client.post(f"{API}/auth/password/forgot", json={"email": account["email"]})
    for route in ("auth/refresh", "auth/password/reset", "auth/email/verify"):
        client.post(f"{API}/{route}", json={"refresh_token": MARK, "token": MARK})
    return f"Bearer {registered.json()['access_token']}"


def speak(client: httpx.Client, token: str) -> None:
    """Say everything that a signed-in client can say, with headers of its own."""
    headers = {
        "Authorization": token,
        "User-Agent": MARK,
        "Idempotency-Key": MARK,
        "Cookie": f"{MARK}={MARK}",
        "Referer": f"https://{MARK}.example.com",
        "X-Forwarded-For": MARK,
        "X-Request-ID": f"{MARK} is no id",
        f"X-{MARK}": MARK,
    }
    profile = {
        **dict.fromkeys(("display_name", "first_name", "last_name", "phone"), MARK[:40]),
        "avatar_url": f"https://example.com/{MARK}",
        "preferences": {MARK: MARK},
    }
    requests: list[tuple[str, str, Any]] = [
        ("PATCH", "users/me", {"full_name": MARK}),
        ("PATCH", "users/me/profile", profile),
        ("POST", "history", {"action_type": MARK[:50], "payload": {MARK: [MARK]}}),
        ("GET", f"history?action_type={MARK}", None),
        ("GET", f"history?cursor={MARK}", None),
        ("GET", f"users?email={MARK}", None),
        ("POST", "auth/password", {"current_password": MARK, "new_password": f"{MARK} new"}),
    ]
    for method, path, body in requests:
        client.request(method, f"{API}/{path}", json=body, headers=headers)


def pay(client: httpx.Client, token: str) -> None:
    """Let credits come and go for reasons of somebody's own, and Stripe tell who has paid."""
    headers = {"Authorization": token}
    me = client.get(f"{API}/users/me", headers=headers).json()["id"]
    bill = {"credits": 100, "success_url": f"https://{MARK}.example.com/", "cancel_url": MARK}
    requests: list[tuple[str, str, dict[str, Any], int]] = [
        ("POST", f"users/{me}/credits", {"amount": 50, "reason": MARK}, 200),
        ("POST", f"users/{me}/credits", {"amount": -999, "reason": MARK}, 402),
        ("POST", "credits/spend", {"amount": 1, "description": MARK}, 200),
        ("POST", "credits/spend", {"amount": 999, "description": MARK}, 402),
        ("POST", "credits/holds", {"amount": 1, "description": MARK}, 201),
        ("POST", "credits/claim", {"guest_token": MARK}, 422),
        ("POST", "billing/checkout", bill, 422),
        ("POST", "billing/checkout", {"credits": 100}, 503),
        ("PUT", f"query-cache/{'a' * 64}", {"result": {MARK: MARK}}, 201),
        ("PUT", f"query-cache/{MARK}", {"result": MARK}, 422),
        ("PUT", "consents/me", {"terms_version": MARK, "surface": MARK}, 422),
    ]
    for method, path, body, status in requests:
        answer = client.request(method, f"{API}/{path}", json=body, headers=headers)
        assert answer.status_code == status, (path, answer.text)
        assert status < 400 or MARK not in answer.text
    client.get(f"{API}/credits/transactions", params={"cursor": MARK}, headers=headers)
    hear_of_payments(client, me)


def hear_of_payments(client: httpx.Client, user_id: str) -> None:
    """Deliver events that are right, of nobody we know, and wrongly signed."""
    for payer in (user_id, MARK):
        person = {"email": f"{MARK}@example.com", "name": MARK, "address": {"line1": MARK}}
        body = json.dumps(Payment(payer).paid(customer_details=person, custom_fields=[MARK]))
        for secret, expected in ((WEBHOOK_SECRET, 200), (f"whsec_{MARK} wrong", 400)):
            signature = sign(body, secret=secret)
            headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
            answer = client.post(f"{API}/webhooks/stripe", content=body, headers=headers)
            assert (answer.status_code, MARK in answer.text) == (expected, False), answer.text
    headers = {"Stripe-Signature": f"t={MARK},v1={MARK}", "Content-Type": "application/json"}
    refused = client.post(f"{API}/webhooks/stripe", content=f'{{"{MARK}', headers=headers)
    assert (refused.status_code, MARK in refused.text) == (400, False)


def fail_at_the_edge(client: httpx.Client, token: str) -> None:
    """Send what the service refuses before any rule sees it."""
    headers = {"Authorization": token}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/{MARK}", {}),
        ("GET", f"{API}/history/{MARK}", {}),
        (MARK.upper(), "/healthz", {}),
        ("PATCH", f"{API}/users/me", {"json": {MARK: MARK}}),
        ("PATCH", f"{API}/users/me", {"json": {"full_name": MARK * 200}}),
        ("PATCH", f"{API}/users/me", {"json": {"full_name": f"{MARK}\0"}}),
        ("PATCH", f"{API}/users/me", {"content": f'{{"{MARK}'}),
        ("PATCH", f"{API}/users/me", {"content": f"{MARK}=1"}),
    ]
    for method, path, options in requests:
        kind = {"Content-Type": "application/json"} if "content" in options else {}
        refused = client.request(method, path, headers=headers | kind, **options)
        assert 400 <= refused.status_code < 500
    client.get(f"{API}/users/me", headers={"Authorization": f"Bearer {MARK}"})


def fail_in_the_database(client: httpx.Client, roles: Roles, token: str) -> None:
    """Let statements with markers fail: by a lock, a lost connection, a constraint."""
    headers = {"Authorization": token}
    action = {"action_type": (MARK * 2)[:50], "payload": {"a": MARK}}

    def rename() -> int:
        answer = client.patch(f"{API}/users/me", json={"full_name": f"{MARK} 2"}, headers=headers)
        return answer.status_code

    with owner_of(roles) as owner:
        owner.execute(sa.text("SELECT id FROM users FOR UPDATE")).all()
        assert rename() == 503
    with owner_of(roles) as owner:
        owner.execute(sa.text("SELECT id FROM users FOR UPDATE")).all()
        cut = threading.Timer(0.5, cut_service, [roles.server])
        cut.start()
        assert rename() in (200, 503)
        cut.join()
    roles.execute("owner", "ALTER TABLE history ADD CHECK (char_length(action_type) < 45)")
    assert client.post(f"{API}/history", json=action, headers=headers).status_code >= 409


def cut_service(server: Server) -> None:
    """End the connections of the role that serves."""
    if server.engine == "postgresql":
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app_rw'"
        )
    else:
        server.execute("KILL USER app_rw")


def stored_events(roles: Roles) -> list[str]:
    """Return what is kept of the events of Stripe."""
    with owner_of(roles) as owner:
        kept = [repr(row) for row in owner.execute(sa.text("SELECT * FROM stripe_events"))]
    assert len(kept) == 2
    return kept


@contextmanager
def owner_of(roles: Roles) -> Iterator[sa.Connection]:
    """A transaction of the owner, rolled back."""
    engine = sa.create_engine(roles.url("owner"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def send_malformed(backend: Backend) -> None:
    """Send what is no HTTP, which gunicorn refuses itself."""
    heads = [
        f"{MARK}\r\n\r\n",
        f"GET /{MARK} HTTP/9.9\r\nHost: a\r\n\r\n",
        f"G(T /{MARK} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\n{MARK} : x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {MARK}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {MARK}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nX_{MARK}: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {MARK} {MARK}\r\n\r\n",
        f"GET /{MARK * 200} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nX: {MARK * 300}\r\n\r\n",
    ]
    for head in heads:
        exchange(backend, head.encode())


def exchange(backend: Backend, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", backend.port), 10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while part := connection.recv(65_536):
                received += part
        except ConnectionResetError:
            pass
        return received


def lines_with_marker(lines: Any) -> list[str]:
    return [line[:600] for line in lines if MARK[:20].lower() in line.lower()]
