"""Everything about a person as one JSON document, written while it is read: a page at a time.

What belongs in it is declared in ``personal_data``. All of it is read in one transaction that sees
one state of the database. The document ends with ``"is_complete": true``; one that was cut, by a
failure or because time was over, has no end, so that no parser takes it for a whole one.
"""

import json
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog

from app import deadline
from app.errors import NotFound
from app.models import Row, get_deleted_user, get_user, list_owned_rows, release, transaction
from app.usecases.learning.personal_files import list_filed_rows
from app.usecases.personal_data import CLAIMED, HOLDINGS, Holding, Place, place_of

FORMAT: Final = "flask-backend-export"
VERSION: Final = 1
"""Of the format. It grows when what is there changes its name or its meaning."""

log = structlog.get_logger(__name__)


class ExportCut(Exception):
    """An export that was begun cannot be finished."""


def export_account(user_id: UUID, at: datetime) -> Generator[bytes]:
    """Yield the export of an account, in pieces.

    Args:
        user_id: Whose data.
        at: Now, which the export tells.

    Raises:
        NotFound: ``USER_NOT_FOUND``; before the first piece.
        ExportCut: The time of the request is over; after some pieces.
    """
    if get_user(user_id) is None and get_deleted_user(user_id) is None:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    is_whole = False
    try:
        yield _head(user_id, at)
        with transaction("REPEATABLE READ", readonly=True):
            yield from _sections(user_id)
            yield from _claimed_guests(user_id)
        yield _tail()
        is_whole = True
    finally:
        release()  # No request may be there to do it.
        if not is_whole:
            log.warning("export_cut", user_id=str(user_id))


def _head(user_id: UUID, at: datetime) -> bytes:
    facts = {"format": FORMAT, "version": VERSION, "generated_at": at, "user_id": user_id}
    return _json(facts).removesuffix(b"}")


def _tail() -> bytes:
    withheld = {one.section: one.withheld for one in HOLDINGS if one.section and one.withheld}
    return b",\n" + _json({"withheld": withheld, "is_complete": True}).removeprefix(b"{") + b"\n"


def _sections(user_id: UUID) -> Iterator[bytes]:
    filed = list_filed_rows(user_id)
    for holding in HOLDINGS:
        if holding.owned.table in filed:
            yield from _array(holding, [filed[holding.owned.table]])
        elif holding.section:
            yield from _section(holding, user_id)


def _claimed_guests(user_id: UUID) -> Iterator[bytes]:
    """Yield who the person was before they had an account: each guest with sections of its own."""
    separator = b"\n"
    yield b',\n"claimed_guests":['
    for page in _pages(CLAIMED, user_id):
        for row in page:
            yield separator + _json({"user_id": row["user_id"]}).removesuffix(b"}")
            yield from _sections(row["user_id"])
            yield b"}"
            separator = b",\n"
    yield b"]"


def _section(holding: Holding, user_id: UUID) -> Iterator[bytes]:
    """Yield a member of the document: an array, or where there is one row at most, it or null."""
    if not holding.owned.order:
        rows = list_owned_rows(holding.owned, user_id, limit=1)
        one = _row(rows[0], holding) if rows else b"null"
        yield b",\n" + _json(holding.section) + b":" + one
        return
    yield from _array(holding, _pages(holding, user_id))


def _array(holding: Holding, pages: Iterable[list[Row]]) -> Iterator[bytes]:
    yield b",\n" + _json(holding.section) + b":["
    for number, page in enumerate(pages):
        yield (b",\n" if number else b"\n") + b",\n".join(_row(row, holding) for row in page)
    yield b"]"


def _pages(holding: Holding, user_id: UUID) -> Iterator[list[Row]]:
    place: Place | None = None
    while True:
        if deadline.remaining() == 0:
            raise ExportCut("the time of the request is over")
        page = list_owned_rows(holding.owned, user_id, after=place, limit=holding.page)
        if page:
            yield page
        if len(page) < holding.page:
            return
        place = place_of(page[-1], holding)


def _row(row: Row, holding: Holding) -> bytes:
    return _json({name: value for name, value in row.items() if name not in holding.withheld})


def _json(value: Any) -> bytes:
    text = json.dumps(
        value, default=_spell, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return text.encode()


def _spell(value: Any) -> Any:
    """Write what JSON has no type for, as the API does.

    Raises:
        TypeError: There is no agreed spelling for such a value.
    """
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no spelling in JSON")
