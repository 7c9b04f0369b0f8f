"""Who has an account, how they sign in and what they prefer. Holds no rule about passwords."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from bilayer.types import UUID, JSONDocument, String, UTCDateTime, utcnow


class User(Base):
    """An account. Written at registration and by admins only; a guest has no e-mail yet."""

    __tablename__ = "users"
    __table_args__ = (
        sa.UniqueConstraint("email_key"),
        sa.CheckConstraint("role IN ('viewer', 'maintainer', 'admin')", name="role"),
        sa.CheckConstraint(
            "user_type IN ('guest', 'individual', 'member', 'admin')", name="user_type"
        ),
        sa.CheckConstraint(
            "user_type = 'guest' OR (email IS NOT NULL AND email_key IS NOT NULL"
            " AND password_hash IS NOT NULL)",
            name="only_guests_lack_credentials",
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    email: Mapped[str | None] = mapped_column(String(254))
    email_key: Mapped[str | None] = mapped_column(String(320))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    full_name: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20), server_default="viewer")
    user_type: Mapped[str] = mapped_column(String(20), server_default="individual")
    is_active: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.true())
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    email_verified_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())


class Profile(Base):
    """What people say about themselves and how they like the product to behave."""

    __tablename__ = "profiles"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        # What accounts are looked up by; the other engines have no such index and read all rows.
        sa.Index(
            "ix_profiles_preferences",
            "preferences",
            postgresql_using="gin",
            postgresql_ops={"preferences": "jsonb_path_ops"},
        ).ddl_if(dialect="postgresql"),
        sa.Index("ix_profiles_company", sa.text("(preferences ->> 'company')")).ddl_if(
            dialect="postgresql"
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    display_name: Mapped[str | None] = mapped_column(String(100))
    avatar_url: Mapped[str | None] = mapped_column(String(2048))
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    phone: Mapped[str | None] = mapped_column(String(40))
    timezone: Mapped[str | None] = mapped_column(String(64))
    language_preference: Mapped[str | None] = mapped_column(String(35))
    preferences: Mapped[Any] = mapped_column(
        JSONDocument(), nullable=False, server_default=sa.text("('{}')")
    )
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))


class Session(Base):
    """One sign-in on one device: a pair of hashed tokens within a family of rotations."""

    __tablename__ = "sessions"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "token_hash"),
        sa.UniqueConstraint("user_id", "refresh_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.Index(None, "user_id", "family_id"),
        sa.Index(None, "refresh_expires_at"),
        sa.Index(None, "revoked_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    family_id: Mapped[uuid.UUID] = mapped_column(UUID())
    token_hash: Mapped[str] = mapped_column(String(64))
    refresh_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    last_used_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    expires_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    refresh_expires_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    rotated_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
    user_agent: Mapped[str | None] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(45))


class Login(Base):
    """The sign-in counters of one account, apart from ``users`` so that it is rarely written."""

    __tablename__ = "logins"
    __table_args__ = (sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),)

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    last_login_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
    failed: Mapped[int] = mapped_column(sa.Integer(), server_default=sa.text("0"))
    locked_until: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())


class LoginAttempt(Base):
    """The same counters for addresses, for e-mails that belong to nobody, and for both together."""

    __tablename__ = "login_attempts"
    __table_args__ = (sa.Index(None, "updated_at"),)

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    failed: Mapped[int] = mapped_column(sa.Integer(), server_default=sa.text("0"))
    locked_until: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
    updated_at: Mapped[dt.datetime] = mapped_column(UTCDateTime(), server_default=utcnow())


class EmailToken(Base):
    """The one link of its purpose that an account was last sent, as a digest."""

    __tablename__ = "email_tokens"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.CheckConstraint("purpose IN ('email_verification', 'password_reset')", name="purpose"),
        sa.Index(None, "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID())
    token_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    expires_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())


class OutboxMail(Base):
    """A mail that was not sent yet. Holds neither its text nor its address nor a secret."""

    __tablename__ = "mail_outbox"
    __table_args__ = (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.Index(None, "next_attempt_at"),
        sa.Index(None, "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    created_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    expires_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
    attempts: Mapped[int] = mapped_column(sa.Integer(), server_default=sa.text("0"))
    next_attempt_at: Mapped[dt.datetime] = mapped_column(UTCDateTime())
