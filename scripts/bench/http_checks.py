"""Whether those who are compared do the same: their answers before, and their rows afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from scripts.bench.accounts import Person
from scripts.bench.frame import CannotMeasure
from scripts.bench.http_requests import Route
from scripts.bench.servers import Server

_DIFFERING: Final = frozenset({"id", "created_at", "updated_at", "version", "action_type"})
"""What differs in rows that each has written for itself."""
_SIGNED: Final = frozenset({"next_cursor"})
"""What differs because each has its own key."""


def require_same_answers(servers: Sequence[Server], route: Route, person: Person) -> None:
    """Let each answer a request, and refuse it to who has no valid token and to a wrong one.

    Raises:
        CannotMeasure: An answer differs from the first one's.
    """
    token = person.token.text
    stranger = token[:-8] + "AAAAAAAA"
    for case, path, bearer in (
        ("answer", route.path, token),
        ("answer to a stranger", route.path, stranger),
    ):
        told = [_ask(server, route, path, bearer) for server in servers]
        for server, one in zip(servers, told, strict=True):
            if one != told[0] or (case == "answer" and one[0] != route.status):
                raise CannotMeasure(f"{route.name}: {server.name}: {case}: {one}, not {told[0]}")


def _ask(server: Server, route: Route, path: str, token: str) -> tuple[int, Any]:
    """Return the status of an answer, and what must be the same in each."""
    address = urlsplit(server.url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=10)
    body = route.body_of(server.name) or None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(route.method, path, body, headers)
    answer = connection.getresponse()
    document = json.loads(answer.read()) if answer.status < HTTPStatus.BAD_REQUEST else None
    connection.close()
    return answer.status, _common(document, _SIGNED | (_DIFFERING if body else frozenset()))


def _common(document: Any, names: frozenset[str]) -> Any:
    """Return a document; of the members with these names only the form."""
    if isinstance(document, list):
        return [_common(item, names) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        name: _form(value) if name in names else _common(value, names)
        for name, value in document.items()
    }


def _form(value: Any) -> str:
    return re.sub(r"[0-9A-Za-z_]", "x", value) if isinstance(value, str) else type(value).__name__
