"""Where a request comes from, as use cases want to know it."""

import ipaddress

from flask import request

from app.usecases.sessions import Client


def current_client() -> Client:
    """Return where the request comes from."""
    agent = request.headers.get("User-Agent")
    try:
        address = ipaddress.ip_address(_without_port(request.remote_addr or "").partition("%")[0])
    except ValueError:  # A Unix socket, or a proxy that writes something else.
        return Client(None, agent)
    return Client(str(address), agent)


def _without_port(text: str) -> str:
    """Take away the port that some proxies write behind an address."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, rest = text.partition(":")
    return text if ":" in rest else host  # Colons within are those of IPv6.
