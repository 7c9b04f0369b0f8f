"""Accounts: signing up, in and out, what owners may change and how an account ends.

Holds no rule about tokens (``sessions``), counting failures (``lockout``) or administrators'
rights over others (``administration``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app import clock
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from app.models import (
    Row,
    count_active_admins,
    create_profile,
    create_user,
    delete_user,
    get_user,
    get_user_by_email,
    lock_active_admins,
    lock_user,
    record_login,
    replace_password_hash,
    update_user,
)
from app.usecases import emails, lockout, passwords, sessions
from app.usecases.sessions import Client, Principal, TokenPair, authenticate
from app.usecases.work import unit_of_work
from app.vocabulary import Role

__all__ = [
    "Client",
    "Principal",
    "SignedIn",
    "authenticate",
    "count_admins",
    "create_admin",
    "delete_account",
    "login",
    "logout",
    "refresh",
    "register",
    "require_user",
    "update_account",
]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account and the tokens that speak for it."""

    user: Row
    tokens: TokenPair


def register(
    *, email: str, password: str, full_name: str | None = None, client: Client
) -> SignedIn:
    """Make an account and sign it in, or do neither.

    Args:
        email: An address in which ``emails.find_flaw`` found nothing.
        password: One in which ``passwords.find_flaw`` found nothing.
        full_name: What the person is called.
        client: Where the request comes from.

    Raises:
        Conflict: ``EMAIL_TAKEN``.
        TooManyRequests: There were too many attempts from this address.
        Unavailable: Too many passwords are being hashed.
    """
    lockout.claim_sign_up(client.address)
    password_hash = passwords.hash_password(password)
    return _sign_up(client, email=email, password_hash=password_hash, full_name=full_name)


def login(*, email: str, password: str, client: Client) -> SignedIn:
    """Sign in by e-mail and password.

    Raises:
        Unauthorized: ``INVALID_CREDENTIALS``: one answer for every reason, after the same time.
        Forbidden: ``ACCOUNT_DISABLED``, told only to whoever knows the password.
        TooManyRequests: There were too many attempts.
        Unavailable: Too many passwords are being hashed.
    """
    user = get_user_by_email(email)
    attempt = lockout.claim_attempt(user["id"] if user else None, email, client.address)
    try:
        is_right = passwords.is_password(password, user["password_hash"] if user else None)
    except Unavailable:
        lockout.withdraw_attempt(attempt)
        raise
    if user is None or not is_right:
        raise _wrong_credentials()
    lockout.forgive_attempt(attempt)
    return _sign_in(user, client, new_hash=_renewed_hash(password, user["password_hash"]))


def refresh(refresh_token: str, client: Client, *, keys: Sequence[bytes]) -> SignedIn:
    """Exchange a refresh token for the next pair, signed with the first of ``keys``.

    Raises:
        Unauthorized: The token is unknown, expired, ended or used before.
    """
    tokens = sessions.refresh_session(refresh_token, client, keys=keys)
    user = get_user(tokens.user_id)
    if user is None:  # It was deleted just now, and its tokens ended with it.
        raise sessions.invalid_token()
    return SignedIn(user, tokens)


def logout(principal: Principal) -> None:
    """End the sign-in this request came from."""
    sessions.end_session(principal)


def require_user(user_id: UUID) -> Row:
    """Return an account that is not deleted, with ``last_login_at``.

    Raises:
        NotFound: ``USER_NOT_FOUND``.
    """
    user = get_user(user_id)
    if user is None:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    return user


@unit_of_work
def update_account(user_id: UUID, **columns: Any) -> Row:
    """Change what owners may change of their account, and return it.

    Raises:
        NotFound: ``USER_NOT_FOUND``.
    """
    if not update_user(user_id, **columns):
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    return require_user(user_id)


@unit_of_work
def delete_account(user_id: UUID) -> None:
    """Delete an account softly and end all its sessions. Its e-mail stays taken.

    Raises:
        Conflict: ``LAST_ADMIN``: nobody could manage accounts any more.
        NotFound: ``USER_NOT_FOUND``.
    """
    require_dispensable(user_id)
    delete_user(user_id)
    sessions.end_all_sessions(user_id)


def require_dispensable(user_id: UUID) -> None:
    """Lock an account until the transaction ends, and refuse to lose the last administrator.

    Raises:
        Conflict: ``LAST_ADMIN``: this account is the only one that can manage accounts.
        NotFound: ``USER_NOT_FOUND``.
    """
    # Only an administrator's case needs the lock on all of them. Whoever is none is locked alone,
    # and looked at again: a promotion may have come between.
    if require_user(user_id)["role"] != Role.ADMIN:
        user = lock_user(user_id)
        if user is None or user["role"] != Role.ADMIN:
            return
    admins = {admin["id"] for admin in lock_active_admins()}
    if admins == {user_id}:
        raise Conflict("LAST_ADMIN", "This is the last administrator. Appoint another one first.")
    if user_id not in admins:
        lock_user(user_id)


def create_admin(*, email: str, password: str) -> Row:
    """Make an administrator, for the command line, and return the account.

    Raises:
        Invalid: The e-mail or the password is refused.
        Conflict: ``EMAIL_TAKEN``.
    """
    flaws = (emails.find_flaw(email), passwords.find_flaw(password, email))
    errors = [flaw for flaw in flaws if flaw is not None]
    if errors:
        raise Invalid("INVALID_REQUEST", "Some fields are not valid.", errors=errors)
    password_hash = passwords.hash_password(password)
    user_id = _store_account(email=email, password_hash=password_hash, role=Role.ADMIN)
    return require_user(user_id)


def count_admins() -> int:
    """Return how many administrators can sign in."""
    return count_active_admins()


@unit_of_work
def _sign_up(client: Client, **columns: Any) -> SignedIn:
    user_id = _store_account(**columns)
    tokens = sessions.open_session(user_id, client)
    return SignedIn(require_user(user_id), tokens)


@unit_of_work
def _store_account(**columns: Any) -> UUID:
    user_id: UUID = create_user(**columns)["id"]
    create_profile(user_id)
    return user_id


@unit_of_work
def _sign_in(user: Row, client: Client, *, new_hash: str | None) -> SignedIn:
    """Open a session for whoever knew the password of ``user``, as it was read before."""
    user_id = user["id"]
    _require_usable(user_id)
    record_login(user_id, at=clock.now())
    if new_hash is not None:
        replace_password_hash(user_id, old=user["password_hash"], new=new_hash)
    tokens = sessions.open_session(user_id, client)
    return SignedIn(require_user(user_id), tokens)


def _require_usable(user_id: UUID) -> None:
    """Lock an account, and refuse one that ended while its password was compared."""
    user = lock_user(user_id)
    if user is None or user["is_deleted"]:
        raise _wrong_credentials()
    if not user["is_active"]:
        raise Forbidden("ACCOUNT_DISABLED", "This account is disabled. Ask an administrator.")


def _wrong_credentials() -> Unauthorized:
    return Unauthorized("INVALID_CREDENTIALS", "The e-mail or the password is wrong.")


def _renewed_hash(password: str, password_hash: str) -> str | None:
    """Hash a right password again if today's parameters are stronger than those of its hash."""
    return passwords.hash_password(password) if passwords.is_outdated(password_hash) else None
