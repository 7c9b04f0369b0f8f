"""Who answers at the address of this service: the service, another program or nobody."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Final

from app.config import Settings
from app.operations.doctor.findings import Finding, skipped, warn, well, wrong

CHECKS: Final = ("port",)

_SECONDS: Final = 4.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read here, not bound


def look(settings: Settings) -> Iterator[Finding]:
    """Ask at the port; if nobody answers, see whether it could be taken."""
    place = f"{settings.host}, port {settings.port}"
    if settings.port == 0:
        yield skipped("port", "PORT=0 takes any free port.")
        return
    try:
        state = _ask(_EVERYWHERE.get(settings.host, settings.host), settings.port)
    except ConnectionRefusedError:
        yield _take(settings.host, settings.port, place)
    except (OSError, ValueError, http.client.HTTPException) as error:
        yield _taken(place, type(error).__name__)
    else:
        yield _served(place, state)


def _ask(host: str, port: int) -> str:
    """Return the state that the service says it is in.

    Raises:
        ValueError: Whoever answers is not this service.
    """
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = json.loads(connection.getresponse().read(65536))
    finally:
        connection.close()
    if not isinstance(answer, dict) or not ({"state", "code"} & answer.keys()):
        raise ValueError("another service")
    return str(answer.get("state") or answer["code"]).lower()


def _served(place: str, state: str) -> Finding:
    if state == "ready":
        return well("port", f"The service runs at {place} and is ready.")
    return warn(
        "port",
        f"The service runs at {place}, and says {state}.",
        "See docs/operations/runbook.md for this state.",
    )


def _taken(place: str, how: str) -> Finding:
    return wrong(
        "port",
        f"Another program listens on {place} ({how}).",
        "Stop it (ss -ltnp names it), or set PORT to another one.",
    )


def _take(host: str, port: int, place: str) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return wrong(
            "port",
            f"The service could not listen on {place}: {error.strerror or type(error).__name__}.",
            "Set HOST to an address of this machine, and PORT to one above 1023.",
        )
    return well("port", f"{place} is free.")
