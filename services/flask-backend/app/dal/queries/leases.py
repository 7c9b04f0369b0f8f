"""Who has claimed what, and until when. Decides nothing about how long a claim is good."""

from datetime import datetime
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row, delete_first


def claim_lease(name: str, holder: UUID, *, at: datetime, until: datetime) -> None:
    """Take a lease that is free, expired or the holder's own; leave it to anybody else."""
    leases = get_db().leases
    is_free = (leases.expires_at <= at) | (leases.holder == holder)
    # The holder first: MariaDB shows the second assignment what the first has written, which is the
    # same answer.
    update = {
        "holder": is_free.case(holder, leases.holder),
        "expires_at": is_free.case(until, leases.expires_at),
    }
    values = {"name": name, "holder": holder, "expires_at": until}
    leases.upsert(values, conflict=["name"], update=update)


def get_lease(name: str) -> Row | None:
    """Return a lease, expired or not, or None."""
    row: Row | None = get_db()(get_db().leases.name == name).one()
    return row


def extend_lease(name: str, holder: UUID, *, until: datetime) -> bool:
    """Let a lease last until a time; tell whether it is still this holder's."""
    return bool(get_db()(_of(name, holder)).update(expires_at=until))


def delete_lease(name: str, holder: UUID) -> None:
    """End a lease, unless somebody else has it."""
    get_db()(_of(name, holder)).delete()


def delete_expired_leases(*, expired_at: datetime, limit: int) -> int:
    """Forget the leases that expired first, and tell how many they were.

    Those that somebody is about to take over are left to them.
    """
    leases = get_db().leases
    return delete_first(leases.expires_at <= expired_at, orderby=leases.expires_at, limit=limit)


def _of(name: str, holder: UUID) -> Query:
    leases = get_db().leases
    return (leases.name == name) & (leases.holder == holder)
