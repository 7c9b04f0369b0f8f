"""Old rows of the ledger move to the archive; an opening balance stands for them in their bucket.

Nothing is ever deleted: an opening balance that another one replaces is moved like any row. Each
batch is one transaction and leaves the books right, so an archiving that was killed goes on with
the next one. A bucket is locked for the time of a batch, so that others spend between two of them.

What is moved leads from nothing to the opening balance without a gap (see ``books``); rows that do
not are left where they are, for ``verify`` to name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import uuid_utils.compat

from app.keyset import Position
from app.models import (
    Row,
    archive_transactions,
    count_old_transactions,
    create_credit_transactions,
    list_ledger,
    lock_bucket,
)
from app.usecases.books import Chain, wallet_owners
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket, TransactionType

BATCH: Final = 200
MOST: Final = 20 * BATCH
"""How many rows are looked at for some that can be moved."""


@dataclass(frozen=True, slots=True)
class ArchivedAccount:
    """An account with old rows.

    Attributes:
        user_id: Which one.
        moved: How many rows of its ledger are in the archive now and were not before.
        kept: How many old rows are still in the ledger, because they do not add up.
    """

    user_id: UUID
    moved: int
    kept: int


def archive_ledger(*, before: datetime, at: datetime) -> Iterator[ArchivedAccount]:
    """Archive the rows that are older than a time, one account after the other.

    Args:
        before: How old they must be.
        at: Now.
    """
    for user_id in wallet_owners():
        if count_old_transactions(user_id, before=before):
            moved = sum(_archive_account(user_id, before, at))
            kept = count_old_transactions(user_id, before=before)
            yield ArchivedAccount(user_id, moved, kept)


def _archive_account(user_id: UUID, before: datetime, at: datetime) -> Iterator[int]:
    for bucket in Bucket:
        while moved := _archive_batch(user_id, bucket, before, at):
            yield moved


@unit_of_work
def _archive_batch(user_id: UUID, bucket: Bucket, before: datetime, at: datetime) -> int:
    """Move the oldest rows of a bucket; return how many of them are no opening balance."""
    lock_bucket(user_id, bucket)
    rows, total = _oldest_whole(user_id, bucket, before)
    moved = _count_changes(rows)
    if moved:
        archive_transactions(rows, archived_at=at)
        if total:
            create_credit_transactions([_opening(rows[-1], total)])
    return moved


def _oldest_whole(user_id: UUID, bucket: Bucket, before: datetime) -> tuple[list[Row], int]:
    """Return the oldest rows that lead from nothing to a balance, and that balance.

    They are as many as a batch has. Where changes overlapped, or clocks differ, it takes more rows
    until there is such a balance.
    """
    chain, after = Chain(), None
    rows: list[Row] = []
    count, total = 0, 0
    while not _count_changes(rows[:count]) and len(rows) < MOST:
        page = list_ledger(user_id, bucket=bucket, before=before, after=after, limit=BATCH)
        for row in page:
            rows.append(row)
            chain.add(row)
            if chain.is_whole:
                count, total = len(rows), chain.total
        if len(page) < BATCH:
            break
        after = Position(page[-1]["created_at"], page[-1]["id"])
    return rows[:count], total


def _count_changes(rows: list[Row]) -> int:
    return sum(row["transaction_type"] != TransactionType.OPENING_BALANCE for row in rows)


def _opening(last: Row, total: int) -> Row:
    """Return the row that stands for all up to a row, which is the last that it stands for."""
    return last | {
        "id": uuid_utils.compat.uuid7(),
        # Before a row of the same moment that stays.
        "created_at": last["created_at"] - timedelta(microseconds=1),
        "transaction_type": str(TransactionType.OPENING_BALANCE),
        "amount": total,
        "balance_after": total,
        "reference": str(last["id"]),
        "reason": None,
    }
