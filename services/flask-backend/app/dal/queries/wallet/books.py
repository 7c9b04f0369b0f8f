"""The books as a whole: whose there are, what stands beside the balances, and the archive.

Reading locks nothing: callers that compare what they read have a snapshot.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row
from app.keyset import Position
from app.vocabulary import Bucket, HoldState, TransactionType


def list_wallet_owners(*, after: UUID, limit: int) -> list[UUID]:
    """Return the accounts behind one that have credits, a ledger, an archive or a hold, by id."""
    db = get_db()
    owners: set[UUID] = set()
    for table in (
        *(db.user_credits, db.credit_accounts, db.credit_holds),
        *(db.credit_transactions, db.credit_transactions_archive),
    ):
        key = table.user_id
        found = db(key > after).dicts(key, groupby=key, orderby=key, limitby=(0, limit))
        owners.update(row["user_id"] for row in found)
    return sorted(owners)[:limit]


def list_ledger(
    user_id: UUID,
    *,
    bucket: str | None = None,
    before: datetime | None = None,
    after: Position | None = None,
    limit: int,
) -> list[Row]:
    """Return rows of the ledger of an account, oldest first.

    Args:
        user_id: Whose ledger.
        bucket: Only changes of this bucket.
        before: Only rows older than this.
        after: The last row that was read before.
        limit: How many at most.
    """
    db = get_db()
    ledger = db.credit_transactions
    query = ledger.user_id == user_id
    if bucket is not None:
        query &= ledger.bucket == bucket
    if before is not None:
        query &= ledger.created_at < before
    if after is not None:
        # The first condition looks redundant; it is the one that an index can begin at.
        query &= ledger.created_at >= after.created_at
        query &= (ledger.created_at > after.created_at) | (ledger.id > after.id)
    rows: list[Row] = db(query).dicts(orderby=ledger.created_at | ledger.id, limitby=(0, limit))
    return rows


def sum_open_holds(user_id: UUID) -> int:
    """Return how many credits the open holds of an account have set aside."""
    db = get_db()
    holds = db.credit_holds
    query = (holds.user_id == user_id) & (holds.state == str(HoldState.OPEN))
    row = db(query).one(holds.amount.sum().with_alias("total"))
    return int(row["total"] or 0) if row else 0


def sum_archive(user_id: UUID) -> dict[str, int]:
    """Return what the archived changes of each bucket of an account add up to."""
    db = get_db()
    archive = db.credit_transactions_archive
    query = archive.user_id == user_id
    query &= archive.transaction_type != str(TransactionType.OPENING_BALANCE)
    total = archive.amount.sum().with_alias("total")
    rows = db(query).dicts(archive.bucket, total, groupby=archive.bucket)
    return {row["bucket"]: int(row["total"]) for row in rows}


def count_old_transactions(user_id: UUID, *, before: datetime) -> int:
    """Return how many changes older than a time are in the ledger of an account."""
    db = get_db()
    ledger = db.credit_transactions
    query = (ledger.user_id == user_id) & (ledger.created_at < before)
    query &= ledger.transaction_type != str(TransactionType.OPENING_BALANCE)
    return int(db(query).count())


def lock_bucket(user_id: UUID, bucket: Bucket) -> None:
    """Keep a bucket of an account as it is until the transaction ends."""
    db = get_db()
    table = db.user_credits if bucket == Bucket.DAILY else db.credit_accounts
    db.lock_rows(table.user_id == user_id)


def archive_transactions(rows: Sequence[Row], *, archived_at: datetime) -> None:
    """Move rows of the ledger of one account to the archive."""
    db = get_db()
    ledger = db.credit_transactions
    db.credit_transactions_archive.insert_many(row | {"archived_at": archived_at} for row in rows)
    moved = ledger.id.belongs([row["id"] for row in rows])
    db((ledger.user_id == rows[0]["user_id"]) & moved).delete()
