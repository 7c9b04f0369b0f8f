"""Being signed in: pairs of tokens, how they are renewed, and how they end.

A sign-in is a family of pairs. Each refresh replaces the pair (RFC 9700, section 4.14.2); using
a replaced refresh token means that two parties hold it, and ends the family. Only within
``REUSE_GRACE`` the same successor is given again, because a reply can be lost on its way.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app import clock
from app.errors import Unauthorized
from app.models import (
    Row,
    create_session,
    delete_expired_sessions,
    get_session,
    get_session_by_refresh_token,
    get_session_by_token,
    revoke_sessions,
    rotate_session,
    transaction,
)
from app.usecases.tokens import Token, derive_token, make_token, read_token

ACCESS_LIFETIME: Final = timedelta(minutes=15)
IDLE_LIFETIME: Final = timedelta(days=30)
"""How long a refresh token waits to be used."""
SIGN_IN_LIFETIME: Final = timedelta(days=90)
"""How long a sign-in can be renewed before the password is asked for again."""
REUSE_GRACE: Final = timedelta(seconds=10)

_MAX_AGENT_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, as the database knew it when the request came in."""

    user_id: UUID
    role: str
    user_type: str
    session_id: UUID


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, for the owner of the account to recognise it.

    Attributes:
        address: An IPv4 or IPv6 address, None if unknown.
        user_agent: What the program calls itself; kept shortened.
    """

    address: str | None = None
    user_agent: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no address here, rather than in a column or a counter later."""
        if self.address is not None:
            ipaddress.ip_address(self.address)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets: the access token for requests, the refresh token for the next pair."""

    user_id: UUID
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds until the access token expires."""


def open_session(user_id: UUID, client: Client) -> TokenPair:
    """Begin a sign-in, and forget those of this account that have long expired."""
    now = clock.now()
    access, refresh = make_token(user_id), make_token(user_id)
    with transaction():
        delete_expired_sessions(user_id, before=now)
        create_session(
            user_id,
            token_hash=access.digest,
            refresh_hash=refresh.digest,
            created_at=now,
            last_used_at=now,
            expires_at=now + ACCESS_LIFETIME,
            refresh_expires_at=now + IDLE_LIFETIME,
            **_client_columns(client),
        )
    return _pair(access, refresh, ACCESS_LIFETIME)


def authenticate(access_token: str) -> Principal:
    """Return who holds an access token, with the role the account has now.

    Raises:
        Unauthorized: It is unknown, expired or ended, or the account is disabled or deleted.
    """
    token = read_token(access_token)
    session = token and get_session_by_token(token.user_id, token.digest)
    if not session or not _is_open(session):
        raise _invalid_token()
    if session["expires_at"] <= clock.now():
        raise Unauthorized("TOKEN_EXPIRED", "The access token has expired. Refresh it.")
    return Principal(
        user_id=session["user_id"],
        role=session["role"],
        user_type=session["user_type"],
        session_id=session["id"],
    )


def refresh_session(refresh_token: str, client: Client, *, key: bytes) -> TokenPair:
    """Replace a pair of tokens by its one successor.

    Args:
        refresh_token: What the client holds.
        client: Where it is now.
        key: Signs the successor, so that a lost reply can be given again.

    Raises:
        Unauthorized: The token is unknown, expired or ended, or it was used before: then the
            whole sign-in has ended.
    """
    token = read_token(refresh_token)
    session = token and get_session_by_refresh_token(token.user_id, token.digest)
    if not token or not session or not _is_open(session):
        raise _invalid_token()
    now = clock.now()
    if session["refresh_expires_at"] <= now:
        raise Unauthorized("TOKEN_EXPIRED", "The refresh token has expired. Sign in again.")
    access = derive_token(token, "access", key)
    refresh = derive_token(token, "refresh", key)
    if _rotate(session, access, refresh, client, now):
        return _pair(access, refresh, ACCESS_LIFETIME)
    return _repeat(token, access, refresh)


def end_session(principal: Principal) -> None:
    """End the sign-in that a request came from, at once: access and refresh tokens."""
    session = get_session(principal.user_id, principal.session_id)
    if session is not None:
        revoke_sessions(principal.user_id, family_id=session["family_id"], revoked_at=clock.now())


def end_all_sessions(user_id: UUID) -> None:
    """End every sign-in of an account, at once."""
    revoke_sessions(user_id, revoked_at=clock.now())


def _rotate(session: Row, access: Token, refresh: Token, client: Client, now: datetime) -> bool:
    """Store the successor of a pair; tell whether this call was the one that did.

    The old access token lives on for the grace, for requests that are under way.
    """
    with transaction():
        is_first = rotate_session(
            session["user_id"],
            session["id"],
            rotated_at=now,
            expires_at=min(session["expires_at"], now + REUSE_GRACE),
        )
        if is_first:
            create_session(
                session["user_id"],
                family_id=session["family_id"],
                token_hash=access.digest,
                refresh_hash=refresh.digest,
                created_at=session["created_at"],
                last_used_at=now,
                expires_at=now + ACCESS_LIFETIME,
                refresh_expires_at=min(
                    now + IDLE_LIFETIME, session["created_at"] + SIGN_IN_LIFETIME
                ),
                **_client_columns(client),
            )
    return is_first


def _repeat(used: Token, access: Token, refresh: Token) -> TokenPair:
    """Give the successor again if the reply may have been lost; else end the sign-in.

    It was not lost if the successor has been refreshed itself.
    """
    session = get_session_by_refresh_token(used.user_id, used.digest)
    if session is None or not _is_open(session):
        raise _invalid_token()
    now = clock.now()
    successor = get_session_by_refresh_token(refresh.user_id, refresh.digest)
    is_in_time = now <= session["rotated_at"] + REUSE_GRACE
    if is_in_time and successor is not None and successor["rotated_at"] is None:
        return _pair(access, refresh, successor["expires_at"] - now)
    revoke_sessions(used.user_id, family_id=session["family_id"], revoked_at=now)
    raise Unauthorized(
        "TOKEN_REUSED",
        "The refresh token was used before. For safety this sign-in has ended; sign in again.",
    )


def _is_open(session: Row) -> bool:
    """Tell whether neither the pair nor its account has ended; expiry is another question."""
    has_account = session["is_active"] and not session["is_deleted"]
    return session["revoked_at"] is None and has_account


def _pair(access: Token, refresh: Token, lifetime: timedelta) -> TokenPair:
    return TokenPair(
        user_id=access.user_id,
        access_token=access.text,
        refresh_token=refresh.text,
        expires_in=int(lifetime.total_seconds()),
    )


def _client_columns(client: Client) -> dict[str, Any]:
    agent = client.user_agent
    return {
        "address": client.address,
        "user_agent": agent[:_MAX_AGENT_CHARACTERS] if agent else None,
    }


def _invalid_token() -> Unauthorized:
    return Unauthorized("TOKEN_INVALID", "The token is not valid (any more). Sign in again.")
