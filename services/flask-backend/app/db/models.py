"""The door to the schema layer: importing it registers every table. Holds no model itself."""

from __future__ import annotations

from app.db.base import Base
from app.db.tables.accounts import (
    EmailToken,
    Login,
    LoginAttempt,
    OutboxMail,
    Profile,
    Session,
    User,
)
from app.db.tables.history import History
from app.db.tables.idempotency import IdempotencyKey

metadata = Base.metadata

__all__ = [
    "EmailToken",
    "History",
    "IdempotencyKey",
    "Login",
    "LoginAttempt",
    "OutboxMail",
    "Profile",
    "Session",
    "User",
    "metadata",
]
