"""Who has an account, how they sign in and what they prefer. Holds no rule about passwords."""

from __future__ import annotations

from app.dal.audited import audit
from app.dal.synced import sync
from app.vocabulary import MailKind, Role, UserType
from bilayer.runtime import DAL, IS_IN_SET, Field


def define_accounts(db: DAL) -> None:
    """Define the tables of accounts."""
    _define_users(db)
    _define_profiles(db)
    _define_sessions(db)
    _define_logins(db)
    _define_login_attempts(db)
    _define_email_tokens(db)
    _define_mail_outbox(db)


def _define_users(db: DAL) -> None:
    db.define_table(
        "users",
        Field("id", "uuid", notnull=True),
        Field("email", "string", length=254),
        Field("email_key", "string", length=320, unique=True),
        Field("password_hash", "string", length=255),
        Field("full_name", "string", length=200),
        Field(
            "role",
            "string",
            length=20,
            notnull=True,
            default="viewer",
            requires=IS_IN_SET(list(Role)),
        ),
        Field(
            "user_type",
            "string",
            length=20,
            notnull=True,
            default="individual",
            requires=IS_IN_SET(list(UserType)),
        ),
        Field("is_active", "boolean", notnull=True, default=True),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True, default=False),
        Field("email_verified_at", "datetime"),
        primarykey=["id"],
    )
    audit(db.users, owner="id", hidden=["password_hash"])


def _define_profiles(db: DAL) -> None:
    db.define_table(
        "profiles",
        Field("user_id", "uuid", notnull=True),
        Field("display_name", "string", length=100),
        Field("avatar_url", "string", length=2048),
        Field("first_name", "string", length=100),
        Field("last_name", "string", length=100),
        Field("phone", "string", length=40),
        Field("timezone", "string", length=64),
        Field("language_preference", "string", length=35),
        Field("preferences", "json", notnull=True, default={}),
        Field("updated_at", "datetime", notnull=True),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id"],
    )
    unwritable = ("user_id", "updated_at", "version")
    writable = [name for name in db.profiles.fields if name not in unwritable]
    sync(db.profiles, writable=writable, merged=["preferences"])
    audit(db.profiles)


def _define_sessions(db: DAL) -> None:
    db.define_table(
        "sessions",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("family_id", "uuid", notnull=True),
        Field("token_hash", "string", length=64, notnull=True),
        Field("refresh_hash", "string", length=64, notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("last_used_at", "datetime", notnull=True),
        Field("expires_at", "datetime", notnull=True),
        Field("refresh_expires_at", "datetime", notnull=True),
        Field("rotated_at", "datetime"),
        Field("revoked_at", "datetime"),
        Field("user_agent", "string", length=255),
        Field("address", "string", length=45),
        primarykey=["user_id", "id"],
    )


def _define_logins(db: DAL) -> None:
    db.define_table(
        "logins",
        Field("user_id", "uuid", notnull=True),
        Field("last_login_at", "datetime"),
        Field("failed", "integer", notnull=True, default=0),
        Field("locked_until", "datetime"),
        primarykey=["user_id"],
    )


def _define_login_attempts(db: DAL) -> None:
    db.define_table(
        "login_attempts",
        Field("key", "string", length=128, notnull=True),
        Field("failed", "integer", notnull=True, default=0),
        Field("locked_until", "datetime"),
        Field("updated_at", "datetime", notnull=True),
        primarykey=["key"],
    )


def _define_email_tokens(db: DAL) -> None:
    db.define_table(
        "email_tokens",
        Field("user_id", "uuid", notnull=True),
        Field("purpose", "string", length=20, notnull=True, requires=IS_IN_SET(list(MailKind))),
        Field("id", "uuid", notnull=True),
        Field("token_hash", "string", length=64, notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("expires_at", "datetime", notnull=True),
        primarykey=["user_id", "purpose"],
    )


def _define_mail_outbox(db: DAL) -> None:
    db.define_table(
        "mail_outbox",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("kind", "string", length=30, notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("expires_at", "datetime", notnull=True),
        Field("attempts", "integer", notnull=True, default=0),
        Field("next_attempt_at", "datetime", notnull=True),
        primarykey=["user_id", "id"],
    )
