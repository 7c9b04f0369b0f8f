"""Reading one's own account, as ``GET users/me`` does."""

from __future__ import annotations

import uuid
from datetime import datetime

from fastapi import APIRouter, HTTPException, Response
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from scripts.bench.reference.access import Asking
from scripts.bench.reference.database import Base, Database, User, answer

router = APIRouter(prefix="/api/v1/users")


class Login(Base):
    """When an account was last signed in to."""

    __tablename__ = "logins"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    last_login_at: Mapped[datetime | None]


@router.get("/me")  # type: ignore[untyped-decorator]  # FastAPI is not seen here
async def get_me(user_id: Asking, database: Database) -> Response:
    """Return the account."""
    found = await database.execute(
        select(User, Login.last_login_at)
        .outerjoin(Login, Login.user_id == User.id)
        .where(User.id == user_id, User.is_deleted.is_(False))
    )
    row = found.one_or_none()
    if row is None:
        raise HTTPException(404, "USER_NOT_FOUND")
    user, last_login_at = row
    return answer(
        {
            "id": user.id,
            "email": user.email,
            "full_name": user.full_name,
            "role": user.role,
            "user_type": user.user_type,
            "is_active": user.is_active,
            "last_login_at": last_login_at,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
        }
    )
