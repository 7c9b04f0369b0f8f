"""The numbers themselves: the epoch of all of them, and rows that have none yet."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from app.dal.connection import get_db
from app.dal.synced import Synced


def replace_epoch(epoch: UUID, *, at: datetime) -> int:
    """Begin another epoch for the database and for every account; tell how many those are."""
    db = get_db()
    values = {"epoch": epoch, "raised_at": at}
    db.installation.upsert({"id": 1, **values}, conflict=["id"], update=values)
    return int(db(db.sync_heads.epoch != epoch).update(epoch=epoch))


def list_account_ids(*, after: UUID, limit: int) -> list[UUID]:
    """Return the accounts behind one, of every kind, by id."""
    users = get_db().users
    rows = get_db()(users.id > after).dicts(users.id, orderby=users.id, limitby=(0, limit))
    return [row["id"] for row in rows]


def list_unnumbered_owners(synced: Synced, user_ids: Collection[UUID]) -> list[UUID]:
    """Return those of these accounts that have rows without a version, by id."""
    table = get_db()[synced.name]
    owner = table.user_id
    query = owner.belongs(user_ids) & (table.version == 0)
    rows = get_db()(query).dicts(owner, groupby=owner, orderby=owner)
    return [row["user_id"] for row in rows]


def number_rows(synced: Synced, user_id: UUID, *, limit: int) -> int:
    """Give rows of an account that have no version the one of this transaction; tell how many."""
    db = get_db()
    table = db[synced.name]
    column = table[synced.id_column]
    unnumbered = (table.user_id == user_id) & (table.version == 0)
    rows = db(unnumbered).dicts(column, orderby=column, limitby=(0, limit))
    if not rows:
        return 0
    ids = [row[synced.id_column] for row in rows]
    # Whatever is written, the pipeline puts the next version in its place.
    return int(db(unnumbered & column.belongs(ids)).update(version=0))
