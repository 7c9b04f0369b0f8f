"""What belongs to a learner: found, listed, stored, changed and deleted, for all kinds alike.

A thing is found under its learner only, and under the account of both.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat

from app import clock
from app.errors import Conflict, NotFound
from app.keyset import Position
from app.models import Row
from app.usecases.learning.current import current_store
from app.usecases.learning.learners import require_learner
from app.usecases.learning.sameness import has_values
from app.usecases.learning.store import CARDS, GRAMMAR, MESSAGES, WORDS, Kind
from app.usecases.work import unit_of_work

_MISSING: Final = {
    WORDS: ("WORD_NOT_FOUND", "There is no such word."),
    GRAMMAR: ("GRAMMAR_NOT_FOUND", "There is no such piece of grammar."),
    CARDS: ("CARD_NOT_FOUND", "There is no such card."),
    MESSAGES: ("MESSAGE_NOT_FOUND", "There is no such message."),
}
_DELETED: Final = {
    CARDS: ("CARD_DELETED", "The card with this id was deleted."),
    MESSAGES: ("MESSAGE_DELETED", "The message with this id was deleted."),
}


def require_belonging(kind: Kind, user_id: UUID, learner_id: str, row_id: UUID) -> Row:
    """Return what a learner has, by its id.

    Raises:
        NotFound: ``WORD_NOT_FOUND`` and so on: it does not exist, is deleted, or is another's.
    """
    row = current_store().find(kind, user_id, [row_id]).get(row_id)
    if row is None or row["is_deleted"] or row["profile_id"] != learner_id:
        raise NotFound(*_MISSING[kind])
    return row


def list_belongings(
    kind: Kind,
    user_id: UUID,
    learner_id: str,
    *,
    where: Mapping[str, Any],
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    after: Position | None = None,
    limit: int,
) -> list[Row]:
    """Return what a learner has, the newest first; both ends of the range belong to it.

    Args:
        kind: Of which kind.
        user_id: Whose learner.
        learner_id: Which learner.
        where: The values that columns have; None for any.
        start_date: The earliest ``kind.time``.
        end_date: The latest.
        after: The last row of the page before.
        limit: How many at most.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
    """
    require_learner(user_id, learner_id)
    narrowed = {name: value for name, value in where.items() if value is not None}
    return current_store().page(
        kind,
        user_id,
        where={"profile_id": learner_id, **narrowed},
        start=start_date,
        end=end_date,
        after=after,
        limit=limit,
    )


@unit_of_work
def create_belonging(
    kind: Kind, user_id: UUID, learner_id: str, row_id: UUID | None, **columns: Any
) -> tuple[Row, bool]:
    """Store a card or a message; tell its row, and whether it is new.

    Args:
        kind: Of which kind.
        user_id: Whose learner.
        learner_id: Which learner.
        row_id: Its id if the client made one; else it is made here.
        **columns: The rest. A time that is None is now, and is not compared.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
        Conflict: ``ID_TAKEN``: another one has the id. ``CARD_DELETED``, ``MESSAGE_DELETED``: it
            was deleted.
    """
    store = current_store()
    new_id = row_id or uuid_utils.compat.uuid7()
    with store.writing(user_id):
        require_learner(user_id, learner_id)
        given = {"profile_id": learner_id} | columns
        row = store.find(kind, user_id, [new_id]).get(new_id)
        if row is None:
            at = columns[kind.time] or clock.now()
            store.insert(kind, user_id, [{"id": new_id, **given, kind.time: at}])
            return store.find(kind, user_id, [new_id])[new_id], True
    if row["is_deleted"]:
        raise Conflict(*_DELETED[kind])
    if columns[kind.time] is None:
        del given[kind.time]
    if not has_values(row, given):
        raise Conflict("ID_TAKEN", "Another one has this id.")
    return row, False


@unit_of_work
def change_belonging(
    kind: Kind, user_id: UUID, learner_id: str, row_id: UUID, **columns: Any
) -> Row:
    """Change columns of a card or a message, each as a whole; return the row.

    Raises:
        NotFound: As for ``require_belonging``.
    """
    store = current_store()
    with store.writing(user_id):
        require_belonging(kind, user_id, learner_id, row_id)
        store.update(kind, user_id, [row_id], **columns)
        return require_belonging(kind, user_id, learner_id, row_id)


@unit_of_work
def delete_belonging(kind: Kind, user_id: UUID, learner_id: str, row_id: UUID) -> None:
    """Delete what a learner has, softly.

    Raises:
        NotFound: As for ``require_belonging``.
    """
    store = current_store()
    with store.writing(user_id):
        require_belonging(kind, user_id, learner_id, row_id)
        store.update(kind, user_id, [row_id], is_deleted=True)
