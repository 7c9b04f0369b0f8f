"""Forgetting what devices need to hear of no more, in small batches, beside those who use it.

A row that was deleted is kept until every device that comes is known to have heard of it, and for a
month at least. When it goes, the floor of its account rises to its version in the same transaction:
a cursor below the floor leads nowhere any more, and nothing is missed by one above it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.models import (
    Row,
    Synced,
    delete_old_mutation_results,
    delete_tombstones,
    delete_unseen_client,
    list_clients,
    list_synced,
    list_tombstone_owners,
    list_tombstones,
    list_unseen_clients,
    lock_head,
    raise_floor,
)
from app.usecases.sync.clients import LIVE
from app.usecases.work import unit_of_work

KEPT: Final = timedelta(days=30)
"""A deleted row is kept so long, whoever has heard of it."""
REMEMBERED: Final = timedelta(days=90)
"""The result of a mutation is told again for so long."""
FORGOTTEN: Final = timedelta(days=365)
"""A client that stays away so long is forgotten, revoked or not."""

BATCH: Final = 200
_LAST: Final = "learner_profiles"
"""What belongs to a learner goes before it: nobody hears of what the database deletes along."""

_FIRST: Final = UUID(int=0)


def collect_tombstones(at: datetime) -> Iterator[int]:
    """Remove deleted rows of all accounts for good; yield how many after each batch.

    Args:
        at: Now.
    """
    for synced in sorted(list_synced().values(), key=lambda one: one.name == _LAST):
        if synced.is_deletable:
            yield from _collect(synced, at)


def collect_mutations(at: datetime) -> Iterator[int]:
    """Forget what became of old mutations; yield how many after each batch."""
    while count := _delete_mutations(at - REMEMBERED):
        yield count


def collect_clients(at: datetime) -> Iterator[int]:
    """Forget clients that stay away; yield how many after each batch."""
    start, before = _FIRST, at - FORGOTTEN
    while rows := list_unseen_clients(before=before, start=start, limit=BATCH):
        yield _delete_clients(rows, before)
        start = rows[-1]["user_id"]


def _collect(synced: Synced, at: datetime) -> Iterator[int]:
    after = _FIRST
    while owners := list_tombstone_owners(synced, before=at - KEPT, after=after, limit=BATCH):
        for user_id in owners:
            while count := _collect_some(synced, user_id, at):
                yield count
        yield 0  # Whoever counts may stop here too.
        after = owners[-1]


@unit_of_work
def _collect_some(synced: Synced, user_id: UUID, at: datetime) -> int:
    """Remove some deleted rows of an account, while nobody else writes there."""
    head = lock_head(user_id)
    until = _heard_of(list_clients(user_id), head["epoch"], at)
    rows = list_tombstones(synced, user_id, before=at - KEPT, until=until, limit=BATCH)
    if rows:
        delete_tombstones(synced, user_id, [row["id"] for row in rows])
        raise_floor(user_id, max(row["version"] for row in rows))
    return len(rows)


def _heard_of(clients: Iterable[Row], epoch: UUID, at: datetime) -> int | None:
    """Return the version that all clients have which may come again, None if there are none."""
    acked = [
        client["acked_version"]
        for client in clients
        if client["revoked_at"] is None
        and at - client["last_seen_at"] <= LIVE
        and client["epoch"] == epoch
    ]
    return min(acked, default=None)


@unit_of_work
def _delete_mutations(before: datetime) -> int:
    return delete_old_mutation_results(before=before, limit=BATCH)


@unit_of_work
def _delete_clients(rows: Iterable[Row], before: datetime) -> int:
    return sum(
        delete_unseen_client(row["user_id"], row["client_id"], before=before) for row in rows
    )
