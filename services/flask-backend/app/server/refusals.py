"""What the worker answers by itself: in the form in which the application answers.

Each of these connections is closed afterwards.
"""

import json
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import structlog
from gunicorn.http import errors as http

from app.api.errors import problem
from app.api.headers import SECURITY_HEADERS
from app.log import end_request, start_request
from app.metrics import record_request


class Refusal(NamedTuple):
    """Why a request is not passed on to the application."""

    status: HTTPStatus
    code: str
    detail: str


BUSY: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "BUSY", "The service is busy. Try again.")
TIMEOUT: Final = Refusal(
    HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "The request did not arrive in time."
)
_FAULT: Final = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "INTERNAL_ERROR",
    "Something went wrong here. Report the request id.",
)
_MALFORMED: Final = "This is not HTTP as this service reads it."
_STATUS: Final = {
    http.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    http.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    http.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    http.ParseException: HTTPStatus.BAD_REQUEST,
}
_FAULTS: Final = (http.InvalidResponseHeader, http.InvalidResponseHeaderName)

log = structlog.get_logger(__name__)


def find_refusal(error: Exception) -> Refusal:
    """Return what an exception means to the client whose request met with it."""
    if isinstance(error, _FAULTS):
        return _FAULT
    found = (status for kind, status in _STATUS.items() if isinstance(error, kind))
    status = next(found, None)
    return _FAULT if status is None else Refusal(status, "MALFORMED_HTTP", _MALFORMED)


def write_refusal(refusal: Refusal, error: Exception | None = None) -> bytes:
    """Return the whole answer, after logging and counting it. No part of the request is logged.

    Args:
        refusal: What the client is told.
        error: What happened, for the log.
    """
    request_id = start_request(None)
    try:
        _log(refusal, error)
        details = problem(refusal.status, refusal.code, refusal.detail)
    finally:
        end_request()
    record_request("OTHER", None, refusal.status, 0)
    return _render(details, {"X-Request-ID": request_id} | SECURITY_HEADERS)


def _log(refusal: Refusal, error: Exception | None) -> None:
    status, kind = refusal.status.value, type(error).__name__
    if refusal is _FAULT:
        log.error("unexpected_error", kind=kind, exc_info=error)
    elif error is not None:
        log.warning("malformed_http", kind=kind, status=status)
    else:
        log.warning("refused", code=refusal.code, status=status)


def _render(details: dict[str, Any], headers: dict[str, str]) -> bytes:
    body = json.dumps(details, separators=(",", ":")).encode()
    if details["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "1"} | headers
    lines = [
        f"HTTP/1.1 {details['status']} {details['title']}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
