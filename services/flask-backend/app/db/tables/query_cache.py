"""Answers that were computed before. Holds no rule about how long they are good."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, UTCDateTime


class QueryCache(Base):
    """An answer, for everybody (the nil user) or for one account. It may vanish at any time."""

    __tablename__ = "query_cache"
    __table_args__ = (
        sa.CheckConstraint("scope IN ('public', 'user', 'guest')", name="scope"),
        sa.CheckConstraint("expires_at > cached_at", name="expires_at"),
        sa.CheckConstraint("stale_at >= cached_at AND stale_at <= expires_at", name="stale_at"),
        sa.Index(None, "expires_at"),
        # With their sizes, so that they are added up without reading the answers.
        sa.Index(None, "cached_at", "size_bytes"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    query_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    result: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger())
    cached_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    stale_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    expires_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


# What a crash may take need not be written twice.
_UNLOGGED = sa.DDL("ALTER TABLE query_cache SET UNLOGGED")  # type: ignore[no-untyped-call]  # the library has no types here
sa.event.listen(QueryCache.__table__, "after_create", _UNLOGGED.execute_if(dialect="postgresql"))
