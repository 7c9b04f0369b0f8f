"""How sign-ins went: per account in ``logins``, per address or unknown e-mail in the other table.

Knows no limit; the rows are counters that callers lock, read and write.
"""

from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row


def lock_login(user_id: UUID) -> Row:
    """Return the counter of an account, made if need be, and locked until the transaction ends."""
    db = get_db()
    db.logins.upsert({"user_id": user_id}, conflict=["user_id"], update={})
    row: Row = db.lock_rows(db.logins.user_id == user_id)[0]
    return row


def lock_login_attempt(key: str) -> Row:
    """Return the counter of a key, made if need be, and locked until the transaction ends."""
    db = get_db()
    db.login_attempts.upsert({"key": key}, conflict=["key"], update={})
    row: Row = db.lock_rows(db.login_attempts.key == key)[0]
    return row


def update_login(user_id: UUID, **columns: Any) -> bool:
    """Change the counter of an account and tell whether it has one."""
    db = get_db()
    return bool(db(db.logins.user_id == user_id).update(**columns))


def update_login_attempt(key: str, **columns: Any) -> bool:
    """Change the counter of a key and tell whether there is one."""
    db = get_db()
    return bool(db(db.login_attempts.key == key).update(**columns))


def refund_login_attempt(key: str) -> None:
    """Take back one attempt of a key, by one statement, so that no other attempt is lost."""
    db = get_db()
    attempts = db.login_attempts
    db((attempts.key == key) & (attempts.failed > 0)).update(failed=attempts.failed - 1)
