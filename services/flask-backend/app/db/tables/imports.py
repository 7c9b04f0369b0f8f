"""What was brought in from files: runs, what became of each record, and what could not go in."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, Text, UTCDateTime


class ImportRun(Base):
    """One import of one folder of files."""

    __tablename__ = "import_runs"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.CheckConstraint("state IN ('running', 'finished', 'rolled_back')", name="state"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    source: Mapped[str] = mapped_column(Text())
    profile_id: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    manifest: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    counts: Mapped[Any] = mapped_column(
        JSONDocument(), nullable=False, server_default=sa.text("('{}')")
    )
    started_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    finished_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())


class ImportItem(Base):
    """What became of one record, and all that is needed to undo it or to write it out again."""

    __tablename__ = "import_items"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["user_id", "run_id"], ["import_runs.user_id", "import_runs.id"], ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "status IN ('added', 'merged', 'present', 'quarantined')", name="status"
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    file: Mapped[str] = mapped_column(String(255), primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger(), primary_key=True, autoincrement=False)
    pointer: Mapped[str] = mapped_column(Text())
    record_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    stored: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    original: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))


class Quarantined(Base):
    """A record, or a part of one, that could not go in, as it stands in its file, and why."""

    __tablename__ = "quarantine"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["user_id", "run_id"], ["import_runs.user_id", "import_runs.id"], ondelete="CASCADE"
        ),
        sa.CheckConstraint("state IN ('open', 'resolved')", name="state"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    file: Mapped[str] = mapped_column(String(255), primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger(), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(sa.BigInteger(), primary_key=True, autoincrement=False)
    pointer: Mapped[str] = mapped_column(Text())
    rule: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text())
    value: Mapped[str] = mapped_column(Text())
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    resolved_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
