"""Links that were sent by mail: one of each purpose for an account. Holds digests, never links."""

from datetime import datetime
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row, delete_first


def replace_email_token(
    user_id: UUID,
    *,
    purpose: str,
    token_id: UUID,
    token_hash: str,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Store a link as the only one of its purpose; the one before is worth nothing any more."""
    values = {
        "user_id": user_id,
        "purpose": purpose,
        "id": token_id,
        "token_hash": token_hash,
        "created_at": created_at,
        "expires_at": expires_at,
    }
    get_db().email_tokens.upsert(values, conflict=["user_id", "purpose"])


def get_email_token(user_id: UUID, purpose: str) -> Row | None:
    """Return the link of a purpose that an account was last sent and has not used, or None."""
    row: Row | None = get_db()(_of(user_id, purpose)).one()
    return row


def use_email_token(user_id: UUID, purpose: str, *, token_hash: str, at: datetime) -> bool:
    """Take a link away; tell whether it was there, unexpired: only one caller hears yes."""
    tokens = get_db().email_tokens
    query = _of(user_id, purpose) & (tokens.token_hash == token_hash) & (tokens.expires_at > at)
    return bool(get_db()(query).delete())


def delete_email_token(user_id: UUID, purpose: str) -> None:
    """Take the link of a purpose away, if there is one."""
    get_db()(_of(user_id, purpose)).delete()


def delete_expired_email_tokens(*, expired_at: datetime, limit: int) -> int:
    """Forget links of all accounts that work no more, a number of them; tell how many."""
    tokens = get_db().email_tokens
    return delete_first(tokens.expires_at <= expired_at, orderby=tokens.expires_at, limit=limit)


def _of(user_id: UUID, purpose: str) -> Query:
    tokens = get_db().email_tokens
    return (tokens.user_id == user_id) & (tokens.purpose == purpose)
