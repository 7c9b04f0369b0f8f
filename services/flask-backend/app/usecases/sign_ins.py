"""Where an account is signed in, as its owner sees and ends it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from app import clock
from app.errors import NotFound
from app.models import (
    Row,
    list_live_sessions,
    lock_user,
    revoke_other_sessions,
    revoke_sessions,
)
from app.usecases.sessions import Principal, invalid_token
from app.usecases.work import unit_of_work


@dataclass(frozen=True, slots=True)
class SignIn:
    """A device that is signed in, or was and can be again without a password.

    Attributes:
        id: Names it as long as it lasts, and opens nothing.
        created_at: When the password was given.
        last_used_at: When its tokens were last renewed.
        expires_at: Until when they can be renewed.
        user_agent: What the program called itself then.
        address: Where it was then.
        is_current: Whether it is the one that asks.
    """

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str | None
    address: str | None
    is_current: bool


def list_sign_ins(principal: Principal) -> list[SignIn]:
    """Return the sign-ins of an account, the most recently used first."""
    return [_sign_in(pair, principal) for pair in _list_renewable(principal.user_id)]


@unit_of_work
def end_sign_in(principal: Principal, sign_in_id: UUID) -> None:
    """End one sign-in of an account, at once; it may be the one that asks.

    Raises:
        NotFound: ``SESSION_NOT_FOUND``: this account has no such sign-in, or it has ended.
    """
    lock_user(principal.user_id)
    for pair in _list_renewable(principal.user_id):
        if _public_id(pair["family_id"]) == sign_in_id:
            revoke_sessions(principal.user_id, family_id=pair["family_id"], revoked_at=clock.now())
            return
    raise NotFound("SESSION_NOT_FOUND", "There is no such sign-in (any more).")


@unit_of_work
def end_other_sign_ins(principal: Principal) -> None:
    """End every sign-in of an account, at once, but the one that asks.

    Raises:
        Unauthorized: That one has just ended itself, so it has nothing to say any more.
    """
    lock_user(principal.user_id)
    families = {pair["family_id"] for pair in list_live_sessions(principal.user_id)}
    if principal.family_id not in families:
        raise invalid_token()
    revoke_other_sessions(principal.user_id, family_id=principal.family_id, revoked_at=clock.now())


def _list_renewable(user_id: UUID) -> list[Row]:
    """Return the present pair of each sign-in that has not ended."""
    now = clock.now()
    return [
        pair
        for pair in list_live_sessions(user_id)
        if pair["rotated_at"] is None and pair["refresh_expires_at"] > now
    ]


def _sign_in(pair: Row, principal: Principal) -> SignIn:
    return SignIn(
        id=_public_id(pair["family_id"]),
        created_at=pair["created_at"],
        last_used_at=pair["last_used_at"],
        expires_at=pair["refresh_expires_at"],
        user_agent=pair["user_agent"],
        address=pair["address"],
        is_current=pair["family_id"] == principal.family_id,
    )


def _public_id(family_id: UUID) -> UUID:
    """Name a sign-in without its family's id, by which any refresh token can end it.

    A digest of 122 random bits: it stays the same over all rotations, and leads nowhere back.
    """
    return uuid5(family_id, "sign-in")
