"""One request to a server that is measured, to see what it answers."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

_SECONDS = 10


def ask(
    url: str, path: str, *, method: str = "GET", token: str | None = None, body: str | None = None
) -> tuple[int, bytes]:
    """Send a request by a connection of its own, and return its status and its body.

    Args:
        url: Where the server listens.
        path: What is asked for.
        method: As HTTP names it.
        token: Whose request it is; None is nobody's.
        body: In JSON; None is none.

    Raises:
        OSError: Nobody answers.
    """
    address = urlsplit(url)
    headers = {"Content-Type": "application/json"} if body else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with closing(HTTPConnection(str(address.hostname), address.port, timeout=_SECONDS)) as speaker:
        speaker.request(method, path, body, headers)
        answer = speaker.getresponse()
        return answer.status, answer.read()
