"""How often one may ask for what costs nobody a password: accounts, tokens and mails."""

from datetime import timedelta
from typing import Final

from app.models import email_key
from app.usecases.counters import Limit, claim_all, forget_stale, name_counter, place_of

SIGN_UP_LIMIT: Final = Limit(50, timedelta(minutes=1), timedelta(seconds=20))
"""New accounts from one address, made or not: each costs a hash and tells of one e-mail."""
GUEST_LIMIT: Final = Limit(50, timedelta(minutes=1), timedelta(seconds=20))
"""New guests from one address, apart from the others, so that neither keeps them waiting."""
REFRESH_LIMIT: Final = Limit(600, timedelta(minutes=1), timedelta(milliseconds=100))
"""Renewals from one address: ten a second serve nine thousand people behind one of them."""
MAIL_LIMIT: Final = Limit(3, timedelta(hours=1), timedelta(minutes=20))
"""Mails to one e-mail, be it an account's or not."""
MAIL_ADDRESS_LIMIT: Final = Limit(20, timedelta(minutes=15), timedelta(minutes=1))
"""Mails asked for from one address."""


def claim_sign_up(address: str | None) -> None:
    """Count an attempt to make an account, successful or not.

    Raises:
        TooManyRequests: The address is locked; this attempt was not counted.
    """
    _claim("sign-up", address, SIGN_UP_LIMIT)


def claim_guest(address: str | None) -> None:
    """Count an attempt to make a guest.

    Raises:
        TooManyRequests: As for ``claim_sign_up``.
    """
    _claim("guest", address, GUEST_LIMIT)


def claim_refresh(address: str | None) -> None:
    """Count an attempt to renew tokens, whatever becomes of it.

    Raises:
        TooManyRequests: As for ``claim_sign_up``.
    """
    _claim("refresh", address, REFRESH_LIMIT)


def claim_mail(email: str, address: str | None) -> None:
    """Count a mail that somebody asks for.

    Args:
        email: Whom it would go to, whether or not anybody has it.
        address: Where the request comes from.

    Raises:
        TooManyRequests: There is a lock on one of them; this attempt was not counted.
    """
    counter = name_counter("mail-to", email_key(email))
    limits = [(counter, MAIL_LIMIT)]
    if address is not None:
        limits.append((name_counter("mail-from", place_of(address)), MAIL_ADDRESS_LIMIT))
    claim_all(limits)
    forget_stale(counter)


def _claim(kind: str, address: str | None, limit: Limit) -> None:
    if address is None:
        return
    counter = name_counter(kind, place_of(address))
    claim_all([(counter, limit)])
    forget_stale(counter)
