"""Links that are sent by mail: each works once, for one purpose, for a while.

Sending another one of its purpose ends the one before. The database holds a digest and which link
it is; the secret is made of that and the server's key, again when the mail is written.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import uuid_utils.compat

from app import clock
from app.errors import NotFound
from app.models import (
    Row,
    delete_email_token,
    delete_mails,
    get_email_token,
    queue_mail,
    replace_email_token,
    use_email_token,
)
from app.usecases.tokens import Token, derive_link, read_token
from app.usecases.work import unit_of_work
from app.vocabulary import MailKind

LIFETIMES: Final = {
    MailKind.EMAIL_VERIFICATION: timedelta(hours=24),
    MailKind.PASSWORD_RESET: timedelta(minutes=30),
}


@unit_of_work
def send_link(user_id: UUID, purpose: MailKind, *, key: bytes) -> None:
    """Queue a mail with a new link. The caller has locked the account."""
    now = clock.now()
    link_id = uuid_utils.compat.uuid7()
    times = {"created_at": now, "expires_at": now + LIFETIMES[purpose]}
    replace_email_token(
        user_id,
        purpose=purpose,
        token_id=link_id,
        token_hash=derive_link(user_id, purpose, link_id, key).digest,
        **times,
    )
    delete_mails(user_id, purpose)
    queue_mail(user_id, mail_id=link_id, kind=purpose, **times)


def require_link(text: str, purpose: MailKind) -> Token:
    """Return the token of a link that has not been used. Whether in time, ``use_link`` finds out.

    Raises:
        NotFound: ``LINK_NOT_FOUND``: it is unknown or used, or a later one was sent.
    """
    token = read_token(text)
    stored = token and get_email_token(token.user_id, purpose)
    if not token or not stored or stored["token_hash"] != token.digest:
        raise no_link()
    return token


def use_link(token: Token, purpose: MailKind) -> None:
    """Use a link, which works once. The caller has locked the account.

    Raises:
        NotFound: ``LINK_NOT_FOUND``: somebody else has just used it, or it has expired.
    """
    if not use_email_token(token.user_id, purpose, token_hash=token.digest, at=clock.now()):
        raise no_link()
    delete_mails(token.user_id, purpose)


@unit_of_work
def end_links(user_id: UUID, *purposes: MailKind) -> None:
    """End links of an account, sent or not; all if none are named. The account is locked."""
    for purpose in purposes or MailKind:
        delete_email_token(user_id, purpose)
        delete_mails(user_id, purpose)


def find_secret(stored: Row, keys: Sequence[bytes]) -> str | None:
    """Return what a link carries, or None if none of the keys has made it.

    Args:
        stored: The row of the link.
        keys: The server's keys, former ones too: the key may change before the mail is sent.
    """
    for key in keys:
        token = derive_link(stored["user_id"], stored["purpose"], stored["id"], key)
        if token.digest == stored["token_hash"]:
            return token.text
    return None


def no_link() -> NotFound:
    """Return the refusal of a link that does not work (any more)."""
    return NotFound("LINK_NOT_FOUND", "This link does not work (any more). Ask for a new one.")
