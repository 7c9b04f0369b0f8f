"""Places in what is read page by page: a list, or the changes of an account. Knows no query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: the next page begins after it.

    Attributes:
        created_at: The row's time, aware: when it was made, or by what time the list is ordered.
        id: The row's id, which breaks ties between equal times: a UUID, or a learner's slug.
    """

    created_at: datetime
    id: Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk over the changes of an account stands: behind this row, or at a version's end.

    Attributes:
        version: Of the row; with no table, the version that was seen as a whole.
        table: Its table's name.
        id: What tells it apart in that table, as text.
    """

    version: int
    table: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class SyncCursor:
    """What a device has seen of an account.

    Attributes:
        epoch: Of the database that it saw.
        version: The last one that it saw as a whole.
        place: Where the page ended, if inside of a later version.
        tables: Those it asked for; None for all there are, now and later.
        origin: The last version when its first walk began: what was deleted by then it never had.
    """

    epoch: UUID
    version: int
    place: Place | None = None
    tables: frozenset[str] | None = None
    origin: int = 0
