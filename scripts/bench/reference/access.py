"""Who asks: the check of the token, by the session's hash, its expiry and the account's state."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Header, HTTPException
from sqlalchemy import select

from scripts.bench.reference.database import Database, SignIn, User


async def authenticate(database: Database, authorization: Annotated[str, Header()]) -> uuid.UUID:
    """Return who holds the token."""
    scheme, _, token = authorization.partition(" ")
    try:
        user_id = uuid.UUID(token.partition(".")[0])
    except ValueError:
        raise HTTPException(401, "TOKEN_INVALID") from None
    found = await database.execute(
        select(SignIn.expires_at, SignIn.revoked_at, User.is_active, User.is_deleted, User.role)
        .join(User, User.id == SignIn.user_id)
        .where(SignIn.user_id == user_id)
        .where(SignIn.token_hash == hashlib.sha256(token.encode()).hexdigest())
    )
    row = found.one_or_none()
    if scheme.lower() != "bearer" or row is None or row.revoked_at or row.is_deleted:
        raise HTTPException(401, "TOKEN_INVALID")
    if not row.is_active or row.expires_at <= datetime.now(UTC):
        raise HTTPException(401, "TOKEN_EXPIRED")
    return user_id


Asking = Annotated[uuid.UUID, Depends(authenticate)]
