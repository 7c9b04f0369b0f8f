"""How accounts begin: by signing up, as a guest, and by a guest who signs up.

A guest is an account without e-mail and password. Signing up keeps its id and all that is under it.
"""

from typing import Any
from uuid import UUID

from app.errors import Conflict
from app.models import lock_user, update_user
from app.usecases import delivery, links, passwords, rates, sessions
from app.usecases.accounts import store_account
from app.usecases.sessions import Client, Principal
from app.usecases.signing_in import SignedIn, open_sign_in
from app.usecases.work import unit_of_work
from app.vocabulary import MailKind, UserType


def make_guest(client: Client) -> SignedIn:
    """Make a guest and sign it in.

    Raises:
        TooManyRequests: There were too many from this address.
    """
    rates.claim_guest(client.address)
    return _store_guest(client)


def register(
    *,
    email: str,
    password: str,
    full_name: str | None = None,
    guest: Principal | None = None,
    client: Client,
    key: bytes,
) -> SignedIn:
    """Make an account and sign it in, or do neither; a mail asks whether the e-mail is theirs.

    Args:
        email: An address in which ``emails.find_flaw`` found nothing.
        password: One in which ``passwords.find_flaw`` found nothing.
        full_name: What the person is called.
        guest: Who they were until now. Their sign-ins end, and this one takes their place.
        client: Where the request comes from.
        key: Signs the link in the mail.

    Raises:
        Conflict: ``EMAIL_TAKEN``; or ``ALREADY_REGISTERED``: this is no guest (any more).
        TooManyRequests: There were too many attempts from this address.
        Unavailable: Too many passwords are being hashed.
    """
    if guest is not None and guest.user_type != UserType.GUEST:
        raise _already_registered()
    rates.claim_sign_up(client.address)
    columns = {"email": email, "password_hash": passwords.hash_password(password)}
    if full_name is not None:
        columns["full_name"] = full_name
    signed_in = _sign_up(columns, guest, client, key)
    delivery.announce_mail()
    return signed_in


@unit_of_work
def _store_guest(client: Client) -> SignedIn:
    return open_sign_in(store_account(user_type=UserType.GUEST), client)


@unit_of_work
def _sign_up(
    columns: dict[str, Any], guest: Principal | None, client: Client, key: bytes
) -> SignedIn:
    user_id = store_account(**columns) if guest is None else _promote(guest.user_id, columns)
    links.send_link(user_id, MailKind.EMAIL_VERIFICATION, key=key)
    return open_sign_in(user_id, client)


def _promote(user_id: UUID, columns: dict[str, Any]) -> UUID:
    """Make a guest an account like others, and end the sign-ins it had as a guest."""
    user = lock_user(user_id)
    if user is None or not sessions.is_usable(user):
        raise sessions.invalid_token()
    if user["user_type"] != UserType.GUEST:
        raise _already_registered()
    update_user(user_id, user_type=UserType.INDIVIDUAL, **columns)
    sessions.end_all_sessions(user_id)
    return user_id


def _already_registered() -> Conflict:
    return Conflict("ALREADY_REGISTERED", "Sign out first: this token is no guest's.")
