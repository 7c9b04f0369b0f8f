"""Who does what only one may do at a time. Holds no rule about what that is."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, String, UTCDateTime


class Lease(Base):
    """A piece of work that somebody has claimed for a while. It belongs to nobody."""

    __tablename__ = "leases"
    __table_args__ = (sa.Index(None, "expires_at"),)

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    holder: Mapped[uuid.UUID] = mapped_column(UUID())
    expires_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
