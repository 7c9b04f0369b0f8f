"""The devices of an account: who may come, how far each has got, and which may not come any more.

What a device has is only ever known from the cursor it presents: an answer may have been lost.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.errors import Conflict, Forbidden, NotFound
from app.models import (
    Row,
    acknowledge_version,
    create_client,
    delete_client,
    get_client,
    get_head,
    get_head_and_client,
    list_clients,
    lock_head,
    update_client,
)
from app.usecases.work import unit_of_work

MAX_CLIENTS: Final = 100
LIVE: Final = timedelta(days=90)
"""A client that was not seen for so long holds nothing up, and leaves its place to another."""
_SEEN_EVERY: Final = timedelta(hours=1)

__all__ = [
    "HeadAndClient",
    "list_clients",
    "note_client",
    "read_head_and_client",
    "require_live",
    "revoke_client",
]


@dataclass(frozen=True, slots=True)
class HeadAndClient:
    """An account as one of its clients finds it.

    Attributes:
        head: Its ``version``, ``epoch`` and ``floor``; None if nothing of it was ever synced.
        client: ``name``, ``acked_version``, ``epoch``, ``last_seen_at`` and ``revoked_at``; None if
            it was never seen.
    """

    head: Row | None
    client: Row | None


def read_head_and_client(user_id: UUID, client_id: str | None) -> HeadAndClient:
    """Return the head of an account, and the client if one is named: one read by keys."""
    if client_id is None:
        return HeadAndClient(get_head(user_id), None)
    row = get_head_and_client(user_id, client_id)
    if row is None:
        return HeadAndClient(None, None)
    head = {name: row[name] for name in ("version", "epoch", "floor")}
    client = {name: row[name] for name in ("name", "acked_version", "last_seen_at", "revoked_at")}
    client["epoch"] = row["client_epoch"]
    return HeadAndClient(
        None if row["epoch"] is None else head, None if row["client_id"] is None else client
    )


def require_live(client: Row | None) -> None:
    """Refuse a client that was revoked.

    Raises:
        Forbidden: ``CLIENT_REVOKED``.
    """
    if client is not None and client["revoked_at"] is not None:
        raise Forbidden("CLIENT_REVOKED", "This client was revoked; it has to begin as another.")


def note_client(
    user_id: UUID,
    client_id: str,
    *,
    name: str | None = None,
    acked: int | None,
    epoch: UUID,
    at: datetime,
    known: Row | None = None,
) -> None:
    """Note that a client was here, and what it has; at most once an hour if it has no more.

    Args:
        user_id: Whose client.
        client_id: What it calls itself.
        name: What people call it, if it says so.
        acked: The version up to which it has everything, if it has presented a cursor.
        epoch: That of the cursor, or of the account if there is none.
        at: Now.
        known: The client as ``read_head_and_client`` has just given it; it is read otherwise.

    Raises:
        Forbidden: ``CLIENT_REVOKED``.
        Conflict: ``TOO_MANY_CLIENTS``.
    """
    client = known or get_client(user_id, client_id)
    require_live(client)
    if client is None:
        _register(user_id, client_id, name=name, acked_version=acked or 0, epoch=epoch, at=at)
    elif acked is not None and (acked > client["acked_version"] or epoch != client["epoch"]):
        _acknowledge(user_id, client_id, acked, epoch, at)
    changes: dict[str, Any] = {}
    if client is not None and name is not None and name != client["name"]:
        changes["name"] = name
    if client is not None and at - client["last_seen_at"] > _SEEN_EVERY:
        changes["last_seen_at"] = at
    if changes:
        _change(user_id, client_id, changes)


@unit_of_work
def revoke_client(user_id: UUID, client_id: str, *, at: datetime) -> None:
    """Let a client neither pull nor push any more; one that was revoked stays so.

    Raises:
        NotFound: ``CLIENT_NOT_FOUND``.
    """
    client = get_client(user_id, client_id)
    if client is None:
        raise NotFound("CLIENT_NOT_FOUND", "There is no such client.")
    if client["revoked_at"] is None:
        update_client(user_id, client_id, revoked_at=at)


@unit_of_work
def _acknowledge(user_id: UUID, client_id: str, version: int, epoch: UUID, at: datetime) -> None:
    acknowledge_version(user_id, client_id, version=version, epoch=epoch, at=at)


@unit_of_work
def _change(user_id: UUID, client_id: str, changes: dict[str, Any]) -> None:
    update_client(user_id, client_id, **changes)


@unit_of_work
def _register(user_id: UUID, client_id: str, *, at: datetime, **columns: Any) -> None:
    """Store a new client, in the place of one that is gone if there are too many."""
    lock_head(user_id)  # Two new clients could otherwise take the last place both.
    if get_client(user_id, client_id) is not None:
        return
    clients = list_clients(user_id)
    if len(clients) >= MAX_CLIENTS:
        gone = [one for one in clients if one["revoked_at"] or at - one["last_seen_at"] > LIVE]
        if not gone:
            message = f"An account has at most {MAX_CLIENTS} clients; revoke one of them first."
            raise Conflict("TOO_MANY_CLIENTS", message)
        delete_client(user_id, gone[-1]["client_id"])
    create_client(user_id, client_id, at=at, **columns)
