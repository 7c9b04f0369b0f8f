"""Who changed what and when, and the seals that show whether somebody changed that."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, Text, UTCDateTime


class AuditLog(Base):
    """One change of one row. The nil user owns what belongs to nobody."""

    __tablename__ = "audit_log"
    __table_args__ = (
        sa.CheckConstraint("action IN ('insert', 'update', 'delete')", name="action"),
        sa.Index(None, "changed_at", "id"),
        sa.Index(None, "table_name", "record_id", "changed_at", "id"),
        sa.Index(None, "user_id", "changed_at", "id"),
        sa.Index(None, "changed_by", "changed_at", "id"),
        sa.Index(None, "block", "changed_at", postgresql_where=sa.text("block IS NULL")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(64))
    record_id: Mapped[str] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(8))
    old_value: Mapped[Any] = mapped_column(JSONDocument(), nullable=True)
    new_value: Mapped[Any] = mapped_column(JSONDocument(), nullable=True)
    changed_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    changed_by: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    salt: Mapped[str | None] = mapped_column(String(32))
    values_digest: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    block: Mapped[int | None] = mapped_column(sa.BigInteger())


class AuditBlock(Base):
    """Some changes, sealed: what they were cannot be changed without breaking all blocks after."""

    __tablename__ = "audit_blocks"
    __table_args__ = (sa.CheckConstraint("number > 0", name="number"),)

    number: Mapped[int] = mapped_column(sa.BigInteger(), primary_key=True, autoincrement=False)
    previous: Mapped[str] = mapped_column(String(64))
    entries: Mapped[str] = mapped_column(Text())
    row_count: Mapped[int] = mapped_column(sa.BigInteger())
    sealed_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    hash: Mapped[str] = mapped_column(String(64))
