"""Which backups were made, and when each was last restored to see whether it is one."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, String, UTCDateTime


class Backup(Base):
    """A backup, wherever its files are."""

    __tablename__ = "backups"
    __table_args__ = (sa.Index(None, "verified_at"),)

    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    engine: Mapped[str] = mapped_column(String(16))
    revision: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger())
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    verified_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
