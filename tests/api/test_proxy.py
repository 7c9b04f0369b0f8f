"""Who asks, behind proxies: believed as far as PROXY_HOPS says, and no further."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from pydantic import SecretStr

from app import clock, create_app
from app.api.access import allow
from app.api.blueprint import Blueprint
from app.config import Settings
from app.models import get_db, release
from app.usecases.lockout import GUESS_LIMIT
from tests.factories import PASSWORD, make_user
from tests.support.people import API, login, problem
from tests.support.service import connected

FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "api.example.com",
}
# Whatever some server somewhere believes. None is ours.
HOSTILE = {
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    "X-Real-IP": "6.6.6.6",
    "X-Client-IP": "6.6.6.6",
    "Client-IP": "6.6.6.6",
    "True-Client-IP": "6.6.6.6",
    "CF-Connecting-IP": "6.6.6.6",
    "X-Cluster-Client-IP": "6.6.6.6",
    "X-Originating-IP": "6.6.6.6",
    "X-Remote-Addr": "6.6.6.6",
    "X-Forwarded": "for=6.6.6.6",
    "X-Forwarded-Scheme": "https",
    "X-Forwarded-SSL": "on",
    "X-Url-Scheme": "https",
    "Front-End-Https": "on",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Script-Name": "/evil",
    "X-Forwarded-Server": "evil.example",
    "X-Host": "evil.example",
    "X-Original-Host": "evil.example",
    "X-Original-URL": "/api/v1/users",
    "X-Rewrite-URL": "/api/v1/users",
    "X-Original-Method": "DELETE",
    "X-HTTP-Method-Override": "DELETE",
}
NAMED = {"address": "127.0.0.1", "is_secure": False, "host": "localhost"}
BEHIND = {"address": "203.0.113.7", "is_secure": True, "host": "api.example.com"}
MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Build the application behind so many proxies; its database is that of the process."""
    with connected(Settings(data_dir=tmp_path)):

        def make(hops: int, **settings: str) -> Flask:
            app = create_app(
                Settings(data_dir=tmp_path).model_copy(update={"proxy_hops": hops, **settings})
            )
            app.register_blueprint(_seen())
            return app

        yield make


def _seen() -> Blueprint:
    routes = Blueprint("seen", __name__)

    @routes.get("/seen")
    @allow("public")
    def get_seen() -> dict[str, Any]:
        assert (request.script_root, request.path, request.method) == ("", "/seen", "GET")
        return {
            "address": request.remote_addr,
            "is_secure": request.is_secure,
            "host": request.host,
        }

    return routes


@pytest.mark.parametrize(("hops", "seen"), [(0, NAMED), (1, BEHIND)])
def test_forwarded_headers_count_as_far_as_our_proxies_go(
    make_app: MakeApp, hops: int, seen: dict[str, Any]
) -> None:
    answer = make_app(hops).test_client().get("/seen", headers=FORWARDED)

    assert answer.json == seen
    assert ("Strict-Transport-Security" in answer.headers) is seen["is_secure"]


@pytest.mark.parametrize(("hops", "seen"), [(0, NAMED), (1, BEHIND)])
def test_other_headers_never_say_who_asks_or_for_what(
    make_app: MakeApp, hops: int, seen: dict[str, Any]
) -> None:
    answer = make_app(hops).test_client().get("/seen", headers=HOSTILE | FORWARDED)

    assert answer.json == seen


@pytest.mark.parametrize(
    ("header", "value"),
    [("X-Forwarded-For", "6.6.6.6, 7.7.7.7, 203.0.113.7"),
     ("X-Forwarded-Host", "evil.example, api.example.com"),
     ("X-Forwarded-Proto", "http, https")],
)  # fmt: skip
def test_what_a_client_wrote_before_our_proxy_is_not_believed(
    make_app: MakeApp, header: str, value: str
) -> None:
    answer = make_app(1).test_client().get("/seen", headers=FORWARDED | {header: value})

    assert answer.json == BEHIND


@pytest.mark.parametrize("hops", [0, 1])
@pytest.mark.parametrize(
    "host", ["evil.example", "api.example.com.evil.example", "evil.example:443", "a@b", "[::1", ""]
)
def test_untrusted_host_is_refused_whatever_other_headers_say(
    make_app: MakeApp, hops: int, host: str
) -> None:
    app = make_app(hops, trusted_hosts="api.example.com")
    spoofed = {"X-Forwarded-Host": host} if hops else {**FORWARDED, "Host": host}

    answer = app.test_client().get("/seen", headers=HOSTILE | spoofed)

    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert "Location" not in answer.headers


@pytest.mark.parametrize("host", ["api.example.com", "API.Example.com", "api.example.com:5000"])
@pytest.mark.parametrize("hops", [0, 1])
def test_trusted_host_is_answered(make_app: MakeApp, hops: int, host: str) -> None:
    client = make_app(hops, trusted_hosts="api.example.com").test_client()

    assert client.get("/seen", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "target",
    ["http://evil.example/seen", "http://api.example.com@evil.example/seen",
     "http:///seen", "https://", "seen", "?x", "/seen#x", "ftp://localhost/seen"],
)  # fmt: skip
def test_target_that_names_another_host_is_refused(make_app: MakeApp, target: str) -> None:
    client = make_app(0).test_client()

    answer = client.get("/seen", environ_overrides={"RAW_URI": target})

    assert problem(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("target", ["/seen", "http://localhost/seen", "HTTP://LOCALHOST/seen?"])
def test_target_on_the_host_itself_is_answered(make_app: MakeApp, target: str) -> None:
    client = make_app(0).test_client()

    assert client.get("/seen", environ_overrides={"RAW_URI": target}).status_code == 200


@pytest.mark.parametrize("hops", [0, 1])
def test_no_header_dodges_the_lock_of_an_address(
    database_url: str, tmp_path: Path, hops: int
) -> None:
    settings = Settings(database_url=SecretStr(database_url), data_dir=tmp_path)
    with connected(settings), clock.frozen(clock.now()):
        client = create_app(settings.model_copy(update={"proxy_hops": hops})).test_client()
        make_user(email="ada@example.com")
        release()

        statuses = [
            _guess(client, number, "198.51.100.9" if hops else None)
            for number in range(GUESS_LIMIT.free_attempts + 2)
        ]
        locked = _guess(client, 99, "198.51.100.9" if hops else None, password=PASSWORD)
        elsewhere = _guess(client, 99, "198.51.100.10" if hops else None, peer="192.0.2.2")

    assert statuses == [401] * (GUESS_LIMIT.free_attempts + 1) + [429]
    assert (locked, elsewhere) == (429, 401)


def _guess(
    client: FlaskClient,
    number: int,
    proxied: str | None,
    *,
    peer: str = "192.0.2.1",
    password: str = "wrong guess",
) -> int:
    """Guess from one address, with headers that claim another one each time."""
    claimed = f"10.0.0.{number}"
    return client.post(
        f"{API}/auth/login",
        json={"email": "ada@example.com", "password": password},
        headers={
            **dict.fromkeys(HOSTILE, claimed),
            "Forwarded": f"for={claimed}",
            "X-Forwarded-For": f"{claimed}, {proxied}" if proxied else claimed,
        },
        environ_base={"REMOTE_ADDR": peer},
    ).status_code


def test_address_that_is_kept_is_the_one_our_proxy_saw(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=SecretStr(database_url), data_dir=tmp_path)
    with connected(settings):
        client = create_app(settings.model_copy(update={"proxy_hops": 1})).test_client()
        make_user(email="ada@example.com")
        release()

        client.environ_base["HTTP_X_FORWARDED_FOR"] = "6.6.6.6, 203.0.113.7"
        answer = login(client, email="ada@example.com")
        session = get_db()(get_db().sessions).one()

    assert answer.status_code == 200
    assert session["address"] == "203.0.113.7"
