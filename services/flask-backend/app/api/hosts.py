"""Which names the service answers to: ``Host`` and the target, which whoever asks may write."""

import re
from typing import Final

from flask import current_app
from flask.globals import request_ctx
from werkzeug.sansio.utils import host_is_trusted

from app.errors import BadRequest

ALLOWED_HOSTS: Final = "ALLOWED_HOSTS"
"""Where ``create_app`` keeps the names in Flask's configuration; none of them: any name."""

ANY_HOST: Final = frozenset({"/healthz", "/readyz"})
"""Addresses that orchestrators ask by IP address, and that show nothing of the name."""

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def require_host() -> None:
    """Refuse a request for a host that is not ours.

    Raises:
        BadRequest: It is not, the request names none, or two; or a proxy may have judged another
            path than the one that would be routed.
    """
    asked = request_ctx.request
    host = asked.headers.get("Host")
    if not host:
        raise BadRequest("HOST_REQUIRED", "Send a Host header.")
    if not _HOST.fullmatch(host):
        raise BadRequest("BAD_REQUEST", "The Host header is not a name with a port.")
    if not _is_target_at(host, asked.environ.get("RAW_URI", "/")):
        raise BadRequest("BAD_REQUEST", "The request's target and its Host header disagree.")
    if asked.environ.get("PATH_INFO", "").startswith("//"):  # Werkzeug would drop one.
        raise BadRequest("BAD_REQUEST", "The request's target begins with two slashes.")
    if asked.path not in ANY_HOST and not host_is_trusted(
        host.lower(), current_app.config[ALLOWED_HOSTS]
    ):
        raise BadRequest("BAD_REQUEST", "This service does not answer for this host.")


def _is_target_at(host: str, target: str) -> bool:
    """Tell whether a request's target is a path, or a whole address on this very host.

    A whole address has precedence over ``Host`` (RFC 9112, 3.2.2), and proxies differ in which of
    the two they look at. What follows ``#`` is part of no request, and some would route it.
    """
    if "#" in target:
        return False
    if target.startswith("/") or target == "*":
        return True
    scheme, _, rest = target.partition("://")
    authority = rest.partition("?")[0].partition("/")[0]
    return scheme.lower() in ("http", "https") and authority.lower() == host.lower()
