"""Who asks: the service's check of the token, by its statement."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from flask import abort, request

from scripts.bench.limit.database import read

_TOKEN: Final = re.compile(
    r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[A-Za-z0-9_-]{43}", re.ASCII
)
_SESSION: Final = """
    SELECT sessions.user_id, sessions.id, sessions.family_id, sessions.expires_at,
        sessions.revoked_at, users.role, users.user_type, users.is_active, users.is_deleted
    FROM sessions, users
    WHERE sessions.user_id = %s AND sessions.token_hash = %s AND users.id = sessions.user_id"""
_EXPIRES_AT, _REVOKED_AT, _IS_ACTIVE, _IS_DELETED = 3, 4, 7, 8


def authenticate() -> str:
    """Return the id of the account that holds the token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    form = _TOKEN.fullmatch(token)
    if scheme.lower() != "bearer" or form is None:
        abort(401)
    user_id = form[1]
    rows = read(_SESSION, (user_id, hashlib.sha256(token.encode()).hexdigest()))
    if not rows or rows[0][_REVOKED_AT] or rows[0][_IS_DELETED] or not rows[0][_IS_ACTIVE]:
        abort(401)
    if rows[0][_EXPIRES_AT] <= datetime.now(UTC):
        abort(401)
    return user_id
