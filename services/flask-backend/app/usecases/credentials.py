"""How a password is replaced: by whoever knows it, or by whoever reads the account's mail.

Both end all sign-ins, because one of them may be why. Whether an e-mail has an account is told by
neither words nor time.
"""

import math
import time
from typing import Final
from uuid import UUID

from app import clock
from app.errors import FieldError, Forbidden, Invalid, TooManyRequests
from app.models import Row, get_user, get_user_by_email, lock_user, release, update_user
from app.usecases import delivery, links, lockout, passwords, rates, sessions
from app.usecases.accounts import require_user
from app.usecases.sessions import Client, Principal
from app.usecases.signing_in import SignedIn, is_right_password, open_sign_in
from app.usecases.tokens import Token
from app.usecases.verification import note_verified
from app.usecases.work import unit_of_work
from app.vocabulary import MANAGED_EXTERNALLY, MailKind, UserType

ANSWER_SECONDS: Final = 0.2
"""An answer about a forgotten password takes this long, or the next multiple of it."""

_FIELD: Final = "new_password"


def change_password(
    principal: Principal, *, current_password: str, new_password: str, client: Client
) -> SignedIn:
    """Replace a password by another one, end every sign-in and open one.

    Raises:
        Forbidden: ``WRONG_PASSWORD``, counted like a wrong one at a sign-in; or
            ``GUEST_ACCOUNT``: a guest has no password.
        Invalid: The new one is refused.
        TooManyRequests: There were too many attempts.
        Unavailable: Too many passwords are being hashed.
    """
    user = require_user(principal.user_id)
    if user["user_type"] == UserType.GUEST:
        raise Forbidden("GUEST_ACCOUNT", "A guest has no password. Register first.")
    _require_good(new_password, user)
    if passwords.is_same(current_password, new_password):
        message = "The new password is the one you have. Choose another."
        raise Invalid.fields([FieldError(_FIELD, "PASSWORD_UNCHANGED", message)])
    if not is_right_password(user, user["email"], current_password, client):
        raise Forbidden("WRONG_PASSWORD", "The current password is wrong.")
    signed_in = _replace(user, passwords.hash_password(new_password), client)
    # The hash was replaced while the password was compared, perhaps by that of another password.
    return signed_in or change_password(
        principal, current_password=current_password, new_password=new_password, client=client
    )


def request_reset(email: str, client: Client, *, key: bytes) -> None:
    """Send a link for choosing a new password, if an account has this e-mail.

    There is no telling whether one was sent, or too many were asked for.

    Args:
        email: What was given as e-mail.
        client: Where the request comes from.
        key: Signs the link.
    """
    begun = time.monotonic()
    try:
        rates.claim_mail(email, client.address)
        user = get_user_by_email(email)
        if user is not None and _send_link(user["id"], key):
            delivery.announce_mail()
    except TooManyRequests:
        pass
    finally:
        release()
        taken = time.monotonic() - begun
        time.sleep(math.ceil(taken / ANSWER_SECONDS) * ANSWER_SECONDS - taken)


def reset_password(text: str, *, new_password: str, client: Client) -> None:
    """Replace a password for whoever holds this token, end every sign-in and every lock.

    Works while the account is locked: its owner must not be kept out by whoever guesses.

    Raises:
        NotFound: ``LINK_NOT_FOUND``.
        Invalid: The new password is refused; the link works still.
        Unavailable: Too many passwords are being hashed.
    """
    token = links.require_link(text, MailKind.PASSWORD_RESET)
    user = get_user(token.user_id)
    if user is None:
        raise links.no_link()
    _require_good(new_password, user)
    _reset(token, passwords.hash_password(new_password), client)


def _require_good(password: str, user: Row) -> None:
    known = filter(None, (user["email"], user["full_name"]))
    flaw = passwords.find_flaw(password, *known, field=_FIELD)
    if flaw is not None:
        raise Invalid.fields([flaw])


@unit_of_work
def _replace(known: Row, password_hash: str, client: Client) -> SignedIn | None:
    """Store a new hash in the place of a known one; None if that is not there any more."""
    user = lock_user(known["id"])
    if user is None or not sessions.is_usable(user):
        raise sessions.invalid_token()
    if user["password_hash"] != known["password_hash"]:
        return None
    update_user(known["id"], password_hash=password_hash)
    sessions.end_all_sessions(known["id"])
    links.end_links(known["id"], MailKind.PASSWORD_RESET)
    return open_sign_in(known["id"], client)


@unit_of_work
def _send_link(user_id: UUID, key: bytes) -> bool:
    user = lock_user(user_id)
    if user is None or not sessions.is_usable(user):
        return False
    if user["password_hash"] == MANAGED_EXTERNALLY:
        return False
    links.send_link(user_id, MailKind.PASSWORD_RESET, key=key)
    return True


@unit_of_work
def _reset(token: Token, password_hash: str, client: Client) -> None:
    user = lock_user(token.user_id)
    if user is None or not sessions.is_usable(user):
        raise links.no_link()
    links.use_link(token, MailKind.PASSWORD_RESET)
    update_user(token.user_id, password_hash=password_hash)
    note_verified(token.user_id, at=clock.now())
    links.end_links(token.user_id)  # What verifies the e-mail has nothing left to do.
    sessions.end_all_sessions(token.user_id)
    lockout.end_lock(token.user_id, user["email"], client.address)
