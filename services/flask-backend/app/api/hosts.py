"""Which names the service answers to: the ``Host`` header, which whoever asks may write."""

from typing import Final

from flask import current_app, request
from werkzeug.sansio.utils import host_is_trusted

from app.errors import BadRequest

ALLOWED_HOSTS: Final = "ALLOWED_HOSTS"
"""Where ``create_app`` keeps the names in Flask's configuration; none of them: any name."""

ANY_HOST: Final = frozenset({"/healthz", "/readyz"})
"""Addresses that orchestrators ask by IP address, and that show nothing of the name."""


def require_host() -> None:
    """Refuse a request for a host that is not ours.

    Raises:
        BadRequest: It is not, or the request names none.
    """
    host = request.headers.get("Host")
    if not host:
        raise BadRequest("HOST_REQUIRED", "Send a Host header.")
    if request.path not in ANY_HOST and not host_is_trusted(
        host, current_app.config[ALLOWED_HOSTS]
    ):
        raise BadRequest("BAD_REQUEST", "This service does not answer for this host.")
