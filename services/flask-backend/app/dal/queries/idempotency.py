"""Answers that were given, by account and by the key that its client chose."""

from datetime import datetime
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from bilayer.runtime import DAL, Param, prepared, select, update


def create_idempotency_key(
    user_id: UUID, key: str, *, fingerprint: str, created_at: datetime, expires_at: datetime
) -> None:
    """Claim a key until the transaction ends; its answer is to be written before that.

    Raises:
        UniqueViolation: Another request of this account has it.
    """
    get_db().idempotency_keys.insert(
        user_id=user_id,
        key=key,
        fingerprint=fingerprint,
        created_at=created_at,
        expires_at=expires_at,
    )


def get_idempotency_key(user_id: UUID, key: str) -> Row | None:
    """Return a key of this account, expired or not, or None."""
    row: Row | None = _BY_KEY.one(get_db(), user_id=user_id, key=key)
    return row


def update_idempotency_key(user_id: UUID, key: str, *, status: int, body: str) -> None:
    """Write the answer beside a key, before the transaction ends; nobody waits for that."""
    _ANSWER.run_ahead(get_db(), user_id=user_id, key=key, status=status, body=body)


def delete_idempotency_key(user_id: UUID, key: str, *, expired_at: datetime) -> None:
    """Forget a key, unless it is valid at a time."""
    db = get_db()
    db(_named(db, user_id, key) & (db.idempotency_keys.expires_at <= expired_at)).delete()


def delete_expired_idempotency_keys(*, expired_at: datetime, limit: int) -> int:
    """Forget the keys that expired first, and tell how many they were.

    Those that somebody else is about to use or to forget are left to them.
    """
    db = get_db()
    keys = db.idempotency_keys
    rows = db.lock_rows(
        keys.expires_at <= expired_at,
        orderby=keys.expires_at,
        limitby=(0, limit),
        skip_locked=True,
    )
    for row in rows:
        delete_idempotency_key(row["user_id"], row["key"], expired_at=expired_at)
    return len(rows)


def _named(db: DAL, user_id: UUID | Param, key: str | Param) -> Query:
    keys = db.idempotency_keys
    return (keys.user_id == user_id) & (keys.key == key)


def _given(db: DAL) -> Query:
    return _named(db, Param("user_id"), Param("key"))


_BY_KEY = prepared(lambda db: select(_given(db)))
_ANSWER = prepared(lambda db: update(_given(db), status=Param("status"), body=Param("body")))
