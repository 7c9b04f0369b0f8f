"""Whether a device can go on from where it is, or has to begin anew. Reads no row of a table."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.errors import Gone
from app.keyset import SyncCursor
from app.models import Row, get_epoch

_REASONS: Final = {
    "epoch": "The database was restored meanwhile.",
    "ahead": "The cursor is of a time that the database does not know.",
    "horizon": "Deletions were forgotten that this device has not heard of.",
}


def head_or_blank(head: Row | None, epoch: UUID | None = None) -> Row:
    """Return a head; if there is none, one of an account of which nothing was ever synced.

    Args:
        head: As it was read.
        epoch: That of the database, if it is known.
    """
    return head or {"epoch": epoch or get_epoch(), "version": 0, "floor": 0}


def check_cursor(cursor: SyncCursor, head: Mapping[str, Any]) -> None:
    """Refuse a cursor from which no walk leads to the head.

    Args:
        cursor: Where the device is.
        head: ``epoch``, ``version`` and ``floor`` of the account.

    Raises:
        Gone: ``FULL_RESYNC_REQUIRED``, with the ``reason``: ``epoch``, ``ahead`` or ``horizon``.
    """
    last = cursor.place.version if cursor.place else cursor.version
    # What was gone when the device began, it need not be told; so its first walk may take long.
    told = max(cursor.version, cursor.origin)
    if cursor.epoch != head["epoch"]:
        raise _refused("epoch")
    if max(last, cursor.origin) > head["version"]:
        raise _refused("ahead")
    if told < head["floor"]:
        raise _refused("horizon")


def _refused(reason: str) -> Gone:
    message = f"{_REASONS[reason]} Pull everything anew, without a cursor."
    return Gone("FULL_RESYNC_REQUIRED", message, facts={"reason": reason})
