"""A place in a list that is ordered by time and id. Knows neither cursors nor queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: the next page begins after it.

    Attributes:
        created_at: The row's time, aware.
        id: The row's id, which breaks ties between equal times.
    """

    created_at: datetime
    id: UUID
