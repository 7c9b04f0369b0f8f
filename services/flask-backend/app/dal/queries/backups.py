"""Which backups were made, and when each was verified. Decides nothing about their age."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import uuid_utils.compat

from app.dal.connection import get_db
from app.dal.queries import Row


def record_backup(name: str, **columns: Any) -> None:
    """Store that there is a backup, unless that is known.

    Args:
        name: Its name.
        **columns: What its manifest says.
    """
    backups = get_db().backups
    if not get_db()(backups.name == name).count():
        backups.insert(id=uuid_utils.compat.uuid7(), name=name, **columns)


def mark_backup_verified(name: str, *, at: datetime) -> None:
    """Store that a backup was restored, and was one."""
    db = get_db()
    db(db.backups.name == name).update(verified_at=at)


def delete_backups(names: Collection[str]) -> None:
    """Forget backups that are none any more."""
    db = get_db()
    db(db.backups.name.belongs(names)).delete()


def list_backups() -> list[Row]:
    """Return all that is known of backups, the newest first."""
    db = get_db()
    rows: list[Row] = db(db.backups).dicts(orderby=~db.backups.created_at | ~db.backups.id)
    return rows


def get_last_verified_backup(names: Collection[str] | None = None) -> Row | None:
    """Return the newest of the backups that were restored, or None.

    Args:
        names: Only of these.
    """
    db = get_db()
    backups = db.backups
    found = db(backups.verified_at != None)  # noqa: E711 - a query
    if names is not None:
        found = found(backups.name.belongs(names))
    rows: list[Row] = found.dicts(orderby=~backups.created_at | ~backups.id, limitby=(0, 1))
    return rows[0] if rows else None
