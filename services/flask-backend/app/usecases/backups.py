"""What the database knows of its own backups: which there are, and which were verified."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from app.models import (
    delete_backups,
    get_last_verified_backup,
    list_backups,
    mark_backup_verified,
    record_backup,
)
from app.usecases.work import unit_of_work

__all__ = [
    "age_of_verified",
    "forget",
    "get_last_verified_backup",
    "known_digest",
    "list_backups",
    "note",
]


@unit_of_work
def note(name: str, *, verified_at: datetime | None = None, **columns: Any) -> None:
    """Store that there is a backup, and that it was verified if it was.

    Args:
        name: Its name.
        verified_at: When it was restored.
        **columns: What its manifest says.
    """
    record_backup(name, **columns)
    if verified_at is not None:
        mark_backup_verified(name, at=verified_at)


@unit_of_work
def forget(names: Collection[str]) -> None:
    """Store that backups are gone."""
    delete_backups(names)


def known_digest(name: str) -> str | None:
    """Return the digest of a backup's manifest as it was when it was made, if that is known."""
    return next((row["sha256"] for row in list_backups() if row["name"] == name), None)


def age_of_verified(at: datetime) -> timedelta | None:
    """Return how old the newest backup is that was restored; None if none ever was."""
    backup = get_last_verified_backup()
    return at - backup["created_at"] if backup else None
