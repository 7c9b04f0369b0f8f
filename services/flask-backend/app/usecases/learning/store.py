"""What the use cases of learning need of whatever keeps their rows.

Rows are plain dicts of the tables' columns. Holds no rule of the product and no query: a store
does as it is told, and the use cases decide.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol
from uuid import UUID

from app.keyset import Position
from app.models import Row

Id = UUID | str
"""What tells the rows of an account apart in a table: learners have a slug, all else a UUID."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the five tables of learning.

    Attributes:
        table: Its name.
        time: The column it is listed by, newest first. Never changes while a row is not deleted.
    """

    table: str
    time: str


LEARNERS: Final = Kind("learner_profiles", "created_at")
WORDS: Final = Kind("mastered_words", "added_at")
GRAMMAR: Final = Kind("mastered_grammar", "added_at")
CARDS: Final = Kind("approved_cards", "approved_at")
MESSAGES: Final = Kind("chat_messages", "timestamp")

LEARNED: Final = (WORDS, GRAMMAR, CARDS, MESSAGES)
"""What belongs to a learner, by ``profile_id``."""

KINDS: Final = (LEARNERS, *LEARNED)


@dataclass(frozen=True, slots=True)
class DayCount:
    """How much of a kind came on one day.

    Attributes:
        day: A UTC day, by the kind's time.
        language: Of words; None for every other kind.
        count: How many rows that are not deleted.
    """

    day: date
    language: str | None
    count: int


class Store(Protocol):
    """Keeps rows of learning. Every call is within one account.

    A row that is written gets ``user_id``, ``version`` (one for each ``writing``, greater than all
    before), ``updated_at``, and ``created_at`` where the kind has it and the row names none.
    """

    def writing(self, user_id: UUID) -> AbstractContextManager[None]:
        """Be alone with the rows of an account: what is written inside is kept together, or not.

        Entered inside a unit of work. What is read inside includes what was written inside. May be
        nested; the outermost one counts.
        """

    def find(self, kind: Kind, user_id: UUID, ids: Collection[Id]) -> dict[Id, Row]:
        """Return those rows that there are, deleted ones too, by their ids."""

    def page(
        self,
        kind: Kind,
        user_id: UUID,
        *,
        where: Mapping[str, Any],
        start: datetime | None = None,
        end: datetime | None = None,
        after: Position | None = None,
        columns: Sequence[str] = (),
        limit: int,
    ) -> list[Row]:
        """Return rows that are not deleted, by ``kind.time`` and then by id, both descending.

        Args:
            kind: Of which table.
            user_id: Whose.
            where: The values that columns have.
            start: The earliest ``kind.time``, itself included.
            end: The latest, itself included.
            after: The last row of the page before; its ``created_at`` is the ``kind.time`` of it.
            columns: What of them; all if none is named.
            limit: How many at most.
        """

    def count_days(
        self,
        kind: Kind,
        user_id: UUID,
        profile_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[DayCount]:
        """Count what a learner has of a kind, by day and language; in the order of both."""

    def insert(self, kind: Kind, user_id: UUID, rows: Sequence[Row]) -> None:
        """Store new rows, all or none, in as few steps as possible. Each has the same columns.

        Raises:
            UniqueViolation: A row with one of the ids is there, perhaps a deleted one.
        """

    def update(self, kind: Kind, user_id: UUID, ids: Collection[Id], **columns: Any) -> None:
        """Give columns of rows these values, in as few steps as possible.

        ``is_deleted=True`` deletes rows softly, ``is_deleted=False`` revives them. Ids without
        a row are passed over.
        """

    def delete_learner(self, user_id: UUID, profile_id: str) -> None:
        """Delete a learner and everything that is theirs, all of it softly."""

    def remove(self, kind: Kind, user_id: UUID, ids: Collection[Id]) -> None:
        """Remove rows for good, without a trace for devices: only to undo what no one has built on.

        Removing a learner removes everything that is theirs.
        """
