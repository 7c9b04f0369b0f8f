"""The door to the schema layer: importing it registers every table. Holds no model itself."""

from __future__ import annotations

from app.db.base import Base
from app.db.tables.accounts import Login, LoginAttempt, Profile, Session, User
from app.db.tables.history import History

metadata = Base.metadata

__all__ = ["History", "Login", "LoginAttempt", "Profile", "Session", "User", "metadata"]
