"""Whom an account keeps learning data about, and what they have learned.

Rows are marked as deleted, because devices have copies of them; a learner that is removed for good
takes what is theirs along.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, Text, UTCDateTime, utcnow


class LearnerProfile(Base):
    """Somebody who learns. The id is a slug, which a file that is imported may bring along."""

    __tablename__ = "learner_profiles"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.Index(None, "user_id", "created_at", "id"),
        sa.Index(None, "user_id", "version"),
        sa.Index(
            None, "is_deleted", "user_id", "updated_at", postgresql_where=sa.text("is_deleted")
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    dob: Mapped[str | None] = mapped_column(Text())
    gender: Mapped[str | None] = mapped_column(Text())
    address: Mapped[str | None] = mapped_column(Text())
    school: Mapped[str | None] = mapped_column(Text())
    neighborhood: Mapped[str | None] = mapped_column(Text())
    interests: Mapped[Any] = mapped_column(
        JSONDocument(), nullable=False, server_default=sa.text("('[]')")
    )
    character_roster: Mapped[Any] = mapped_column(
        JSONDocument(), nullable=False, server_default=sa.text("('[]')")
    )
    verbal_fluency: Mapped[str | None] = mapped_column(Text())
    passive_language_level: Mapped[str | None] = mapped_column(Text())
    mental_age: Mapped[float | None] = mapped_column(sa.Double())
    raw_input: Mapped[str | None] = mapped_column(Text())
    extracted_data: Mapped[Any] = mapped_column(JSONDocument(), nullable=True)
    extra: Mapped[Any] = mapped_column(
        JSONDocument(), nullable=False, server_default=sa.text("('{}')")
    )
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))


class MasteredWord(Base):
    """A word somebody knows. The id is made of learner, language and word."""

    __tablename__ = "mastered_words"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("user_id", "profile_id", "word", "language"),
        sa.Index(None, "user_id", "profile_id", "added_at", "id"),
        sa.Index(None, "user_id", "version"),
        sa.Index(
            None, "is_deleted", "user_id", "updated_at", postgresql_where=sa.text("is_deleted")
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    profile_id: Mapped[str] = mapped_column(String(64))
    word: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(16))
    added_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))


class MasteredGrammar(Base):
    """A piece of grammar somebody knows, by its URI. The id is made of learner and URI."""

    __tablename__ = "mastered_grammar"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("user_id", "profile_id", "grammar_uri"),
        sa.Index(None, "user_id", "profile_id", "added_at", "id"),
        sa.Index(None, "user_id", "version"),
        sa.Index(
            None, "is_deleted", "user_id", "updated_at", postgresql_where=sa.text("is_deleted")
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    profile_id: Mapped[str] = mapped_column(String(64))
    grammar_uri: Mapped[str] = mapped_column(String(500))
    added_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))


class ApprovedCard(Base):
    """A flash card, whole: what its columns say is said by its content too."""

    __tablename__ = "approved_cards"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "card_type IN ('basic', 'basic_reverse', 'cloze', 'interactive_cloze')",
            name="card_type",
        ),
        sa.CheckConstraint("status IN ('pending', 'approved', 'synced')", name="status"),
        sa.Index(None, "user_id", "profile_id", "approved_at", "id"),
        sa.Index(None, "user_id", "version"),
        sa.Index(
            None, "is_deleted", "user_id", "updated_at", postgresql_where=sa.text("is_deleted")
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    profile_id: Mapped[str] = mapped_column(String(64))
    card_type: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    content: Mapped[Any] = mapped_column(JSONDocument(), nullable=False)
    approved_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))


class ChatMessage(Base):
    """Something said in a conversation with a learner, or about one."""

    __tablename__ = "chat_messages"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("role IN ('user', 'assistant', 'system', 'tool')", name="role"),
        sa.Index(None, "user_id", "profile_id", "timestamp", "id"),
        sa.Index(None, "user_id", "version"),
        sa.Index(
            None, "is_deleted", "user_id", "updated_at", postgresql_where=sa.text("is_deleted")
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    profile_id: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text())
    mentions: Mapped[Any] = mapped_column(JSONDocument(), nullable=True)
    config: Mapped[Any] = mapped_column(JSONDocument(), nullable=True)
    extra: Mapped[Any] = mapped_column(
        JSONDocument(), nullable=False, server_default=sa.text("('{}')")
    )
    timestamp: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))
