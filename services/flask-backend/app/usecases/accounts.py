"""Accounts: what they are made of, what owners may change, and how one ends.

Holds no rule about signing in (``signing_in``, ``registration``), passwords (``credentials``) or
administrators' rights over others (``administration``).
"""

from typing import Any
from uuid import UUID

from app.errors import Conflict, Invalid, NotFound
from app.models import (
    Row,
    count_active_admins,
    create_profile,
    create_user,
    delete_user,
    get_user,
    lock_active_admins,
    lock_user,
    update_user,
)
from app.usecases import emails, links, passwords, sessions
from app.usecases.work import unit_of_work
from app.vocabulary import Role


@unit_of_work
def store_account(**columns: Any) -> UUID:
    """Store an account with an empty profile, and return its id.

    Raises:
        Conflict: ``EMAIL_TAKEN``.
    """
    user_id: UUID = create_user(**columns)["id"]
    create_profile(user_id)
    return user_id


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
    """Delete an account softly and end all its sessions and links. Its e-mail stays taken.

    Raises:
        Conflict: ``LAST_ADMIN``: nobody could manage accounts any more.
        NotFound: ``USER_NOT_FOUND``.
    """
    require_dispensable(user_id)
    delete_user(user_id)
    sessions.end_all_sessions(user_id)
    links.end_links(user_id)


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
        raise Invalid.fields(errors)
    password_hash = passwords.hash_password(password)
    return require_user(store_account(email=email, password_hash=password_hash, role=Role.ADMIN))


def count_admins() -> int:
    """Return how many administrators can sign in."""
    return count_active_admins()
