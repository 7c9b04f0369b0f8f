"""What people agreed to: the state, the proof of it, and the texts. Holds no rule about them."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, String, Text, UTCDateTime, utcnow


class UserConsent(Base):
    """What holds for a person now. The events are the proof."""

    __tablename__ = "user_consents"
    __table_args__ = (sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),)

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    terms_accepted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    terms_version: Mapped[str | None] = mapped_column(String(50))
    marketing_consent: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    timestamp: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))


class ConsentEvent(Base):
    """One decision, never changed: what was shown, what was decided, how and when."""

    __tablename__ = "consent_events"
    __table_args__ = (
        # The proof outlives the person's data: an account with one cannot be deleted.
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.CheckConstraint("purpose IN ('terms', 'marketing')", name="purpose"),
        sa.CheckConstraint("decision IN ('accepted', 'withdrawn')", name="decision"),
        sa.Index(None, "user_id", "created_at", "id"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    decision: Mapped[str] = mapped_column(String(20))
    document: Mapped[str | None] = mapped_column(String(50))
    document_version: Mapped[str | None] = mapped_column(String(50))
    language: Mapped[str | None] = mapped_column(String(35))
    sha256: Mapped[str | None] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(30))
    surface: Mapped[str | None] = mapped_column(String(100))
    address: Mapped[str | None] = mapped_column(String(45))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


class ConsentDocument(Base):
    """A text that people are asked to agree to, never changed. It belongs to nobody."""

    __tablename__ = "consent_documents"
    __table_args__ = (sa.Index(None, "document", "effective_at"),)

    document: Mapped[str] = mapped_column(String(50), primary_key=True)
    version: Mapped[str] = mapped_column(String(50), primary_key=True)
    language: Mapped[str] = mapped_column(String(35), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text())
    effective_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


class Erasure(Base):
    """An account whose person was forgotten: to be forgotten again after a backup is restored."""

    __tablename__ = "erasures"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.Index(None, "finished_at", "erased_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    erased_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    finished_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
