"""Who is signed in. A row is one pair of tokens; a family is one sign-in and what came of it.

Holds hashes, never tokens, and decides nothing about their age. Whoever changes several rows of
an account locks its row in ``users`` first, so that no two of them meet.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat

from app.dal.connection import get_db
from app.dal.queries import Query, Row, delete_first
from bilayer.runtime import Param, prepared, select


def create_session(
    user_id: UUID,
    *,
    family_id: UUID,
    token_hash: str,
    refresh_hash: str,
    **columns: Any,
) -> UUID:
    """Store a pair of tokens and return its id.

    Args:
        user_id: Whose tokens they are.
        family_id: The sign-in they belong to.
        token_hash: SHA-256 of the access token.
        refresh_hash: SHA-256 of the refresh token.
        columns: The times, and where the client is.
    """
    session_id = uuid_utils.compat.uuid7()
    get_db().sessions.insert(
        user_id=user_id,
        id=session_id,
        family_id=family_id,
        token_hash=token_hash,
        refresh_hash=refresh_hash,
        **columns,
    )
    return session_id


def get_session_by_token(user_id: UUID, token_hash: str) -> Row | None:
    """Return the pair with this access token and the present state of its account, or None.

    Every request asks this, so it reads no more than tells whose token it is and whether it holds.
    """
    row: Row | None = _BY_TOKEN.one(get_db(), user_id=user_id, hash=token_hash)
    return row


def list_family_sessions(user_id: UUID, family_id: UUID) -> list[Row]:
    """Return the pairs that are kept of a sign-in, none if it was ended."""
    rows: list[Row] = get_db()(_live(user_id) & _in_family(family_id)).dicts()
    return rows


def list_live_sessions(user_id: UUID) -> list[Row]:
    """Return the pairs of an account that have not been ended, the most recently used first."""
    sessions = get_db().sessions
    rows: list[Row] = get_db()(_live(user_id)).dicts(orderby=~sessions.last_used_at | ~sessions.id)
    return rows


def list_families(user_id: UUID) -> list[UUID]:
    """Return the sign-ins of an account that have not been ended, the least recently used first."""
    db = get_db()
    sessions = db.sessions
    rows = db(_live(user_id) & (sessions.rotated_at == None)).dicts(  # noqa: E711 - a query
        sessions.family_id, orderby=sessions.last_used_at | sessions.id
    )
    return [row["family_id"] for row in rows]


def rotate_session(
    user_id: UUID,
    session_id: UUID,
    *,
    family_id: UUID,
    rotated_at: datetime,
    expires_at: datetime,
) -> None:
    """Mark a pair as replaced, and forget the one that it had replaced itself."""
    db = get_db()
    sessions = db.sessions
    family = (sessions.user_id == user_id) & _in_family(family_id)
    db(family & (sessions.id != session_id)).delete()
    db((sessions.user_id == user_id) & (sessions.id == session_id)).update(
        rotated_at=rotated_at, expires_at=expires_at
    )


def revoke_sessions(user_id: UUID, *, family_id: UUID | None = None, revoked_at: datetime) -> None:
    """End one sign-in of an account, or all of them."""
    query = _live(user_id)
    if family_id is not None:
        query &= _in_family(family_id)
    get_db()(query).update(revoked_at=revoked_at)


def revoke_other_sessions(user_id: UUID, *, family_id: UUID, revoked_at: datetime) -> None:
    """End every sign-in of an account but one."""
    others = get_db().sessions.family_id != family_id
    get_db()(_live(user_id) & others).update(revoked_at=revoked_at)


def revoke_sessions_of(user_ids: Collection[UUID], *, revoked_at: datetime) -> int:
    """End every sign-in of these accounts, and tell how many pairs of tokens that were."""
    sessions = get_db().sessions
    live = sessions.user_id.belongs(user_ids) & (sessions.revoked_at == None)  # noqa: E711 - a query
    return int(get_db()(live).update(revoked_at=revoked_at))


def delete_ended_sessions(user_id: UUID, *, before: datetime) -> None:
    """Forget the pairs of an account that were ended, or could not be refreshed at a time."""
    db = get_db()
    sessions = db.sessions
    ended = (sessions.refresh_expires_at < before) | (sessions.revoked_at != None)  # noqa: E711 - a query
    db((sessions.user_id == user_id) & ended).delete()


def delete_dead_sessions(*, before: datetime, limit: int) -> int:
    """Forget pairs of all accounts that ended before a time, a number of them; tell how many."""
    expires, revoked = get_db().sessions.refresh_expires_at, get_db().sessions.revoked_at
    # One after the other: no index has both.
    return delete_first(expires < before, orderby=expires, limit=limit) or delete_first(
        revoked < before, orderby=revoked, limit=limit
    )


def _live(user_id: UUID) -> Query:
    sessions = get_db().sessions
    return (sessions.user_id == user_id) & (sessions.revoked_at == None)  # noqa: E711 - a query


def _in_family(family_id: UUID) -> Query:
    return get_db().sessions.family_id == family_id


_BY_TOKEN = prepared(
    lambda db: select(
        (db.sessions.user_id == Param("user_id"))
        & (db.sessions.token_hash == Param("hash"))
        & (db.users.id == db.sessions.user_id),
        db.sessions.user_id,
        db.sessions.id,
        db.sessions.family_id,
        db.sessions.expires_at,
        db.sessions.revoked_at,
        db.users.role,
        db.users.user_type,
        db.users.is_active,
        db.users.is_deleted,
    )
)
