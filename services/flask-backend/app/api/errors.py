"""Every refusal as the client sees it: RFC 9457 problem details, and the one table of statuses.

Raises nothing. Says nothing of SQL, hosts or stacks; those go to the log, with the request id.
"""

from collections.abc import Iterator
from http import HTTPStatus
from math import ceil
from typing import Any, Final

import structlog
from flask import Flask, Response, current_app, jsonify
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

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
    PaymentRequired,
    RetryLater,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WrongContentType,
)
from app.health import HEALTH, Health
from app.log import current_request_id
from app.usecases.violations import refusal_of
from bilayer.runtime import errors as database

STATUS: Final[dict[type[AppError], HTTPStatus]] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    PaymentRequired: HTTPStatus.PAYMENT_REQUIRED,
    Conflict: HTTPStatus.CONFLICT,
    Gone: HTTPStatus.GONE,
    LengthRequired: HTTPStatus.LENGTH_REQUIRED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    WrongContentType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_LOST: Final = "The database cannot be reached. Try again."
_BUSY: Final = "The service is busy. Try again."
DATABASE: Final[dict[type[database.DatabaseError], Unavailable]] = {
    database.PoolTimeout: Unavailable("DATABASE_BUSY", _BUSY),
    database.LockTimeout: Unavailable("DATABASE_BUSY", _BUSY),
    database.OutOfMemory: Unavailable("DATABASE_BUSY", _BUSY, retry_after=5),
    database.Deadlock: Unavailable("DATABASE_CONFLICT", _BUSY),
    database.SerializationFailure: Unavailable("DATABASE_CONFLICT", _BUSY),
    database.TransactionAborted: Unavailable("DATABASE_CONFLICT", _BUSY),
    database.StatementTimeout: Unavailable("DATABASE_TIMEOUT", _BUSY, retry_after=5),
    database.ConnectionLost: Unavailable("DATABASE_UNAVAILABLE", _LOST, retry_after=2),
    database.OutcomeUnknown: Unavailable(
        "OUTCOME_UNKNOWN", "The answer of the database was lost. Read before you write again."
    ),
    database.ReadOnly: Unavailable(
        "READ_ONLY", "The service only reads at present. Try again later.", retry_after=30
    ),
    database.StorageFull: Unavailable(
        "STORAGE_FULL", "There is no room to store this. Try again later.", retry_after=60
    ),
    database.StorageFailure: Unavailable(
        "STORAGE_FAILED", "The storage does not work. Try again later.", retry_after=60
    ),
}
"""What a use case could not answer for. What is missing here is a fault of ours: 500."""

MAX_FIELD_ERRORS: Final = 100
_MAX_FIELD_NAME: Final = 100
_FIELD_CODES: Final = {
    "missing": "REQUIRED",
    "extra_forbidden": "UNKNOWN_FIELD",
    "string_too_long": "TOO_LONG",
    "string_too_short": "TOO_SHORT",
    "too_long": "TOO_LONG",
    "too_short": "TOO_SHORT",
    "greater_than": "OUT_OF_RANGE",
    "greater_than_equal": "OUT_OF_RANGE",
    "less_than": "OUT_OF_RANGE",
    "less_than_equal": "OUT_OF_RANGE",
    "literal_error": "NOT_ALLOWED",
    "enum": "NOT_ALLOWED",
    "string_pattern_mismatch": "WRONG_FORMAT",
}

log = structlog.get_logger(__name__)


class ProblemField(BaseModel):
    """One invalid field."""

    field: str
    code: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457): what every error looks like."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None
    errors: list[ProblemField]


PROBLEM: Final = {
    "description": "The request was refused; code says why",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PROBLEMS: Final[ResponseDict] = dict.fromkeys(("401", "422", "429", "503", "default"), PROBLEM)
"""What the OpenAPI document says of every route's errors."""


def register_errors(app: Flask) -> None:
    """Answer every exception with problem details."""
    app.register_error_handler(AppError, _answer)
    app.register_error_handler(database.DatabaseError, _answer_database_error)
    app.register_error_handler(HTTPException, _answer_http_exception)
    app.register_error_handler(Exception, _answer_bug)


def field_errors(error: ValidationError) -> Iterator[FieldError]:
    """Yield what pydantic found, in our words; values are never repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    for problem in found[:MAX_FIELD_ERRORS]:
        path = ".".join(str(part) for part in problem["loc"])
        code = _FIELD_CODES.get(problem["type"]) or problem["type"].upper()
        if code.endswith("_TYPE"):
            code = "WRONG_TYPE"
        yield FieldError(path[:_MAX_FIELD_NAME], code, problem["msg"])


def problem(
    status: int, code: str, detail: str, errors: tuple[FieldError, ...] = ()
) -> dict[str, Any]:
    """Return problem details (RFC 9457) as they are sent."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": current_request_id(),
        "errors": [
            {"field": error.field, "code": error.code, "message": error.message} for error in errors
        ],
    }


def _answer(error: AppError) -> Response:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    details = problem(status, error.code, error.message, error.errors)
    response = _respond(error.facts | details)
    if isinstance(error, RetryLater):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_database_error(error: database.DatabaseError) -> Response:
    if isinstance(error, database.ConstraintViolation):
        return _answer(refusal_of(error))
    answer = next((DATABASE[kind] for kind in type(error).__mro__ if kind in DATABASE), None)
    if answer is None:
        return _answer_bug(error)
    health: Health = current_app.extensions[HEALTH]
    health.note(error)
    log.warning(
        "database_error", kind=type(error).__name__, code=answer.code, error_code=error.code
    )
    response = _answer(answer)
    if isinstance(error, database.CircuitOpen):
        response.headers["Retry-After"] = str(ceil(error.retry_after))
    return response


def _answer_http_exception(error: HTTPException) -> Response:
    """Keep the status and the headers of what Flask and Werkzeug raise, not their pages."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    response = _respond(problem(status, status.name, _SENTENCES.get(status, status.description)))
    for name, value in error.get_headers():
        if name in ("Allow", "Location", "Retry-After"):
            response.headers[name] = value
    return response


def _answer_bug(error: Exception) -> Response:
    log.error("unexpected_error", kind=type(error).__name__, exc_info=error)
    detail = "Something went wrong here. Report the request id."
    return _respond(problem(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", detail))


def _respond(details: dict[str, Any]) -> Response:
    response = jsonify(details)
    response.status_code = details["status"]
    response.mimetype = "application/problem+json"
    return response


_SENTENCES: Final = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; see Allow.",
}
