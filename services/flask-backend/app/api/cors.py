"""Which pages of other origins may read answers in a browser: those that are listed, no others.

Tokens travel in a header that scripts set, so browsers are never asked to send credentials of
their own, and a page that is not listed has nothing to abuse.
"""

from typing import Final

from flask import Response, current_app, request

ALLOWED_ORIGINS: Final = "ALLOWED_ORIGINS"
"""Where ``create_app`` keeps the origins in Flask's configuration; none: no page but our own."""

MAX_AGE_SECONDS: Final = 600
"""How long a browser need not ask again whether it may."""

_ALLOWED: Final = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-ID"
_EXPOSED: Final = "ETag, Idempotency-Replayed, Retry-After, X-Cache, X-Request-ID"


def allow_origin(response: Response) -> None:
    """Tell the browser whether the page that asks may read an answer."""
    origins = current_app.config[ALLOWED_ORIGINS]
    if not origins:
        return
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    if _is_preflight():
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED
        response.headers["Access-Control-Max-Age"] = str(MAX_AGE_SECONDS)
    else:
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED


def _is_preflight() -> bool:
    """Tell whether a browser asks if it may send a request (Fetch, 4.8)."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
