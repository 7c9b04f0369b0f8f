"""The devices of an account, and how much of it each is known to have.

Reads and writes what it is told: who may come, and when a row is worth a write, is decided above.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from bilayer.runtime import Param, prepared, select, update


def get_head_and_client(user_id: UUID, client_id: str) -> Row | None:
    """Return the head of an account and one client of it, at once; None: no such account.

    The head's ``version``, ``epoch`` and ``floor`` are None if there is none. The client's are
    ``client_id``, which is None if there is none, ``name``, ``acked_version``, ``client_epoch``,
    ``last_seen_at`` and ``revoked_at``.
    """
    return _HEAD_AND_CLIENT.one(get_db(), user_id=user_id, client_id=client_id)


def get_client(user_id: UUID, client_id: str) -> Row | None:
    """Return a client of an account, revoked or not, or None."""
    row: Row | None = get_db()(_client(user_id, client_id)).one()
    return row


def list_clients(user_id: UUID) -> list[Row]:
    """Return the clients of an account, those seen last first."""
    clients = get_db().sync_clients
    order = ~clients.last_seen_at | clients.client_id
    rows: list[Row] = get_db()(clients.user_id == user_id).dicts(orderby=order)
    return rows


def create_client(user_id: UUID, client_id: str, *, at: datetime, **columns: Any) -> None:
    """Store a client that is seen for the first time."""
    get_db().sync_clients.insert(
        user_id=user_id, client_id=client_id, first_seen_at=at, last_seen_at=at, **columns
    )


def acknowledge_version(
    user_id: UUID, client_id: str, *, version: int, epoch: UUID, at: datetime
) -> None:
    """Note that a client has everything up to a version, unless it is known to have more."""
    _ACKNOWLEDGE.run(
        get_db(), user_id=user_id, client_id=client_id, version=version, epoch=epoch, at=at
    )


def update_client(user_id: UUID, client_id: str, **columns: Any) -> int:
    """Change columns of a client, and tell how many there are: one or none."""
    return int(get_db()(_client(user_id, client_id)).update(**columns))


def delete_client(user_id: UUID, client_id: str) -> None:
    """Forget a client."""
    get_db()(_client(user_id, client_id)).delete()


def _client(user_id: UUID, client_id: str) -> Query:
    clients = get_db().sync_clients
    return (clients.user_id == user_id) & (clients.client_id == client_id)


# The account is the one row that is always there.
_HEAD_AND_CLIENT = prepared(
    lambda db: select(
        db.users.id == Param("user_id"),
        db.sync_heads.version,
        db.sync_heads.epoch,
        db.sync_heads.floor,
        db.sync_clients.client_id,
        db.sync_clients.name,
        db.sync_clients.acked_version,
        db.sync_clients.epoch.with_alias("client_epoch"),
        db.sync_clients.last_seen_at,
        db.sync_clients.revoked_at,
        left=[
            db.sync_heads.on(db.sync_heads.user_id == db.users.id),
            db.sync_clients.on(
                (db.sync_clients.user_id == db.users.id)
                & (db.sync_clients.client_id == Param("client_id"))
            ),
        ],
    )
)
_ACKNOWLEDGE = prepared(
    lambda db: update(
        (db.sync_clients.user_id == Param("user_id"))
        & (db.sync_clients.client_id == Param("client_id"))
        & (
            (db.sync_clients.epoch != Param("epoch"))
            | (db.sync_clients.acked_version < Param("version"))
        ),
        acked_version=Param("version"),
        epoch=Param("epoch"),
        last_seen_at=Param("at"),
    )
)
