"""What people say about themselves and prefer. Every account has at most one such row."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row
from bilayer.runtime import json_merge


def create_profile(user_id: UUID) -> None:
    """Make the empty profile of an account, unless it has one."""
    empty = {"user_id": user_id, "preferences": {}}
    get_db().profiles.upsert(empty, conflict=["user_id"], update={})


def get_profile(user_id: UUID) -> Row | None:
    """Return an account's profile, or None if it has none yet."""
    db = get_db()
    row: Row | None = db(db.profiles.user_id == user_id).one()
    return row


def blank_profile(user_id: UUID, *, updated_at: datetime) -> Row:
    """Return what a profile says of itself before anything is stored of it; stores nothing."""
    blank = dict.fromkeys(get_db().profiles.fields)
    return blank | {"user_id": user_id, "preferences": {}, "updated_at": updated_at, "version": 0}


def update_profile(
    user_id: UUID, *, preferences_patch: Mapping[str, Any] | None = None, **columns: Any
) -> Row | None:
    """Change columns of a profile and return it, or None if there is none.

    Args:
        user_id: Whose profile it is.
        preferences_patch: Merged into ``preferences`` by the database (RFC 7396), so that of two
            clients that change different keys at once neither undoes the other.
        columns: New values of other columns.

    Raises:
        InvalidValue: A column does not exist or does not take the value.
    """
    db = get_db()
    if preferences_patch is not None:
        columns["preferences"] = json_merge(db.profiles.preferences, dict(preferences_patch))
    rows: list[Row] = db(db.profiles.user_id == user_id).update_returning(**columns)
    return rows[0] if rows else None
