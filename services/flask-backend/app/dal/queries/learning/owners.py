"""Which accounts have learners."""

from uuid import UUID

from app.dal.connection import get_db


def list_learner_owners(*, after: UUID, limit: int) -> list[UUID]:
    """Return the accounts behind one that have learners, deleted ones too, by id."""
    owner = get_db().learner_profiles.user_id
    rows = get_db()(owner > after).dicts(owner, groupby=owner, orderby=owner, limitby=(0, limit))
    return [row["user_id"] for row in rows]
