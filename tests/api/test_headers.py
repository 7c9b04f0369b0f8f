"""The headers that protect whoever reads an answer: on every route, and on every status."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidHeader,
    LimitRequestHeaders,
    LimitRequestLine,
)
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app import create_app
from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.errors import STATUS
from app.server.refusals import BUSY, TIMEOUT, Refusal, find_refusal, write_refusal
from tests.support.headers import missing_protection
from tests.support.service import connected, settings_for

SOME_ID = "01890000-0000-7000-8000-000000000000"
ASSET = "/docs/css/swagger-ui.css"
EVERY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
JSON = {"content_type": "application/json"}
NO_LENGTH = {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}

# By real requests to routes that need no database.
ASKED: dict[int, Callable[[FlaskClient], TestResponse]] = {
    200: lambda client: client.get("/healthz"),
    204: lambda client: client.delete(f"/echo/{SOME_ID}"),
    206: lambda client: client.get(ASSET, headers={"Range": "bytes=0-9"}),
    304: lambda client: client.get(ASSET, headers={"If-None-Match": "*"}),
    400: lambda client: client.post("/echo", data="{", **JSON),
    401: lambda client: client.get("/api/v1/users/me"),
    404: lambda client: client.get("/nowhere"),
    405: lambda client: client.put("/healthz"),
    411: lambda client: client.post(
        "/echo", headers={"Transfer-Encoding": "chunked"}, environ_overrides=NO_LENGTH, **JSON
    ),
    413: lambda client: client.post("/echo", data=b"x" * 1_048_577, **JSON),
    415: lambda client: client.post("/echo", data="{}"),
    416: lambda client: client.get(ASSET, headers={"Range": "bytes=99999999-"}),
    422: lambda client: client.post("/echo", json={}),
    500: lambda client: client.get("/fault"),
    503: lambda client: client.get("/readyz"),
}
# By a route that raises them, because Flask or a database would have to do it.
RAISED = sorted({status.value for status in STATUS.values()} | {403, 408, 409, 410, 414, 429, 431})


@pytest.fixture
def faulty(edge: Flask) -> FlaskClient:
    """Someone who talks to the application, with routes that fail and answer as they are told."""
    routes = Blueprint("faults", __name__, ignores_queries=True)

    @routes.get("/fault")
    @allow("public")
    def get_fault() -> Any:
        raise ZeroDivisionError

    @routes.get("/created")
    @allow("public")
    def get_created() -> Any:
        return {}, 201

    edge.register_blueprint(routes)
    for status in RAISED:
        edge.add_url_rule(f"/raised/{status}", f"raised-{status}", _raiser(status))
    return edge.test_client()


def _raiser(status: int) -> Callable[[], Any]:
    def view() -> Any:
        error = HTTPException()
        error.code = status
        raise error

    return view


def walk(app: Flask) -> list[tuple[str, str]]:
    """Name every method at every address, those that are not there too."""
    return [
        (method, rule.rule.replace("<id>", SOME_ID).replace("<path:name>", ASSET[6:]))
        for rule in app.url_map.iter_rules()
        for method in EVERY_METHOD
    ]


def test_every_route_protects_every_answer(edge: Flask) -> None:
    client = edge.test_client()
    unprotected = {}
    for method, path in walk(edge):
        with client.open(path, method=method) as answer:
            wrong = missing_protection(path, answer.headers)
        if wrong:
            unprotected[f"{method} {path}", answer.status_code] = wrong

    assert unprotected == {}


@pytest.mark.parametrize("status", ASKED)
def test_every_status_is_protected(faulty: FlaskClient, status: int) -> None:
    with ASKED[status](faulty) as answer:
        assert answer.status_code == status
        assert missing_protection("/", answer.headers) == {}


@pytest.mark.parametrize("status", [201, *RAISED])
def test_every_status_that_is_raised_is_protected(faulty: FlaskClient, status: int) -> None:
    answer = faulty.get("/created" if status == 201 else f"/raised/{status}")

    assert answer.status_code == status
    assert missing_protection(answer.request.path, answer.headers) == {}


def test_only_files_with_an_etag_may_be_kept(edge: Flask) -> None:
    client = edge.test_client()
    kept = set()
    for method, path in walk(edge):
        with client.open(path, method=method) as answer:
            if answer.headers.get("Cache-Control") != "no-store":
                kept.add((method, path, answer.headers["Cache-Control"], "ETag" in answer.headers))

    assert kept == {("GET", ASSET, "no-cache", True), ("HEAD", ASSET, "no-cache", True)}


@pytest.mark.parametrize("status", [200, 304, 401, 404, 405, 422, 500])
def test_browsers_are_told_to_use_tls_where_it_was_used(faulty: FlaskClient, status: int) -> None:
    faulty.application.config["PREFERRED_URL_SCHEME"] = "https"

    with ASKED[status](faulty) as answer:
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("status", [200, 401, 500])
def test_without_tls_nothing_is_promised_about_it(faulty: FlaskClient, status: int) -> None:
    with ASKED[status](faulty) as answer:
        assert "Strict-Transport-Security" not in answer.headers


def test_answers_say_what_they_are(faulty: FlaskClient) -> None:
    types = {}
    for status, ask in ASKED.items():
        with ask(faulty) as answer:
            types[status] = answer.headers.get("Content-Type")

    documents = {status for status, kind in types.items() if kind == "application/problem+json"}
    assert documents == {status for status in ASKED if status >= 400}
    assert types[200] == "application/json"
    assert types[204] is None
    assert str(types[206]).startswith("text/css; charset=utf-8")


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(TIMEOUT, 408), (BUSY, 503), (find_refusal(ZeroDivisionError()), 500),
     (find_refusal(LimitRequestLine(9000, 4094)), 414),
     (find_refusal(LimitRequestHeaders("many")), 431),
     (find_refusal(ExpectationFailed("tea")), 417), (find_refusal(InvalidHeader("x")), 400)],
)  # fmt: skip
def test_answers_of_the_worker_itself_are_protected(refusal: Refusal, status: int) -> None:
    head, _, _ = write_refusal(refusal).decode().partition("\r\n\r\n")
    line, *fields = head.split("\r\n")

    headers = dict(field.split(": ", 1) for field in fields)
    assert int(line.split()[1]) == status
    assert missing_protection("/", headers) == {}
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Connection"] == "close"


PROBED = [
    *("/.git/config", "/.git/HEAD", "/.env", "/.svn/entries", "/.DS_Store", "/.htaccess"),
    *("/admin", "/admin/", "/debug", "/console", "/server-status", "/server-info", "/status"),
    *("/actuator", "/actuator/env", "/metrics/", "/healthz/", "/phpinfo.php", "/wp-login.php"),
    *("/backup.sql", "/app.db", "/data/app.db", "/secret_key", "/static/", "/robots.txt"),
    *("/__debugger__", "/?__debugger__=yes&cmd=resource&f=style.css", "/graphql", "/api", "/api/"),
    *("/api/v1", "/api/v1/", "/api/v2/users/me", "/swagger", "/swagger.json", "/api-docs"),
    *("/openapi", "/openapi.yaml", "/redoc", "/docs/", "/docs/../app.db", "/docs/%2e%2e/app.db"),
    *("/docs/..%2f..%2f..%2fapp.py", "/docs//etc/passwd", "/docs/%00", "/docs/css/", "/docs/css"),
    *("/%2e%2e/%2e%2e/etc/passwd", "/api/v1/users/me/", "/API/V1/users/me"),
]


@pytest.mark.parametrize("path", PROBED)
def test_what_scanners_look_for_is_not_here(edge_client: FlaskClient, path: str) -> None:
    with edge_client.get(path) as answer:
        assert answer.status_code == 404
        assert answer.mimetype == "application/problem+json"
        assert missing_protection(path, answer.headers) == {}


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "DEBUG", "X"])
@pytest.mark.parametrize("path", ["/healthz", "/api/v1/users/me", "/docs"])
def test_no_route_takes_other_methods(edge_client: FlaskClient, method: str, path: str) -> None:
    answer = edge_client.open(path, method=method, headers={"Authorization": "Bearer secret"})

    assert (answer.status_code, answer.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "secret" not in answer.text
    assert "GET" in answer.headers["Allow"]


def test_description_of_the_api_is_not_served_in_production(tmp_path: Path) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/none.db", tmp_path)
    with connected(settings):
        app = create_app(settings.model_copy(update={"env": "prod"}))
        client = app.test_client()
        statuses = {
            path: client.get(path).status_code
            for path in ("/openapi.json", "/docs", "/docs/start.js", ASSET)
        }

    assert set(statuses.values()) == {404}
    assert app.debug is False
    assert app.testing is False
