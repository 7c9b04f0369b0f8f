"""What happens around every request: its id, its log line, its numbers, its connection's return.

Knows no route.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import structlog
from flask import Flask, Response, g, request
from flask.globals import request_ctx
from sqlalchemy.pool import QueuePool

from app import deadline
from app.actor import set_actor
from app.api.cors import allow_origin
from app.api.headers import SECURITY_HEADERS, TRANSPORT_SECURITY
from app.api.hosts import require_host
from app.log import end_request, start_request
from app.metrics import record_connections, record_request
from app.models import get_database, release

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger(__name__)

_PROTECTION: Final = tuple(
    (name.lower(), (name, value)) for name, value in SECURITY_HEADERS.items()
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register_lifecycle(app: Flask) -> None:
    """Put the steps around every request of an application."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_release)
    app.wsgi_app = _protected(app.wsgi_app)  # type: ignore[method-assign,assignment]  # how Flask documents it


def _protected(application: WSGIApplication) -> WSGIApplication:
    """Let an application's answers carry the security headers that their views did not decide.

    Around Flask, whose responses check and copy each header that they are given.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *details: Any) -> Any:
            given = {name.lower() for name, _ in headers}
            missing = [pair for name, pair in _PROTECTION if name not in given]
            return start_response(status, headers + missing, *details)

        return application(environ, start)

    return answer


def _begin() -> None:
    deadline.begin()
    set_actor()  # Threads answer one request after the other.
    g.started = time.perf_counter()
    g.request_id = start_request(request.headers.get("X-Request-ID"))
    require_host()


def _finish(response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    asked = request_ctx.request  # Each look through the proxy finds the thread's request anew.
    response.headers["X-Request-ID"] = g.request_id
    allow_origin(response)
    if response.calculate_content_length() == 0:
        response.headers.remove("Content-Type")
    if asked.is_secure:
        response.headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
    route = asked.url_rule.rule if asked.url_rule else None
    method = asked.method if asked.method in _METHODS else "OTHER"
    record_request(method, route, response.status_code, seconds)
    log.info(
        "request",
        method=method,
        route=route,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 2),
    )
    return response


def _release(_error: BaseException | None) -> None:
    """Give the connection back, whatever happened; an open transaction is rolled back with it."""
    end_request()
    set_actor()
    deadline.end()
    release()
    pool = get_database().engine.pool
    if isinstance(pool, QueuePool):
        record_connections(pool.checkedout())
