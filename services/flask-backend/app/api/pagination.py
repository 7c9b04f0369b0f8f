"""Pages of a list, and the cursors between them: opaque, signed, bound to their filters.

Reads no row. A list is ordered by a time, mostly ``created_at``, and ``id``; the use case fetches
one row more than the page has, which tells whether there is a next page.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from flask import g, request
from pydantic import Field

from app.api.encoding import encode
from app.api.fields import FROM_DIGITS, Parameters
from app.api.signing import current_signing_keys
from app.errors import FieldError, Invalid
from app.keyset import Position

MAX_PAGE_BYTES: Final = 2 * 2**20
"""How large the items of a page are together; a page of more ends early."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_BYTES: Final = 8  # microseconds since 1970
_ID_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 15


def written(id_bytes: int, *, at_least: int | None = None) -> dict[str, Any]:
    """Return what the API's description says of a cursor; nobody but this service can make one.

    Args:
        id_bytes: How long the ids of the list are at most.
        at_least: And at least, if they are not of one length.
    """
    sizes = (at_least or id_bytes, id_bytes)
    shortest, longest = (ceil((_TIME_BYTES + size + _SIGNATURE_BYTES) * 4 / 3) for size in sizes)
    return {
        "pattern": f"^[A-Za-z0-9_-]{{{shortest},{longest}}}$",
        "description": "next_cursor of the page before, with the same filters.",
    }


class ListQuery(Parameters):
    """What every list takes. A list with filters adds them in a class of its own."""

    has_text_ids: ClassVar[bool] = False
    """Its ids are text, in ASCII, instead of UUIDs."""

    limit: Annotated[int, Field(ge=1, le=200), FROM_DIGITS] = 20
    cursor: Annotated[str, Field(max_length=100, json_schema_extra=written(_ID_BYTES))] | None = (
        None
    )


def read_cursor(query: ListQuery) -> Position | None:
    """Return where the page begins, or None for the first page.

    Raises:
        Invalid: This service did not make the cursor, or made it for another list, other filters
            or another account.
    """
    if query.cursor is None:
        return None
    padding = "=" * (-len(query.cursor) % 4)
    try:
        raw = base64.b64decode((query.cursor + padding).encode("ascii"), b"-_", validate=True)
    except ValueError:
        raise _refused() from None
    place, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if not _is_signed(place, query, signature):
        raise _refused()
    at, row_id = int.from_bytes(place[:_TIME_BYTES], signed=True), place[_TIME_BYTES:]
    return Position(
        _EPOCH + timedelta(microseconds=at),
        row_id.decode("ascii") if query.has_text_ids else UUID(bytes=row_id),
    )


def page_of(
    rows: Sequence[Mapping[str, Any]],
    query: ListQuery,
    shape: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    *,
    time: str = "created_at",
) -> dict[str, Any]:
    """Return the answer for one page.

    Args:
        rows: Up to ``query.limit + 1`` rows, each with its time and ``id``.
        query: The query the rows answer.
        shape: Turns a row into what the client sees.
        time: The column by which they are ordered.
    """
    items = _fitting([shape(row) for row in rows[: query.limit]])
    has_more = len(rows) > len(items)
    return {
        "items": items,
        "next_cursor": _write_cursor(rows[len(items) - 1], query, time) if has_more else None,
    }


def _fitting(items: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Take items until the page is full of bytes; at least one, so that paging gets on."""
    if len(encode(items)) <= MAX_PAGE_BYTES:
        return items
    page: list[Mapping[str, Any]] = []
    size = 0
    for item in items:
        size += len(encode(item))
        if page and size > MAX_PAGE_BYTES:
            break
        page.append(item)
    return page


def _write_cursor(row: Mapping[str, Any], query: ListQuery, time: str) -> str:
    microseconds = (row[time] - _EPOCH) // timedelta(microseconds=1)
    row_id = row["id"].encode("ascii") if query.has_text_ids else row["id"].bytes
    place = microseconds.to_bytes(_TIME_BYTES, signed=True) + row_id
    signed = base64.urlsafe_b64encode(place + next(_signatures(place, query)))
    return signed.decode("ascii").rstrip("=")


def _is_signed(place: bytes, query: ListQuery, signature: bytes) -> bool:
    return any(hmac.compare_digest(signature, one) for one in _signatures(place, query))


def _signatures(place: bytes, query: ListQuery) -> Iterator[bytes]:
    """Bind a place to the list, its filters and the account that asks, by each key in turn."""
    principal = g.get("principal")
    filters = query.model_dump_json(exclude={"cursor", "limit"})
    context = f"{request.path}\n{principal and principal.user_id}\n{filters}\n".encode()
    for key in current_signing_keys():
        yield hmac.digest(key, b"cursor\n" + context + place, hashlib.sha256)[:_SIGNATURE_BYTES]


def _refused() -> Invalid:
    error = FieldError("cursor", "INVALID_CURSOR", "Use next_cursor of the page before, unchanged.")
    return Invalid("INVALID_CURSOR", "The cursor does not belong to this list.", errors=[error])
