"""What was paid, and what Stripe told of it. Holds no rule about what that is worth."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, UTCDateTime


class Transaction(Base):
    """A purchase. What was taken back of it is kept as sums, which only its events change."""

    __tablename__ = "transactions"
    __table_args__ = (
        # Money is never deleted: an account that has paid cannot be.
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.UniqueConstraint("user_id", "stripe_session_id"),
        sa.CheckConstraint("amount_paid_cents >= 0", name="amount_paid_cents"),
        sa.CheckConstraint("credits_added > 0", name="credits_added"),
        sa.CheckConstraint(
            "credits_reversed >= 0 AND credits_reversed <= credits_added", name="credits_reversed"
        ),
        sa.Index(None, "user_id", "created_at", "transaction_id"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    transaction_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    stripe_session_id: Mapped[str] = mapped_column(String(255))
    payment_intent_id: Mapped[str | None] = mapped_column(String(255))
    amount_paid_cents: Mapped[int] = mapped_column(sa.BigInteger())
    currency: Mapped[str] = mapped_column(String(3))
    credits_added: Mapped[int] = mapped_column(sa.BigInteger())
    refunded_cents: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    disputed_cents: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    credits_reversed: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


class StripeObject(Base):
    """An object outside, claimed so that it counts once. It belongs to nobody."""

    __tablename__ = "stripe_objects"

    object_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(30), primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(String(255), index=True)
    user_id: Mapped[uuid.UUID | None] = mapped_column(UUID())
    transaction_id: Mapped[uuid.UUID | None] = mapped_column(UUID())
    amount_cents: Mapped[int | None] = mapped_column(sa.BigInteger())
    status: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


class StripeEvent(Base):
    """An event that Stripe sent, as far as it matters here: no names, no addresses."""

    __tablename__ = "stripe_events"
    __table_args__ = (
        sa.CheckConstraint("state IN ('processed', 'unmatched')", name="state"),
        sa.Index(None, "state", "received_at"),
    )

    event_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    livemode: Mapped[bool] = mapped_column(sa.Boolean())
    state: Mapped[str] = mapped_column(String(10), server_default="unmatched")
    reason: Mapped[str | None] = mapped_column(String(200))
    parent_id: Mapped[str | None] = mapped_column(String(255), index=True)
    payload: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    attempts: Mapped[int] = mapped_column(sa.Integer(), server_default=sa.text("0"))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    received_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    processed_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
