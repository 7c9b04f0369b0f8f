"""Every error is a problem document, whoever raised it, and tells nothing of the inside."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.hosts import ALLOWED_HOSTS
from app.errors import (
    AppError,
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    LengthRequired,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WrongContentType,
)
from app.health import HEALTH, Health, State
from app.log import configure_logging
from bilayer.runtime import errors as database

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}
SECRET = "SELECT password FROM users WHERE host = 'db.internal'"

REFUSALS: list[tuple[AppError, int]] = [
    (BadRequest("A", "b"), 400),
    (Unauthorized("A", "b"), 401),
    (Forbidden("A", "b"), 403),
    (NotFound("A", "b"), 404),
    (Conflict("A", "b"), 409),
    (Gone("A", "b"), 410),
    (LengthRequired("A", "b"), 411),
    (TooLarge("A", "b"), 413),
    (WrongContentType("A", "b"), 415),
    (Invalid("A", "b"), 422),
    (TooManyRequests("A", "b", retry_after=7), 429),
    (Unavailable("A", "b", retry_after=7), 503),
]
FAULTS: list[tuple[Exception, tuple[int, str]]] = [
    (database.PoolTimeout(SECRET), (503, "DATABASE_BUSY")),
    (database.LockTimeout(SECRET), (503, "DATABASE_BUSY")),
    (database.Deadlock(SECRET), (503, "DATABASE_CONFLICT")),
    (database.SerializationFailure(SECRET), (503, "DATABASE_CONFLICT")),
    (database.StatementTimeout(SECRET), (503, "DATABASE_TIMEOUT")),
    (database.ConnectionLost(SECRET), (503, "DATABASE_UNAVAILABLE")),
    (database.OutcomeUnknown(SECRET), (503, "OUTCOME_UNKNOWN")),
    (database.ReadOnly(SECRET), (503, "READ_ONLY")),
    (database.DeadlineExceeded(SECRET), (503, "DATABASE_TIMEOUT")),
    (database.CircuitOpen(SECRET), (503, "DATABASE_UNAVAILABLE")),
    (database.TooManyConnections(SECRET), (503, "DATABASE_BUSY")),
    (database.OutOfMemory(SECRET), (503, "DATABASE_BUSY")),
    (database.TransactionAborted(SECRET), (503, "DATABASE_CONFLICT")),
    (database.StorageFull(SECRET), (503, "STORAGE_FULL")),
    (database.StorageFailure(SECRET), (503, "STORAGE_FAILED")),
    (database.UniqueViolation(SECRET), (409, "CONFLICT")),
    (database.PermissionDenied(SECRET), (500, "INTERNAL_ERROR")),
    (database.InvalidValue(SECRET), (500, "INTERNAL_ERROR")),
    (database.DatabaseError(SECRET), (500, "INTERNAL_ERROR")),
    (ZeroDivisionError(SECRET), (500, "INTERNAL_ERROR")),
    (RecursionError(SECRET), (500, "INTERNAL_ERROR")),
]


class Raiser:
    """A route that raises what it was given."""

    error: Exception


@pytest.fixture
def raiser(edge: Flask) -> Raiser:
    raiser = Raiser()
    routes = Blueprint("raiser", __name__)

    @routes.get("/raise")
    @allow("public")
    def get_error() -> Any:
        raise raiser.error

    edge.register_blueprint(routes)
    return raiser


@pytest.mark.parametrize(("error", "status"), REFUSALS, ids=lambda value: type(value).__name__)
def test_refusal_has_the_status_of_its_kind(
    edge_client: FlaskClient, raiser: Raiser, error: AppError, status: int
) -> None:
    raiser.error = error

    answer = edge_client.get("/raise")

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.json.keys() == MEMBERS
    assert (answer.json["status"], answer.json["code"], answer.json["detail"]) == (status, "A", "b")
    assert answer.headers.get("Retry-After") == ("7" if status in (429, 503) else None)
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize(("error", "answered"), FAULTS, ids=lambda value: type(value).__name__)
def test_fault_tells_nothing_of_the_inside(
    edge_client: FlaskClient,
    raiser: Raiser,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    answered: tuple[int, str],
) -> None:
    raiser.error = error

    answer = edge_client.get("/raise")

    assert (answer.status_code, answer.json["code"]) == answered
    assert answer.json.keys() == MEMBERS
    assert (int(answer.headers.get("Retry-After", 0)) > 0) is (answer.status_code == 503)
    assert "db.internal" not in answer.text
    assert "db.internal" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", [database.DatabaseError, database.StatementTimeout])
def test_log_has_the_code_of_the_database(
    edge_client: FlaskClient,
    raiser: Raiser,
    capsys: pytest.CaptureFixture[str],
    kind: type[database.DatabaseError],
) -> None:
    raiser.error = kind("no such thing", code="42703")
    configure_logging("info")

    answer = edge_client.get("/raise")

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [event] = [event for event in events if "error_code" in event]
    assert (event["kind"], event["error_code"]) == (kind.__name__, "42703")
    assert "42703" not in answer.text


@pytest.mark.parametrize(("seconds", "told"), [(0.02, "1"), (1.0, "1"), (16.3, "17")])
def test_open_circuit_tells_when_the_database_is_asked_again(
    edge_client: FlaskClient, raiser: Raiser, seconds: float, told: str
) -> None:
    raiser.error = database.CircuitOpen("not now", retry_after=seconds)

    assert edge_client.get("/raise").headers["Retry-After"] == told


def test_readiness_tells_that_the_storage_is_full(edge: Flask, raiser: Raiser) -> None:
    edge.extensions[HEALTH] = Health(lambda: State.READY)
    raiser.error = database.StorageFull("no room")
    client = edge.test_client()

    client.get("/raise")

    assert client.get("/readyz").json["state"] == "storage_full"


def test_field_errors_are_listed(edge_client: FlaskClient, raiser: Raiser) -> None:
    raiser.error = Invalid("A", "b", errors=[FieldError("email", "REQUIRED", "Give it.")])

    answer = edge_client.get("/raise")

    assert answer.json["errors"] == [{"field": "email", "code": "REQUIRED", "message": "Give it."}]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/v1", 404, "NOT_FOUND"),
        ("GET", "/api/v1/users/../../etc/passwd", 404, "NOT_FOUND"),
        ("GET", "/healthz/", 404, "NOT_FOUND"),
        ("DELETE", "/healthz", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/echo", 405, "METHOD_NOT_ALLOWED"),
        ("BREW", "/echo", 405, "METHOD_NOT_ALLOWED"),
        ("TRACE", "/echo", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_wrong_address_or_method_is_a_problem(
    edge_client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    answer = edge_client.open(path, method=method)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json.keys() == MEMBERS
    assert ("Allow" in answer.headers) is (status == 405)


def test_unknown_host_is_refused(edge: Flask) -> None:
    edge.config[ALLOWED_HOSTS] = ["api.example.com"]
    client = edge.test_client()

    refused = client.get("/echo", headers={"Host": "evil.example.com"})
    accepted = client.get("/echo", headers={"Host": "api.example.com"})

    assert (refused.status_code, refused.json["code"]) == (400, "BAD_REQUEST")
    assert "evil" not in refused.text
    assert accepted.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer_for_any_host(app: Flask, path: str) -> None:
    app.config[ALLOWED_HOSTS] = ["api.example.com"]

    answer = app.test_client().get(path, headers={"Host": "10.0.0.7:5000"})

    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["a b", "<x>", "a%00", "api.example.com:0"])
def test_host_that_is_none_is_refused(edge_client: FlaskClient, host: str) -> None:
    answer = edge_client.get("/echo", headers={"Host": host})

    assert (answer.status_code, answer.json["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("path", ["/echo//", "/api/v1//history", "//evil.example.com//echo"])
def test_doubled_slashes_are_no_address_and_no_redirect(
    edge_client: FlaskClient, path: str
) -> None:
    answer = edge_client.get(
        "/", environ_overrides={"PATH_INFO": path}, headers={"Host": "evil.example.com"}
    )

    # Two at the beginning are refused: one of them would vanish, and the rest be routed.
    status = 400 if path.startswith("//") else 404
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert "Location" not in answer.headers


def test_empty_answer_has_no_content_type(edge_client: FlaskClient) -> None:
    deleted = edge_client.delete("/echo/00000000-0000-4000-8000-000000000000")
    options = edge_client.options("/echo")
    head = edge_client.head("/healthz")

    assert (deleted.status_code, options.status_code) == (204, 200)
    assert "Content-Type" not in deleted.headers
    assert "Content-Type" not in options.headers
    assert options.headers["Allow"]
    assert head.mimetype == "application/json"


def test_missing_host_is_refused(edge_client: FlaskClient) -> None:
    answer = edge_client.get("/healthz", headers={"Host": ""})

    assert (answer.status_code, answer.json["code"]) == (400, "HOST_REQUIRED")


def test_request_id_of_the_caller_is_kept_if_well_formed(edge_client: FlaskClient) -> None:
    kept = edge_client.get("/nothing", headers={"X-Request-ID": "web-7f3a.42_x"})

    assert kept.headers["X-Request-ID"] == kept.json["request_id"] == "web-7f3a.42_x"


@pytest.mark.parametrize(
    "claimed", ["", "short", "x" * 65, "two words!", 'a"b{}cdefgh', "ünïcödé-id"]
)
def test_malformed_request_id_is_replaced(edge_client: FlaskClient, claimed: str) -> None:
    answer = edge_client.get("/nothing", headers={"X-Request-ID": claimed})

    assert answer.headers["X-Request-ID"] == answer.json["request_id"] != claimed
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.json["request_id"])


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/echo", "/raise"])
def test_every_answer_has_the_security_headers(
    edge_client: FlaskClient, raiser: Raiser, path: str
) -> None:
    raiser.error = ZeroDivisionError()

    answer = edge_client.get(path)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
