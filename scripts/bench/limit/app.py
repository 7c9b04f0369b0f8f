"""The limit: the service's routes in Flask with nothing in between, on raw psycopg2 and orjson.

The same check of the token, the same validation, the same statements in the same transactions, the
same answers; no log, no metrics, no deadline, no retries, no header that is not needed. So this is
what Flask with a thread for each request can do at most.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from flask import Flask, Response, abort

from scripts.bench.limit.access import authenticate
from scripts.bench.limit.database import read

_USER: Final = """
    SELECT users.id, users.email, users.email_key, users.password_hash, users.full_name,
        users.role, users.user_type, users.is_active, users.created_at, users.updated_at,
        users.is_deleted, users.email_verified_at, logins.last_login_at
    FROM users LEFT JOIN logins ON logins.user_id = users.id
    WHERE users.id = %s AND users.is_deleted = false LIMIT 1 OFFSET 0"""

app = Flask("limit", static_folder=None)


def answer(document: Any, status: int = 200) -> Response:
    """Return an answer in JSON, times in UTC."""
    text = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return Response(text, status, mimetype="application/json")


@app.get("/api/v1/users/me")
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
