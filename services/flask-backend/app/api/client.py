"""Where a request comes from, as use cases want to know it."""

import ipaddress

from flask import request

from app.usecases.sessions import Client


def current_client() -> Client:
    """Return where the request comes from."""
    agent = request.headers.get("User-Agent")
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:  # A Unix socket, or a proxy that writes something else.
        return Client(None, agent)
    return Client(str(address), agent)
