"""The head of an account, and what is synced at all."""

from uuid import UUID

from app.dal import versions
from app.dal.connection import get_db
from app.dal.queries import Row
from app.dal.synced import Synced, synced_tables
from bilayer.runtime import Param, prepared, select


def get_head(user_id: UUID) -> Row | None:
    """Return the last version of an account, or None if nothing of it was ever synced."""
    return _HEAD.one(get_db(), user_id=user_id)


def lock_head(user_id: UUID) -> Row:
    """Return the head of an account, made if need be: nobody else writes synced rows of it then.

    Takes no version: the first synced row that is written does.
    """
    return versions.lock_head(get_db(), user_id)


def get_epoch() -> UUID:
    """Return the epoch of this database."""
    return versions.get_epoch(get_db())


def list_synced() -> dict[str, Synced]:
    """Return every table that devices have a copy of, by its name."""
    return synced_tables(get_db())


_HEAD = prepared(lambda db: select(db.sync_heads.user_id == Param("user_id"), db.sync_heads.ALL))
