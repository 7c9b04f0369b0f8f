"""Learners: whom an account keeps learning data about. Each rule is within one account."""

import uuid
from typing import Any, Final
from uuid import UUID

from app.errors import Conflict, NotFound
from app.keyset import Position
from app.models import Row
from app.usecases.learning.current import current_store
from app.usecases.learning.sameness import has_values
from app.usecases.learning.store import LEARNED, LEARNERS
from app.usecases.learning.texts import numbered_slug, slug_of
from app.usecases.work import unit_of_work

_MOST_AT_ONCE: Final = 10_000
"""Rows of a kind that one transaction deletes: a second or so, of the ten of a request."""
_NAMESAKES: Final = 100
"""So many learners of one name get ids with numbers; those after them, random ones."""


@unit_of_work
def create_learner(user_id: UUID, learner_id: str | None, **columns: Any) -> tuple[Row, bool]:
    """Store a learner; tell the row, and whether it is new.

    Args:
        user_id: Whose.
        learner_id: Its id if the client chose one; else it is made from the name.
        **columns: What is known of them; ``name`` at least.

    Raises:
        Conflict: ``LEARNER_EXISTS``: another learner has the id. ``LEARNER_DELETED``: it was
            deleted.
    """
    store = current_store()
    with store.writing(user_id):
        new_id = learner_id or _free_id(user_id, columns["name"])
        row = store.find(LEARNERS, user_id, [new_id]).get(new_id)
        if row is None:
            store.insert(LEARNERS, user_id, [{"id": new_id, **columns}])
            return store.find(LEARNERS, user_id, [new_id])[new_id], True
    if row["is_deleted"]:
        raise Conflict("LEARNER_DELETED", "The learner with this id was deleted.")
    if not has_values(row, columns):
        raise Conflict("LEARNER_EXISTS", "Another learner has this id.")
    return row, False


def require_learner(user_id: UUID, learner_id: str) -> Row:
    """Return a learner of this account.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``: there is none, it is deleted, or is somebody else's.
    """
    row = current_store().find(LEARNERS, user_id, [learner_id]).get(learner_id)
    if row is None or row["is_deleted"]:
        raise NotFound("LEARNER_NOT_FOUND", "There is no such learner.")
    return row


def list_learners(user_id: UUID, *, after: Position | None, limit: int) -> list[Row]:
    """Return the learners of an account, the newest first."""
    return current_store().page(LEARNERS, user_id, where={}, after=after, limit=limit)


@unit_of_work
def change_learner(user_id: UUID, learner_id: str, **columns: Any) -> Row:
    """Change what is known of a learner, each column as a whole; return the row.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``, as above.
    """
    store = current_store()
    with store.writing(user_id):
        require_learner(user_id, learner_id)
        store.update(LEARNERS, user_id, [learner_id], **columns)
        return require_learner(user_id, learner_id)


def delete_learner(user_id: UUID, learner_id: str) -> None:
    """Delete a learner and all that is theirs, softly; the id stays taken.

    Who has very much loses it in several transactions, and is deleted in the last one: if time is
    over in between, whoever asks again goes on.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``, as above.
    """
    while not _delete_some(user_id, learner_id):
        pass


@unit_of_work
def _delete_some(user_id: UUID, learner_id: str) -> bool:
    """Delete as much as one transaction should; tell whether the learner is gone."""
    store = current_store()
    with store.writing(user_id):
        require_learner(user_id, learner_id)
        for kind in LEARNED:
            theirs = {"profile_id": learner_id}
            rows = store.page(kind, user_id, where=theirs, columns=("id",), limit=_MOST_AT_ONCE)
            if len(rows) == _MOST_AT_ONCE:
                store.update(kind, user_id, [row["id"] for row in rows], is_deleted=True)
                return False
        store.delete_learner(user_id, learner_id)
    return True


def _free_id(user_id: UUID, name: str) -> str:
    slug = slug_of(name)
    wanted = [slug, *(numbered_slug(slug, number) for number in range(2, _NAMESAKES))]
    taken = current_store().find(LEARNERS, user_id, wanted)
    return next((one for one in wanted if one not in taken), uuid.uuid4().hex)
