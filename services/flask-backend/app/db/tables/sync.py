"""What devices have and have sent: versions, clients, and what became of their changes."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, UTCDateTime


class Installation(Base):
    """This database as its clients know it, in one row: another epoch is another database."""

    __tablename__ = "installation"
    __table_args__ = (sa.CheckConstraint("id = 1", name="id"),)

    id: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    epoch: Mapped[uuid.UUID] = mapped_column(UUID())
    raised_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


class SyncHead(Base):
    """The last version of an account. Who writes synced rows holds its lock until COMMIT."""

    __tablename__ = "sync_heads"
    __table_args__ = (sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),)

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    epoch: Mapped[uuid.UUID] = mapped_column(UUID())
    floor: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    changed_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


class SyncClient(Base):
    """A device of an account, and how much of it the device is known to have."""

    __tablename__ = "sync_clients"
    __table_args__ = (sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),)

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(100))
    acked_version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
    epoch: Mapped[uuid.UUID] = mapped_column(UUID())
    first_seen_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    last_seen_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())


class SyncMutation(Base):
    """What became of a change that a device has sent: who sends it again is told the same."""

    __tablename__ = "sync_mutations"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.Index(None, "created_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    mutation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    result: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
