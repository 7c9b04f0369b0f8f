"""Reading one's own account, by the service's statement."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, abort

from scripts.bench.limit.access import authenticate
from scripts.bench.limit.answers import answer
from scripts.bench.limit.database import read

_USER: Final = """
    SELECT users.id, users.email, users.email_key, users.password_hash, users.full_name,
        users.role, users.user_type, users.is_active, users.created_at, users.updated_at,
        users.is_deleted, users.email_verified_at, logins.last_login_at
    FROM users LEFT JOIN logins ON logins.user_id = users.id
    WHERE users.id = %s AND users.is_deleted = false"""

blueprint = Blueprint("users", __name__, url_prefix="/api/v1/users")


@blueprint.get("/me")
def get_me() -> Response:
    """Return the account."""
    rows = read(_USER, (authenticate(),))
    if not rows:
        abort(404)
    row = rows[0]
    return answer(
        {
            "id": row[0],
            "email": row[1],
            "full_name": row[4],
            "role": row[5],
            "user_type": row[6],
            "is_active": row[7],
            "last_login_at": row[12],
            "created_at": row[8],
            "updated_at": row[9],
        }
    )
