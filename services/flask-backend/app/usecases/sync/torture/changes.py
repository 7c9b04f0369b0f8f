"""What was committed and what was delivered, and how the two compare. Touches no database."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.models import Row


@dataclass(frozen=True, slots=True)
class Change:
    """A row as a transaction has left it, or as a reader got it.

    Attributes:
        row_id: Which row.
        version: Its version.
        state: What tells it from the row before and after; None: it is deleted.
    """

    row_id: UUID
    version: int
    state: Any


@dataclass
class Tally:
    """What all writers have committed, and all readers were given.

    Attributes:
        written: How many changes were committed.
        repeated: How many changes a reader was given again.
    """

    written: int = 0
    repeated: int = 0
    _committed: dict[UUID, Change] = field(default_factory=dict)
    _delivered: dict[UUID, Change] = field(default_factory=dict)
    _seen: set[tuple[UUID, int]] = field(default_factory=set)
    _overtaken: list[Change] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_committed(self, changes: Iterable[Change]) -> None:
        """Note changes whose transaction has been committed."""
        with self._lock:
            for change in changes:
                self.written += 1
                before = self._committed.get(change.row_id)
                if before is not None:
                    self._overtaken.append(before)
                self._committed[change.row_id] = change

    def note_delivered(self, changes: Iterable[Change]) -> None:
        """Note what a reader was given."""
        with self._lock:
            for change in changes:
                key = (change.row_id, change.version)
                self.repeated += key in self._seen
                self._seen.add(key)
                before = self._delivered.get(change.row_id)
                if before is None or before.version <= change.version:
                    self._delivered[change.row_id] = change

    def lost(self) -> int:
        """Count the changes of which no reader knows, when all have read to the end.

        A reader need not see what was overtaken before it came, if it has what came after. The last
        state of a row must be the very one that was committed.
        """
        last = self._committed.values()
        return sum(self._delivered.get(one.row_id) != one for one in last) + sum(
            not self._is_known(one) for one in self._overtaken
        )

    def _is_known(self, change: Change) -> bool:
        found = self._delivered.get(change.row_id)
        return found is not None and found.version >= change.version


def change_of(row: Row) -> Change:
    """Say what a row of the history tells."""
    state = None if row["is_deleted"] else row["payload"]["number"]
    return Change(row["id"], row["version"], state)
