"""What is seen of each request besides its body: its id and headers, a line of log, its numbers.

The service's own headers and metrics; the line is written by orjson and nothing else.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Final

import orjson
import uuid_utils
from flask import Flask, Response, g, request

from app.api.headers import SECURITY_HEADERS
from app.metrics import record_request

_STANDARD_OUTPUT: Final = 1


def observe(app: Flask) -> None:
    """Let an application show its requests."""
    app.before_request(_begin)
    app.after_request(_finish)


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = str(uuid_utils.uuid7())


def _finish(response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    response.headers["X-Request-ID"] = g.request_id
    response.headers.extend(SECURITY_HEADERS)
    route = request.url_rule.rule if request.url_rule else None
    record_request(request.method, route, response.status_code, seconds)
    line = {
        "request_id": g.request_id,
        "event": "request",
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "duration_ms": round(seconds * 1000, 2),
        "level": "info",
        "timestamp": datetime.now(UTC),
    }
    os.write(_STANDARD_OUTPUT, orjson.dumps(line) + b"\n")
    return response
