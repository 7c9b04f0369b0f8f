"""What people did, one row an action. Holds no rule about who may read it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, UTCDateTime, utcnow


class History(Base):
    """One action. The id may come from the client, so it is unique within its user only."""

    __tablename__ = "history"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.Index(None, "user_id", "created_at", "id"),
        sa.Index(None, "user_id", "version"),
        # Begins with what only PostgreSQL leaves out, so that the others find the deleted rows too.
        sa.Index(
            None, "is_deleted", "user_id", "updated_at", postgresql_where=sa.text("is_deleted")
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    action_type: Mapped[str] = mapped_column(String(50))
    payload: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
