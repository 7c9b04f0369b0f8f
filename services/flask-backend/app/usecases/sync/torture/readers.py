"""Who reads all the while: page by page, from a cursor. Keeps no count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from secrets import SystemRandom
from typing import Any, Final
from uuid import UUID

from app import clock
from app.keyset import Position, SyncCursor
from app.models import Row, list_history
from app.usecases.sync import pull, walk
from app.usecases.sync.torture.changes import Change, change_of

_FORGOTTEN: Final = 0.2
_LIMIT: Final = 500
_LIMITS: Final = (2, 50, _LIMIT)
"""Pages end within a version, and behind one."""
_TICK: Final = timedelta(microseconds=1)


class Fault(StrEnum):
    """What a reader does wrong now and then, to show that it would be found out."""

    LOST = "lost"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to a reader.

    Attributes:
        changes: What is new.
        cursor: Where the next page begins.
        has_more: Whether it is there already.
    """

    changes: list[Change]
    cursor: Any
    has_more: bool


Fetch = Callable[[UUID, Any, SystemRandom], Page]
"""Reads the page of an account behind a cursor; None: from the start."""


@dataclass
class Reader:
    """Somebody who reads several accounts, and remembers how far.

    Attributes:
        fetch: How a page is read.
        dice: Decides.
        fault: What the reader does wrong.
    """

    fetch: Fetch
    dice: SystemRandom
    fault: Fault | None = None
    _cursors: dict[UUID, Any] = field(default_factory=dict)

    def read(self, user_id: UUID) -> Iterator[list[Change]]:
        """Yield what is new in an account since it was read, page by page."""
        has_more = True
        while has_more:
            page = self.fetch(user_id, self._cursors.get(user_id), self.dice)
            is_faulty = bool(page.changes) and self.dice.random() < _FORGOTTEN
            if not (is_faulty and self.fault is Fault.REPEATED):
                self._cursors[user_id] = page.cursor
            if not (is_faulty and self.fault is Fault.LOST):
                yield page.changes
            has_more = page.has_more


def fetch_by_version(user_id: UUID, cursor: SyncCursor | None, dice: SystemRandom) -> Page:
    """Pull as devices do."""
    at, asked = clock.now(), pull.Asked(user_id, limit=dice.choice(_LIMITS), cursor=cursor)
    head = pull.find_head(asked, at=at)
    if cursor is None:  # Who begins without a cursor hears of no deletions before.
        asked = replace(asked, cursor=SyncCursor(head["epoch"], 0))
    page = pull.pull(asked, head, at=at, weigh=_weigh)
    changes = [change_of(change.row) for change in page.changes]
    return Page(changes, page.cursor, page.has_more)


def fetch_by_time(user_id: UUID, newest: datetime | None, dice: SystemRandom) -> Page:
    """Read the rows that are newer than the newest one that was read before."""
    del dice
    rows: list[Row] = []
    while True:
        page = list_history(
            user_id,
            start_date=None if newest is None else newest + _TICK,
            after=Position(rows[-1]["created_at"], rows[-1]["id"]) if rows else None,
            limit=_LIMIT,
        )
        rows += page
        if len(page) < _LIMIT:
            break
    changes = [change_of(row) for row in rows]
    return Page(changes, rows[0]["created_at"] if rows else newest, has_more=False)


def _weigh(change: walk.Change) -> int:
    """Let pages be as long as they may."""
    del change
    return 0
