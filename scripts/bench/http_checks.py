"""Whether those who are compared do the same: what they answer, and whom they refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from scripts.bench.accounts import Person
from scripts.bench.asking import ask
from scripts.bench.frame import CannotMeasure
from scripts.bench.http_requests import Route
from scripts.bench.servers import Server

_SHOWN: Final = 500
"""How many characters of an answer are shown."""
_WRITTEN: Final = frozenset({"id", "created_at", "updated_at", "version", "action_type"})
"""What differs in rows that each has written for itself."""
_SIGNED: Final = frozenset({"next_cursor"})
"""What differs because each has its own key."""


def require_same_answers(servers: Sequence[Server], route: Route, person: Person) -> None:
    """Let each answer a request, with the page after it if there is one, and refuse strangers.

    Raises:
        CannotMeasure: An answer differs from the first one's, or is not what it should be.
    """
    token = person.token.text
    stranger = f"{token[:-8]}{'A' * 8}"
    answers = [_ask(server, route, route.path, token) for server in servers]
    _require_same(route.name, servers, answers, route.status)
    if all(cursors := [_cursor(document) for _, document in answers]):
        paths = [f"{route.path}?cursor={cursor}" for cursor in cursors]
        pages = [_ask(each, route, path, token) for each, path in zip(servers, paths, strict=True)]
        _require_same(f"{route.name}, the next page", servers, pages, route.status)
    refusals = [_ask(server, route, route.path, stranger) for server in servers]
    _require_same(f"{route.name}, a stranger", servers, refusals, HTTPStatus.UNAUTHORIZED)


def _ask(server: Server, route: Route, path: str, token: str) -> tuple[int, Any]:
    """Return the status and the document of an answer, None of a refusal."""
    sent = route.body_of(server.name) or None
    status, body = ask(server.url, path, method=route.method, token=token, body=sent)
    return status, json.loads(body) if status < HTTPStatus.BAD_REQUEST else None


def _require_same(
    what: str, servers: Sequence[Server], answers: Sequence[tuple[int, Any]], status: int
) -> None:
    """Compare what was answered, but for what must differ; of that only the form."""
    differing = _SIGNED | (_WRITTEN if status == HTTPStatus.CREATED else frozenset())
    for server, (given, document) in zip(servers, answers, strict=True):
        first = _common(answers[0][1], differing)
        if given != status or _common(document, differing) != first:
            told = f"{given} {document}"[:_SHOWN], f"{status} {first}"[:_SHOWN]
            raise CannotMeasure(f"{what}: {server.name} answers {told[0]}, not {told[1]}")


def _cursor(document: Any) -> str | None:
    return document.get("next_cursor") if isinstance(document, dict) else None


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
    return re.sub(r"[\w-]", "x", value) if isinstance(value, str) else type(value).__name__
