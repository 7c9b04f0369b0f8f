"""A time in place of a cursor, for those who keep none. Reads no more than one row a table."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.models import Row, get_last_version_before
from app.usecases.sync.collection import KEPT
from app.usecases.sync.tables import Synced

MARGIN: Final = timedelta(minutes=5)
"""No transaction takes so long from its first synced row to its commit."""
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def version_before(
    head: Row, user_id: UUID, moment: datetime, tables: Iterable[Synced], *, now: datetime
) -> int:
    """Return a version behind which is all that was committed from a moment on, and some more.

    The times of an account's rows never run backwards from version to version, whatever the clock
    does. Only rows that were there before there were versions share one with different times, so
    the last version is left out.

    Args:
        head: The account's.
        user_id: Whose rows.
        moment: From when on nothing may be missing.
        tables: The synced tables.
        now: A moment that lies ahead of it is taken for now.
    """
    safe = max(min(moment, now), _EARLIEST) - MARGIN
    versions = [get_last_version_before(user_id, synced, safe) for synced in tables]
    version = max((version - 1 for version in versions if version), default=0)
    # What was collected was deleted so long ago that it lies before, and no row tells of it.
    return max(version, head["floor"]) if now - safe < KEPT else version
