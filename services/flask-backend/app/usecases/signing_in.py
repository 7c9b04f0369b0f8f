"""Signing in and out. Holds no rule about tokens (``sessions``) or counting (``lockout``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app import clock
from app.errors import Forbidden, Unauthorized, Unavailable
from app.models import (
    Row,
    get_user,
    get_user_by_email,
    lock_user,
    record_login,
    replace_password_hash,
)
from app.usecases import lockout, passwords, rates, sessions
from app.usecases.accounts import require_user
from app.usecases.sessions import Client, Principal, TokenPair
from app.usecases.work import unit_of_work


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account and the tokens that speak for it."""

    user: Row
    tokens: TokenPair


def login(*, email: str, password: str, client: Client) -> SignedIn:
    """Sign in by e-mail and password.

    Raises:
        Unauthorized: ``INVALID_CREDENTIALS``: one answer for every reason, after the same time.
        Forbidden: ``ACCOUNT_DISABLED``, told only to whoever knows the password.
        TooManyRequests: There were too many attempts.
        Unavailable: Too many passwords are being hashed.
    """
    user = get_user_by_email(email)
    if not is_right_password(user, email, password, client) or user is None:
        raise _wrong_credentials()
    signed_in = _sign_in(user, client, new_hash=_renewed_hash(password, user["password_hash"]))
    # The hash was replaced while the password was compared, perhaps by that of another password.
    return signed_in or login(email=email, password=password, client=client)


def refresh(refresh_token: str, client: Client, *, keys: Sequence[bytes]) -> SignedIn:
    """Exchange a refresh token for the next pair, signed with the first of ``keys``.

    Raises:
        Unauthorized: The token is unknown, expired, ended or used before.
        TooManyRequests: There were too many from this address.
    """
    rates.claim_refresh(client.address)
    tokens = sessions.refresh_session(refresh_token, client, keys=keys)
    user = get_user(tokens.user_id)
    if user is None:  # It was deleted just now, and its tokens ended with it.
        raise sessions.invalid_token()
    return SignedIn(user, tokens)


def logout(principal: Principal) -> None:
    """End the sign-in this request came from."""
    sessions.end_session(principal)


def is_right_password(user: Row | None, email: str, password: str, client: Client) -> bool:
    """Tell whether a password is an account's, and count the attempt unless it is.

    Args:
        user: The account, None if nobody has the e-mail: no, after the same time.
        email: What the account was asked for by.
        password: What is compared.
        client: Where the attempt comes from.

    Raises:
        TooManyRequests: There were too many attempts.
        Unavailable: Too many passwords are being hashed.
    """
    attempt = lockout.claim_attempt(user["id"] if user else None, email, client.address)
    try:
        is_right = passwords.is_password(password, user["password_hash"] if user else None)
    except Unavailable:
        lockout.withdraw_attempt(attempt)
        raise
    if is_right:
        lockout.forgive_attempt(attempt)
    return is_right


@unit_of_work
def open_sign_in(user_id: UUID, client: Client) -> SignedIn:
    """Open a session of an account. The caller has locked it."""
    tokens = sessions.open_session(user_id, client)
    return SignedIn(require_user(user_id), tokens)


@unit_of_work
def _sign_in(known: Row, client: Client, *, new_hash: str | None) -> SignedIn | None:
    """Open a session for whoever knew the password behind a hash; None if it is so no more."""
    user_id = known["id"]
    if _lock_usable(user_id)["password_hash"] != known["password_hash"]:
        return None
    record_login(user_id, at=clock.now())
    if new_hash is not None:
        replace_password_hash(user_id, old=known["password_hash"], new=new_hash)
    return open_sign_in(user_id, client)


def _lock_usable(user_id: UUID) -> Row:
    """Lock an account, and refuse one that ended while its password was compared."""
    user = lock_user(user_id)
    if user is None or user["is_deleted"]:
        raise _wrong_credentials()
    if not user["is_active"]:
        raise Forbidden("ACCOUNT_DISABLED", "This account is disabled. Ask an administrator.")
    return user


def _wrong_credentials() -> Unauthorized:
    return Unauthorized("INVALID_CREDENTIALS", "The e-mail or the password is wrong.")


def _renewed_hash(password: str, password_hash: str) -> str | None:
    """Hash a right password again if today's parameters are stronger than those of its hash."""
    return passwords.hash_password(password) if passwords.is_outdated(password_hash) else None
