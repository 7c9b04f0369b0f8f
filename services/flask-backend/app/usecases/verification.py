"""Whether an account's e-mail is its owner's: asked by a link that is sent there."""

from datetime import datetime
from uuid import UUID

from app import clock
from app.errors import Conflict, Forbidden
from app.models import lock_user, update_user
from app.usecases import delivery, links, rates
from app.usecases.accounts import require_user
from app.usecases.sessions import Client, is_usable
from app.usecases.tokens import Token
from app.usecases.work import unit_of_work
from app.vocabulary import MailKind, UserType


def send_verification(user_id: UUID, client: Client, *, key: bytes) -> None:
    """Send the link again.

    Args:
        user_id: Whose e-mail it is.
        client: Where the request comes from.
        key: Signs the link.

    Raises:
        Forbidden: ``GUEST_ACCOUNT``: a guest has no e-mail.
        Conflict: ``EMAIL_VERIFIED``: there is nothing left to do.
        TooManyRequests: Too many mails were asked for.
    """
    user = require_user(user_id)
    if user["user_type"] == UserType.GUEST:
        raise Forbidden("GUEST_ACCOUNT", "A guest has no e-mail. Register first.")
    if user["email_verified_at"] is not None:
        raise Conflict("EMAIL_VERIFIED", "This e-mail is verified already.")
    rates.claim_mail(user["email"], client.address)
    _send_link(user_id, key)
    delivery.announce_mail()


def verify_email(text: str) -> None:
    """Note that whoever holds this token reads the account's mail.

    Raises:
        NotFound: ``LINK_NOT_FOUND``.
    """
    _verify(links.require_link(text, MailKind.EMAIL_VERIFICATION))


def note_verified(user_id: UUID, *, at: datetime) -> None:
    """Note that an e-mail was verified; when it was first is kept. The account is locked."""
    if require_user(user_id)["email_verified_at"] is None:
        update_user(user_id, email_verified_at=at)


@unit_of_work
def _send_link(user_id: UUID, key: bytes) -> None:
    if is_usable(lock_user(user_id)):
        links.send_link(user_id, MailKind.EMAIL_VERIFICATION, key=key)


@unit_of_work
def _verify(token: Token) -> None:
    user = lock_user(token.user_id)
    if not is_usable(user):
        raise links.no_link()
    links.use_link(token, MailKind.EMAIL_VERIFICATION)
    note_verified(token.user_id, at=clock.now())
