"""Rows of learning in the database: in the transaction of whoever calls. Holds no query."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from app.keyset import Position
from app.models import (
    Row,
    count_learning_days,
    create_learning_rows,
    delete_learner_rows,
    find_learning_rows,
    list_learning_rows,
    lock_head,
    remove_learning_rows,
    update_learning_rows,
)
from app.usecases.learning.store import LEARNED, LEARNERS, WORDS, DayCount, Id, Kind


class DatabaseStore:
    """Keeps rows of learning in the five tables."""

    @contextmanager
    def writing(self, user_id: UUID) -> Iterator[None]:
        """Take the head of the account, which is held until the unit of work has ended."""
        lock_head(user_id)
        yield

    def find(self, kind: Kind, user_id: UUID, ids: Collection[Id]) -> dict[Id, Row]:
        """Return rows by their ids, deleted ones too."""
        return {row["id"]: row for row in find_learning_rows(kind.table, user_id, ids)}

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
        """Return a page of rows that are not deleted."""
        return list_learning_rows(
            kind.table,
            user_id,
            time=kind.time,
            where=where,
            start=start,
            end=end,
            after=after,
            columns=columns,
            limit=limit,
        )

    def count_days(
        self,
        kind: Kind,
        user_id: UUID,
        profile_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[DayCount]:
        """Count by day and language."""
        by_language = kind == WORDS
        rows = count_learning_days(
            kind.table,
            user_id,
            profile_id,
            time=kind.time,
            by="language" if by_language else None,
            start=start,
            end=end,
        )
        return [DayCount(*row) for row in rows]

    def insert(self, kind: Kind, user_id: UUID, rows: Sequence[Row]) -> None:
        """Store new rows."""
        create_learning_rows(kind.table, user_id, rows)

    def update(self, kind: Kind, user_id: UUID, ids: Collection[Id], **columns: Any) -> None:
        """Change rows by their ids."""
        update_learning_rows(kind.table, user_id, ids, **columns)

    def delete_learner(self, user_id: UUID, profile_id: str) -> None:
        """Delete a learner softly, after all that is theirs."""
        for kind in LEARNED:
            delete_learner_rows(kind.table, user_id, profile_id)
        self.update(LEARNERS, user_id, [profile_id], is_deleted=True)

    def remove(self, kind: Kind, user_id: UUID, ids: Collection[Id]) -> None:
        """Remove rows for good."""
        remove_learning_rows(kind.table, user_id, ids)
