"""Being signed in: pairs of tokens, how they are renewed, and how they end.

A sign-in is a family of pairs. Each refresh replaces the pair (RFC 9700, section 4.14.2); using
a replaced refresh token means that two parties hold it, and ends the family. Only within
``REUSE_GRACE`` the same successor is given again, because a reply can be lost on its way.

Two pairs of a family are kept, the present one and the one before. An older refresh token names
its family, and nobody but who held one of them can: it ends the family as well.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from app import clock
from app.errors import Unauthorized
from app.models import (
    Row,
    create_session,
    delete_ended_sessions,
    get_session_by_token,
    list_families,
    list_family_sessions,
    lock_user,
    revoke_sessions,
    rotate_session,
)
from app.usecases.tokens import Token, derive_tokens, make_token, read_token
from app.usecases.work import unit_of_work
from app.vocabulary import UserType

ACCESS_LIFETIME: Final = timedelta(minutes=15)
IDLE_LIFETIME: Final = timedelta(days=30)
"""How long a refresh token waits to be used."""
SIGN_IN_LIFETIME: Final = timedelta(days=90)
"""How long a sign-in can be renewed before the password is asked for again, if there is one."""
REUSE_GRACE: Final = timedelta(seconds=10)

MAX_SIGN_INS: Final = 50
"""How many devices an account can be signed in on."""

_MAX_AGENT_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, as the database knew it when the request came in."""

    user_id: UUID
    role: str
    user_type: str
    family_id: UUID
    """The sign-in this is. Not to be shown: see ``sign_ins``."""


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


@unit_of_work
def open_session(user_id: UUID, client: Client) -> TokenPair:
    """Begin a sign-in, and forget those of this account that have ended.

    An account has at most ``MAX_SIGN_INS``: a further one ends the one that was used least
    recently. The caller has locked the account.
    """
    now = clock.now()
    family_id = uuid4()
    access, refresh = make_token(user_id), make_token(user_id, family_id)
    delete_ended_sessions(user_id, before=now)
    for surplus in list_families(user_id)[: -(MAX_SIGN_INS - 1)]:
        revoke_sessions(user_id, family_id=surplus, revoked_at=now)
    create_session(
        user_id,
        family_id=family_id,
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
    if not session or session["revoked_at"] is not None or not is_usable(session):
        raise invalid_token()
    if session["expires_at"] <= clock.now():
        raise Unauthorized("TOKEN_EXPIRED", "The access token has expired. Refresh it.")
    return Principal(
        user_id=session["user_id"],
        role=session["role"],
        user_type=session["user_type"],
        family_id=session["family_id"],
    )


def refresh_session(refresh_token: str, client: Client, *, keys: Sequence[bytes]) -> TokenPair:
    """Replace a pair of tokens by its one successor.

    Args:
        refresh_token: What the client holds.
        client: Where it is now.
        keys: The first signs the successor, so that a lost reply can be given again; the reply
            may have been signed by any.

    Raises:
        Unauthorized: The token is unknown, expired or ended, its account is disabled or deleted,
            or it was used before: then the whole sign-in has ended.
    """
    token = read_token(refresh_token)
    # Looked up before anything is locked: whoever made a token up locks nothing.
    if token is None or not _list_family(token):
        raise invalid_token()
    answer = _renew(token, client, keys)
    if isinstance(answer, Unauthorized):
        raise answer
    return answer


@unit_of_work
def end_session(principal: Principal) -> None:
    """End the sign-in that a request came from, at once: access and refresh tokens."""
    lock_user(principal.user_id)
    revoke_sessions(principal.user_id, family_id=principal.family_id, revoked_at=clock.now())


@unit_of_work
def end_all_sessions(user_id: UUID) -> None:
    """End every sign-in of an account, at once. The caller has locked the account."""
    revoke_sessions(user_id, revoked_at=clock.now())


@unit_of_work
def _renew(token: Token, client: Client, keys: Sequence[bytes]) -> TokenPair | Unauthorized:
    """Return the next pair or the refusal, which must not undo that the sign-in has ended."""
    user = lock_user(token.user_id)
    family = _list_family(token)
    if user is None or not is_usable(user) or not family:
        return invalid_token()
    now = clock.now()
    used = next((pair for pair in family if pair["refresh_hash"] == token.digest), None)
    if used is not None and used["refresh_expires_at"] <= now:
        return Unauthorized("TOKEN_EXPIRED", "The refresh token has expired. Sign in again.")
    successors = [derive_tokens(token, key) for key in keys]
    if used is not None and used["rotated_at"] is None:
        access, refresh = successors[0]
        _rotate(used, access, refresh, client, now, is_guest=user["user_type"] == UserType.GUEST)
        return _pair(access, refresh, ACCESS_LIFETIME)
    if used is not None and now <= used["rotated_at"] + REUSE_GRACE:
        lifetimes = {pair["refresh_hash"]: pair["expires_at"] - now for pair in family}
        for access, refresh in successors:
            if refresh.digest in lifetimes:  # Its answer may have been lost.
                return _pair(access, refresh, lifetimes[refresh.digest])
    revoke_sessions(token.user_id, family_id=token.family_id, revoked_at=now)
    text = "The refresh token was used before. For safety this sign-in has ended; sign in again."
    return Unauthorized("TOKEN_REUSED", text)


def _rotate(
    session: Row, access: Token, refresh: Token, client: Client, now: datetime, *, is_guest: bool
) -> None:
    """Store the successor of a pair, and keep no pair but these two."""
    renewable_until = now + IDLE_LIFETIME
    if not is_guest:  # Who has no password could never sign in again.
        renewable_until = min(renewable_until, session["created_at"] + SIGN_IN_LIFETIME)
    family = {"user_id": session["user_id"], "family_id": session["family_id"]}
    delete_ended_sessions(session["user_id"], before=now)
    # The old access token serves requests that are under way.
    old_expires_at = min(session["expires_at"], now + REUSE_GRACE)
    rotate_session(**family, session_id=session["id"], rotated_at=now, expires_at=old_expires_at)
    create_session(
        **family,
        token_hash=access.digest,
        refresh_hash=refresh.digest,
        created_at=session["created_at"],
        last_used_at=now,
        expires_at=now + ACCESS_LIFETIME,
        refresh_expires_at=renewable_until,
        **_client_columns(client),
    )


def _list_family(token: Token) -> list[Row]:
    """Return the pairs of the sign-in a refresh token belongs to, if that has not ended."""
    return list_family_sessions(token.user_id, token.family_id) if token.family_id else []


def is_usable(user: Row | None) -> bool:
    """Tell whether somebody may be signed in to an account, as its locked row says."""
    return user is not None and user["is_active"] and not user["is_deleted"]


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


def invalid_token() -> Unauthorized:
    """Return the refusal of a token that is none, or is none any more."""
    return Unauthorized("TOKEN_INVALID", "The token is not valid (any more). Sign in again.")
