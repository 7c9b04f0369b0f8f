"""The requests of the protocol and what their answers mean. Knows no database and no order.

``docs/sync.md`` describes them for those who write a client in another language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

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

MAX_MUTATIONS: Final = 1000
MAX_BODY_BYTES: Final = 2 * 2**20
_ENVELOPE_BYTES: Final = 4096
"""Room for what a push holds besides its mutations."""
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
        changes = document["changes"].items()
        return Page(
            upserted=[_row(table, row) for table, of in changes for row in of["upserted"]],
            deleted=[(table, str(row_id)) for table, of in changes for row_id in of["deleted"]],
            cursor=str(document["cursor"]),
            has_more=bool(document["has_more"]),
            etag=answer.headers.get("etag"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnknownAnswer("The service's page of changes cannot be read.") from error


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
        tables = {name: (int(one["count"]), str(one["sha256"])) for name, one in found}
        return Checksums(str(document["cursor"]), tables)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnknownAnswer("The service's checksums cannot be read.") from error


def fitting(mutations: Sequence[Mutation]) -> Sequence[Mutation]:
    """Return the first mutations that go into one push; at least one, so that there is progress."""
    size = _ENVELOPE_BYTES
    for number, mutation in enumerate(mutations[:MAX_MUTATIONS]):
        size += len(encode(mutation.to_json())) + 1
        if number and size > MAX_BODY_BYTES:
            return mutations[:number]
    return mutations[:MAX_MUTATIONS]


def encode(document: Any) -> bytes:  # Any: whatever JSON can say.
    """Write JSON as it is sent and stored.

    Raises:
        ValueError: It holds NaN, an infinity or half a surrogate pair.
        TypeError: It holds what JSON cannot say.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _row(table: str, found: JSON) -> Row:
    fields = {name: value for name, value in found.items() if name not in {"id", "version"}}
    return Row(table, str(found["id"]), int(found["version"]), fields)


def _result(found: JSON) -> Result:
    if found["verdict"] not in _VERDICTS:
        raise UnknownAnswer(f"The service gave a verdict that this client does not know: {found}")
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
    except ValueError:
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
    kind = _REFUSALS.get(
        status, Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refusal
    )
    if code and _is_about_mutations(status, problem):
        kind = MutationsRefused
    return kind(message, status=status, code=code, retry_after=_seconds(answer))


_REFUSALS: Final[dict[int, type[Refusal]]] = {
    HTTPStatus.UNAUTHORIZED: SignInRequired,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
}


def _is_about_mutations(status: int, problem: JSON) -> bool:
    """Whether a body cannot be read, is too long, or has an invalid mutation."""
    fields = (str(error.get("field", "")) for error in problem.get("errors") or ())
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return any(field.startswith("mutations") for field in fields)
    return status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


def _seconds(answer: Answer) -> float | None:
    try:
        return float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return None
