"""What people may spend: the allowance of the day, prepaid credits, and the ledger of both.

Holds no rule about when credits come or go.
"""

from __future__ import annotations

from app.dal.audited import audit
from app.vocabulary import Bucket, HoldState, TransactionType
from bilayer.runtime import DAL, IS_IN_SET, Field


def define_wallet(db: DAL) -> None:
    """Define the tables of credits."""
    _define_user_credits(db)
    _define_credit_accounts(db)
    _define_credit_transactions(db)
    _define_credit_transactions_archive(db)
    _define_credit_holds(db)


def _define_user_credits(db: DAL) -> None:
    db.define_table(
        "user_credits",
        Field("user_id", "uuid", notnull=True),
        Field("is_guest", "boolean", notnull=True),
        Field("available_credits", "bigint", notnull=True),
        Field("max_credits", "bigint", notnull=True),
        Field("last_reset_timestamp", "datetime", notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        primarykey=["user_id"],
    )


def _define_credit_accounts(db: DAL) -> None:
    db.define_table(
        "credit_accounts",
        Field("user_id", "uuid", notnull=True),
        Field("stripe_customer_id", "string", length=255),
        Field("credits_balance", "bigint", notnull=True, default=0),
        Field("held", "bigint", notnull=True, default=0),
        Field("debt", "bigint", notnull=True, default=0),
        Field("claimed_by", "uuid"),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        primarykey=["user_id"],
    )


def _define_credit_transactions(db: DAL) -> None:
    db.define_table(
        "credit_transactions",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("bucket", "string", length=10, notnull=True, requires=IS_IN_SET(list(Bucket))),
        Field(
            "transaction_type",
            "string",
            length=20,
            notnull=True,
            requires=IS_IN_SET(list(TransactionType)),
        ),
        Field("amount", "bigint", notnull=True),
        Field("balance_after", "bigint", notnull=True),
        Field("reference", "string", length=255, notnull=True),
        Field("reason", "string", length=500),
        Field("created_at", "datetime", notnull=True),
        primarykey=["user_id", "id"],
    )
    # The ledger is a log itself, of all but who gave.
    by_people = (TransactionType.GRANT, TransactionType.REFUND)
    audit(db.credit_transactions, chosen=("transaction_type", by_people))


def _define_credit_transactions_archive(db: DAL) -> None:
    db.define_table(
        "credit_transactions_archive",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("bucket", "string", length=10, notnull=True, requires=IS_IN_SET(list(Bucket))),
        Field(
            "transaction_type",
            "string",
            length=20,
            notnull=True,
            requires=IS_IN_SET(list(TransactionType)),
        ),
        Field("amount", "bigint", notnull=True),
        Field("balance_after", "bigint", notnull=True),
        Field("reference", "string", length=255, notnull=True),
        Field("reason", "string", length=500),
        Field("created_at", "datetime", notnull=True),
        Field("archived_at", "datetime", notnull=True),
        primarykey=["user_id", "id"],
    )


def _define_credit_holds(db: DAL) -> None:
    db.define_table(
        "credit_holds",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("amount", "bigint", notnull=True),
        Field("captured", "bigint", notnull=True, default=0),
        Field(
            "state",
            "string",
            length=10,
            notnull=True,
            default="open",
            requires=IS_IN_SET(list(HoldState)),
        ),
        Field("reason", "string", length=500),
        Field("created_at", "datetime", notnull=True),
        Field("expires_at", "datetime", notnull=True),
        Field("ended_at", "datetime"),
        primarykey=["user_id", "id"],
    )
