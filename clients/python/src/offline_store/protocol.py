"""The requests of the protocol and what their answers mean. Knows no database and no order.

``docs/sync.md`` describes them for those who write a client in another language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from offline_store.errors import (
    Forbidden,
    FullResyncRequired,
    MutationsRefused,
    Refusal,
    SignInRequired,
    TooManyRequests,
    Unavailable,
    UnknownAnswer,
)
from offline_store.model import JSON, Mutation, Page, Result, Row
from offline_store.transport import Answer, Request, Transport

_T = TypeVar("_T")
MAX_DEPTH: Final = 100
"""More than any service takes, and far from where Python's own JSON gives up."""
MAX_MUTATIONS: Final = 1000
MAX_BODY_BYTES: Final = 2 * 2**20
_ENVELOPE_BYTES: Final = 4096
"""Room for what a push holds besides its mutations."""
_GREATEST_VERSION: Final = 2**63 - 1
_VERDICTS: Final = frozenset({"applied", "merged", "conflict", "rejected"})


@dataclass(frozen=True, slots=True)
class Checksums:
    """What the service holds: by table, the number of rows and the hash of ids and versions."""

    cursor: str
    tables: Mapping[str, tuple[int, str]]


def pull(transport: Transport, query: Mapping[str, str], etag: str | None) -> Page | None:
    """Ask for a page of changes; None if nothing is new since the answer that had the tag."""
    answer = transport.send(Request("GET", "sync", query, etag=etag))
    if answer.status == HTTPStatus.NOT_MODIFIED:
        return None
    document = _document(answer)
    try:
        page = _page(document, answer.headers.get("etag"))
    except (AttributeError, KeyError, TypeError) as error:
        raise UnknownAnswer("The service's page of changes cannot be read.") from error
    if page.has_more and page.cursor == query.get("cursor"):
        raise UnknownAnswer("The service's page of changes leads to itself.")
    return page


def push(transport: Transport, envelope: JSON, mutations: Sequence[Mutation]) -> list[Result]:
    """Send mutations and return a verdict for each of them, in their order."""
    body = encode(envelope | {"mutations": [mutation.to_json() for mutation in mutations]})
    document = _document(transport.send(Request("POST", "sync", body=body)))
    try:
        results = [_result(found) for found in document["results"]]
    except (KeyError, TypeError) as error:
        raise UnknownAnswer("The service's verdicts cannot be read.") from error
    if [one.mutation_id for one in results] != [one.mutation_id for one in mutations]:
        raise UnknownAnswer("The service's verdicts are not those of the mutations sent.")
    return results


def fetch_checksums(transport: Transport, query: Mapping[str, str]) -> Checksums:
    """Ask what the service holds."""
    document = _document(transport.send(Request("GET", "sync/checksum", query)))
    try:
        found = document["tables"].items()
        tables = {name: (_of(int, one["count"]), _of(str, one["sha256"])) for name, one in found}
        return Checksums(_of(str, document["cursor"]), tables)
    except (AttributeError, KeyError, TypeError) as error:
        raise UnknownAnswer("The service's checksums cannot be read.") from error


def fetch_account(transport: Transport) -> str:
    """Ask whose token it is that the transport sends."""
    document = _document(transport.send(Request("GET", "users/me")))
    try:
        return _of(str, document["id"])
    except (KeyError, TypeError) as error:
        raise UnknownAnswer("The service does not say who is signed in.") from error


def fitting(mutations: Sequence[Mutation]) -> Sequence[Mutation]:
    """Return the first mutations that go into one push; at least one, so that there is progress."""
    size = _ENVELOPE_BYTES
    for number, mutation in enumerate(mutations[:MAX_MUTATIONS]):
        size += len(encode(mutation.to_json())) + 1
        if number and size > MAX_BODY_BYTES:
            return mutations[:number]
    return mutations[:MAX_MUTATIONS]


def is_too_deep(document: Any) -> bool:  # Any: whatever JSON can say.
    """Tell whether objects and arrays nest more than ``MAX_DEPTH`` times. Does not recurse."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(document: Any) -> Iterable[Any]:
    if isinstance(document, dict):
        return document.values()
    return document if isinstance(document, list | tuple) else ()


def encode(document: Any) -> bytes:  # Any: whatever JSON can say.
    """Write JSON as it is sent and stored.

    Raises:
        ValueError: It holds NaN, an infinity or half a surrogate pair, or nests too deeply.
        TypeError: It holds what JSON cannot say.
    """
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise ValueError("This nests too deeply.") from error
    return text.encode()


def _page(document: JSON, etag: str | None) -> Page:
    changes = document["changes"].items()
    return Page(
        upserted=[_row(table, row) for table, of in changes for row in _of(list, of["upserted"])],
        deleted=[
            (table, _of(str, row_id))
            for table, of in changes
            for row_id in _of(list, of["deleted"])
        ],
        cursor=_of(str, document["cursor"]),
        has_more=_of(bool, document["has_more"]),
        etag=etag,
    )


def _row(table: str, found: JSON) -> Row:
    fields = {name: value for name, value in found.items() if name not in {"id", "version"}}
    version = _of(int, found["version"])
    if not 0 <= version <= _GREATEST_VERSION:
        raise TypeError("A version is a positive number of 64 bits.")
    return Row(table, _of(str, found["id"]), version, fields)


def _of(kind: type[_T], value: object) -> _T:
    """Return a value that is of exactly this type: in Python, True is a number too."""
    if type(value) is not kind:
        raise TypeError(f"This is no {kind.__name__}.")
    return value


def _result(found: JSON) -> Result:
    if found["verdict"] not in _VERDICTS:
        # Without the row in it, which is somebody's and would go into logs.
        raise UnknownAnswer(f"There is no such verdict: {found['verdict']!r:.40}")
    known = {name: found.get(name) for name in ("row", "path", "code", "reason")}
    return Result(found["mutation_id"], found["verdict"], **known)


def _document(answer: Answer) -> JSON:
    """Return the JSON object of an answer.

    Raises:
        Refusal: The service refused.
        UnknownAnswer: It is not an answer of the service.
    """
    try:
        document = answer.json()
        encode(document)  # What could not be stored, nobody has to look for later.
    except (ValueError, RecursionError):
        document = None
    if answer.status != HTTPStatus.OK:
        raise _refusal(answer, document if isinstance(document, dict) else {})
    if not isinstance(document, dict):
        raise UnknownAnswer("The answer is no JSON object; is the base URL right?")
    return document


def _refusal(answer: Answer, problem: JSON) -> Refusal:
    status, code = answer.status, str(problem.get("code", ""))
    message = str(problem.get("detail") or f"The service answered {status}.")
    if status == HTTPStatus.GONE and code == "FULL_RESYNC_REQUIRED":
        reason = str(problem.get("reason"))
        return FullResyncRequired(message, status=status, code=code, reason=reason)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and code == "CURSOR_INVALID":
        return FullResyncRequired(message, status=status, code=code, reason="cursor")
    kind = _REFUSALS.get(
        status, Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refusal
    )
    if _is_about_mutations(status, problem):
        kind = MutationsRefused
    return kind(message, status=status, code=code, retry_after=_seconds(answer))


_REFUSALS: Final[dict[int, type[Refusal]]] = {
    HTTPStatus.UNAUTHORIZED: SignInRequired,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
}


def _is_about_mutations(status: int, problem: JSON) -> bool:
    """Whether a body cannot be read, is too long, or has an invalid mutation.

    Too long it may be for a proxy as well, which gives no code.
    """
    errors = problem.get("errors")
    fields = (
        str(error.get("field", ""))
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict)
    )
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return any(field.startswith("mutations") for field in fields)
    if status == HTTPStatus.BAD_REQUEST:
        return bool(problem.get("code"))
    return status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _seconds(answer: Answer) -> float | None:
    try:
        return float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return None
