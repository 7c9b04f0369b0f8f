"""The ledger: one row for each change of a bucket, never changed. Every query is within an account.

Rows that are old may stand in the archive.
"""

from collections.abc import Sequence
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row
from app.keyset import Position


def create_credit_transactions(rows: Sequence[Row]) -> None:
    """Append rows to the ledger, all or none, with what comes next or with the commit.

    That raises ``UniqueViolation`` if what one of them tells is told already, perhaps by another
    transaction: none of this one is done then.
    """
    # Whoever spends from an account holds its lock until the commit; so it is held for less long.
    get_db().credit_transactions.insert_many(rows, is_awaited=False)


def list_credit_transactions(
    user_id: UUID,
    *,
    bucket: str | None = None,
    transaction_type: str | None = None,
    after: Position | None = None,
    limit: int,
) -> list[Row]:
    """Return rows of the ledger of an account, newest first.

    The order is ``created_at``, then ``id``; no row changes its place.

    Args:
        user_id: Whose ledger.
        bucket: Only changes of this bucket.
        transaction_type: Only changes for this reason.
        after: The last row of the page before.
        limit: How many at most.
    """
    db = get_db()
    ledger = db.credit_transactions
    query = ledger.user_id == user_id
    for column, value in ((ledger.bucket, bucket), (ledger.transaction_type, transaction_type)):
        if value is not None:
            query &= column == value
    if after is not None:
        # The first condition looks redundant; it is the one that an index can begin at.
        query &= ledger.created_at <= after.created_at
        query &= (ledger.created_at < after.created_at) | (ledger.id < after.id)
    rows: list[Row] = db(query).dicts(orderby=~ledger.created_at | ~ledger.id, limitby=(0, limit))
    return rows


def list_transactions_of(user_id: UUID, transaction_type: str, reference: str) -> list[Row]:
    """Return what one cause has written, in the ledger or, after long, in its archive."""
    db = get_db()
    found: list[Row] = []
    for table in (db.credit_transactions, db.credit_transactions_archive):
        query = (table.user_id == user_id) & (table.transaction_type == transaction_type)
        rows: list[Row] = db(query & (table.reference == reference)).dicts(orderby=table.bucket)
        found += rows
    return found
