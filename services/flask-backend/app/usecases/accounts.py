"""Accounts: signing up, in and out, what owners may change and how an account ends.

Holds no rule about tokens (``sessions``), counting failures (``lockout``) or administrators'
rights over others (``administration``).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from app.models import (
    Row,
    UniqueViolation,
    count_active_admins,
    create_profile,
    create_user,
    delete_user,
    get_user,
    get_user_by_email,
    lock_active_admins,
    lock_user,
    replace_password_hash,
    transaction,
    update_user,
)
from app.usecases import emails, lockout, passwords, sessions
from app.usecases.sessions import Client, Principal, TokenPair, authenticate
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
    """Make an account and sign it in.

    Raises:
        Invalid: The e-mail or the password is refused.
        Conflict: ``EMAIL_TAKEN``.
        Unavailable: Too many passwords are being hashed.
    """
    user_id = _create_account(email=email, password=password, full_name=full_name)
    tokens = sessions.open_session(user_id, client)
    return SignedIn(require_user(user_id), tokens)


def login(*, email: str, password: str, client: Client) -> SignedIn:
    """Sign in by e-mail and password.

    Raises:
        Unauthorized: ``INVALID_CREDENTIALS``: one answer for every reason, after the same time.
        Forbidden: ``ACCOUNT_DISABLED``, told only to whoever knows the password.
        TooManyRequests: There were too many attempts.
        Unavailable: Too many passwords are being hashed.
    """
    user = get_user_by_email(email)
    lockout.claim_attempt_from(client.address)
    lockout.claim_attempt(user["id"] if user else None, email)
    is_right = passwords.is_password(password, user["password_hash"] if user else None)
    if user is None or not is_right:
        raise Unauthorized("INVALID_CREDENTIALS", "The e-mail or the password is wrong.")
    if not user["is_active"]:
        raise Forbidden("ACCOUNT_DISABLED", "This account is disabled. Ask an administrator.")
    new_hash = _renewed_hash(password, user["password_hash"])
    with transaction():
        lockout.forgive_attempt(user["id"], client.address)
        if new_hash is not None:
            replace_password_hash(user["id"], old=user["password_hash"], new=new_hash)
        tokens = sessions.open_session(user["id"], client)
    return SignedIn(require_user(user["id"]), tokens)


def refresh(refresh_token: str, client: Client, *, key: bytes) -> SignedIn:
    """Exchange a refresh token for the next pair, signed with ``key``.

    Raises:
        Unauthorized: The token is unknown, expired, ended or used before.
    """
    tokens = sessions.refresh_session(refresh_token, client, key=key)
    return SignedIn(require_user(tokens.user_id), tokens)


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


def update_account(user_id: UUID, **columns: Any) -> Row:
    """Change what owners may change of their account, and return it.

    Raises:
        NotFound: ``USER_NOT_FOUND``.
    """
    if not update_user(user_id, **columns):
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    return require_user(user_id)


def delete_account(user_id: UUID) -> None:
    """Delete an account softly and end all its sessions. Its e-mail stays taken.

    Raises:
        Conflict: ``LAST_ADMIN``: nobody could manage accounts any more.
        NotFound: ``USER_NOT_FOUND``.
    """
    with transaction():
        require_dispensable(user_id)
        delete_user(user_id)
        sessions.end_all_sessions(user_id)


def require_dispensable(user_id: UUID) -> None:
    """Refuse to lose the last administrator; lock what that depends on until the transaction ends.

    Raises:
        Conflict: ``LAST_ADMIN``: this account is the only one that can manage accounts.
        NotFound: ``USER_NOT_FOUND``.
    """
    # Only an administrator's case needs the lock on all of them. Whoever is none is locked alone,
    # and looked at again: a promotion may have come between.
    is_admin = require_user(user_id)["role"] == Role.ADMIN
    if not is_admin and lock_user(user_id)["role"] != Role.ADMIN:
        return
    if {admin["id"] for admin in lock_active_admins()} == {user_id}:
        raise Conflict("LAST_ADMIN", "This is the last administrator. Appoint another one first.")


def create_admin(*, email: str, password: str) -> Row:
    """Make an administrator, for the command line, and return the account.

    Raises:
        Invalid: The e-mail or the password is refused.
        Conflict: ``EMAIL_TAKEN``.
    """
    return require_user(_create_account(email=email, password=password, role=Role.ADMIN))


def count_admins() -> int:
    """Return how many administrators can sign in."""
    return count_active_admins()


def _create_account(
    *, email: str, password: str, full_name: str | None = None, role: Role = Role.VIEWER
) -> UUID:
    _require_flawless(email, password, full_name)
    password_hash = passwords.hash_password(password)
    try:
        with transaction():
            user = create_user(
                email=email, password_hash=password_hash, full_name=full_name, role=role
            )
            create_profile(user["id"])
    except UniqueViolation:
        # The key is a new UUID, so the e-mail is what two rows cannot share.
        raise Conflict("EMAIL_TAKEN", "An account has this e-mail.") from None
    user_id: UUID = user["id"]
    return user_id


def _require_flawless(email: str, password: str, full_name: str | None) -> None:
    flaws = (emails.find_flaw(email), passwords.find_flaw(password, email, full_name or ""))
    errors = [flaw for flaw in flaws if flaw is not None]
    if errors:
        raise Invalid("INVALID_REQUEST", "Some fields are not valid.", errors=errors)


def _renewed_hash(password: str, password_hash: str) -> str | None:
    """Hash a right password again if today's parameters are stronger than those of its hash."""
    return passwords.hash_password(password) if passwords.is_outdated(password_hash) else None
