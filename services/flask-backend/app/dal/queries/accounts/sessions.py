"""Who is signed in. A row is one pair of tokens; a family is one sign-in and what came of it.

Holds hashes, never tokens, and decides nothing about their age.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat

from app.dal.connection import get_db
from app.dal.queries import Row
from bilayer.runtime import DAL, Field, Param, prepared, select


def create_session(
    user_id: UUID,
    *,
    family_id: UUID | None = None,
    token_hash: str,
    refresh_hash: str,
    **columns: Any,
) -> UUID:
    """Store a pair of tokens and return its id.

    Args:
        user_id: Whose tokens they are.
        family_id: The sign-in it continues; a new one if None.
        token_hash: SHA-256 of the access token.
        refresh_hash: SHA-256 of the refresh token.
        columns: The times, and where the client is.
    """
    session_id = uuid_utils.compat.uuid7()
    get_db().sessions.insert(
        user_id=user_id,
        id=session_id,
        family_id=family_id or session_id,
        token_hash=token_hash,
        refresh_hash=refresh_hash,
        **columns,
    )
    return session_id


def get_session(user_id: UUID, session_id: UUID) -> Row | None:
    """Return one pair of tokens, or None."""
    db = get_db()
    sessions = db.sessions
    row: Row | None = db((sessions.user_id == user_id) & (sessions.id == session_id)).one()
    return row


def get_session_by_token(user_id: UUID, token_hash: str) -> Row | None:
    """Return the pair with this access token and the present state of its account, or None."""
    row: Row | None = _BY_TOKEN.one(get_db(), user_id=user_id, hash=token_hash)
    return row


def get_session_by_refresh_token(user_id: UUID, refresh_hash: str) -> Row | None:
    """Return the pair with this refresh token and the present state of its account, or None."""
    row: Row | None = _BY_REFRESH_TOKEN.one(get_db(), user_id=user_id, hash=refresh_hash)
    return row


def rotate_session(
    user_id: UUID, session_id: UUID, *, rotated_at: datetime, expires_at: datetime
) -> bool:
    """Mark a pair as replaced; of any number of callers at once, exactly one is told True."""
    db = get_db()
    sessions = db.sessions
    query = (sessions.user_id == user_id) & (sessions.id == session_id)
    query &= (sessions.rotated_at == None) & (sessions.revoked_at == None)  # noqa: E711 - a query
    return bool(db(query).update(rotated_at=rotated_at, expires_at=expires_at))


def revoke_sessions(user_id: UUID, *, family_id: UUID | None = None, revoked_at: datetime) -> None:
    """End one sign-in of an account, or all of them.

    A refresh under way may store a successor that this statement's snapshot does not hold. Its
    commit is what the statement waited for, so asking again finds it.
    """
    db = get_db()
    sessions = db.sessions
    query = (sessions.user_id == user_id) & (sessions.revoked_at == None)  # noqa: E711 - a query
    if family_id is not None:
        query &= sessions.family_id == family_id
    while db(query).update(revoked_at=revoked_at):
        pass


def delete_expired_sessions(user_id: UUID, *, before: datetime) -> None:
    """Forget the pairs of an account that could not be refreshed any more at a time."""
    db = get_db()
    sessions = db.sessions
    db((sessions.user_id == user_id) & (sessions.refresh_expires_at < before)).delete()


def _with_account(db: DAL, hashed: Field) -> Any:  # what select() makes has no public name
    sessions, users = db.sessions, db.users
    return select(
        (sessions.user_id == Param("user_id"))
        & (hashed == Param("hash"))
        & (users.id == sessions.user_id),
        sessions.ALL,
        users.role,
        users.user_type,
        users.is_active,
        users.is_deleted,
    )


_BY_TOKEN = prepared(lambda db: _with_account(db, db.sessions.token_hash))
_BY_REFRESH_TOKEN = prepared(lambda db: _with_account(db, db.sessions.refresh_hash))
