"""What people may spend: the allowance of the day, prepaid credits, and the ledger of both.

Holds no rule about when credits come or go.
"""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.db.base import Base
from bilayer.types import UUID, String, UTCDateTime, utcnow

_TYPES = (
    "daily_reset",
    "registration",
    "spend",
    "refund",
    "capture",
    "grant",
    "purchase",
    "reversal",
    "reinstatement",
    "claim",
    "debt_payment",
    "opening_balance",
)


def _one_of(column: str, *words: str) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


class UserCredits(Base):
    """The allowance of a day. Rows are locked before those of ``credit_accounts``."""

    __tablename__ = "user_credits"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.CheckConstraint("available_credits >= 0", name="available_credits"),
        sa.CheckConstraint("max_credits > 0", name="max_credits"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    is_guest: Mapped[bool] = mapped_column(sa.Boolean())
    available_credits: Mapped[int] = mapped_column(sa.BigInteger())
    max_credits: Mapped[int] = mapped_column(sa.BigInteger())
    last_reset_timestamp: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())


class CreditAccount(Base):
    """Prepaid credits: what is there, what of it is set aside, and what is owed."""

    __tablename__ = "credit_accounts"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.CheckConstraint("credits_balance >= 0", name="credits_balance"),
        sa.CheckConstraint("held >= 0 AND held <= credits_balance", name="held"),
        sa.CheckConstraint("debt = 0 OR (debt > 0 AND credits_balance = held)", name="debt"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255))
    credits_balance: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    held: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    debt: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    claimed_by: Mapped[uuid.UUID | None] = mapped_column(UUID(), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())


class _LedgerRow:
    """What a row of the ledger says, wherever it is kept."""

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    bucket: Mapped[str] = mapped_column(String(10))
    transaction_type: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column(sa.BigInteger())
    balance_after: Mapped[int] = mapped_column(sa.BigInteger())
    reference: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[sa.schema.SchemaItem, ...]:
        return (
            # Money is never deleted: an account with a ledger cannot be.
            sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
            sa.UniqueConstraint(
                *("user_id", "transaction_type", "reference", "bucket"),
                name=f"uq_{cls.__tablename__}_once",  # type: ignore[attr-defined]  # each has one
            ),
            sa.CheckConstraint("amount <> 0", name="amount"),
            sa.CheckConstraint("balance_after >= 0", name="balance_after"),
            sa.CheckConstraint(_one_of("bucket", "daily", "prepaid", "debt"), name="bucket"),
            sa.CheckConstraint(_one_of("transaction_type", *_TYPES), name="transaction_type"),
            sa.Index(None, "user_id", "created_at", "id"),
            sa.Index(None, "created_at"),
        )


class CreditTransaction(_LedgerRow, Base):
    """The ledger: one row for each change of a bucket, never changed."""

    __tablename__ = "credit_transactions"


class ArchivedCreditTransaction(_LedgerRow, Base):
    """Rows that have left the ledger, where an opening balance stands for them."""

    __tablename__ = "credit_transactions_archive"

    archived_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), sort_order=1)


class CreditHold(Base):
    """Prepaid credits that are set aside for something that is not done yet."""

    __tablename__ = "credit_holds"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("captured >= 0 AND captured <= amount", name="captured"),
        sa.CheckConstraint(
            _one_of("state", "open", "captured", "released", "expired"), name="state"
        ),
        sa.Index(None, "user_id", "created_at", "id"),
        sa.Index(None, "state", "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    amount: Mapped[int] = mapped_column(sa.BigInteger())
    captured: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    state: Mapped[str] = mapped_column(String(10), server_default="open")
    reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    expires_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    ended_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
