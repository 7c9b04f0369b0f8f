"""Passwords: which may be chosen, how they are kept and how they are compared.

Knows no account. Hashing and comparing stay outside transactions. Parameters and lengths follow
OWASP's Password Storage Cheat Sheet and NIST SP 800-63B-4, section 3.1.1: a list of refused words,
and no rules of composition.
"""

import os
import string
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import FieldError, Unavailable
from app.metrics import record_refused_hash
from app.models import release

MIN_CHARACTERS: Final = 8
MAX_CHARACTERS: Final = 256
_MAX_WAIT_SECONDS: Final = 5.0

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$UQRQ75aG+T7kjQSS8b3m9A"
    "$dsmdrfR+HBD7f8fKlWi1+LDGZCnhPceiUlDpkeQbKJM"
)
"""A hash with today's parameters that no account has: comparing with it takes the usual time."""

# Each hash takes 19 MiB and a core. More at once would only make every one of them slower.
_SLOTS: Final = threading.BoundedSemaphore(2 * (os.cpu_count() or 1))


def find_flaw(password: str, *known: str, field: str = "password") -> FieldError | None:
    """Return what keeps a text from being a good password, or None.

    Args:
        password: What was chosen.
        known: What everybody knows of the account: its e-mail, its name.
        field: What the request calls the password.
    """
    length = len(_normalized(password))
    if length < MIN_CHARACTERS:
        message = f"A password has at least {MIN_CHARACTERS} characters."
        return FieldError(field, "PASSWORD_TOO_SHORT", message)
    if length > MAX_CHARACTERS:
        message = f"A password has at most {MAX_CHARACTERS} characters."
        return FieldError(field, "PASSWORD_TOO_LONG", message)
    if _is_common(password):
        message = "This is one of the passwords that are tried first. Choose another."
        return FieldError(field, "PASSWORD_TOO_COMMON", message)
    if _is_derived(password, known):
        message = "This password can be guessed from the account. Choose another."
        return FieldError(field, "PASSWORD_TOO_OBVIOUS", message)
    return None


def hash_password(password: str) -> str:
    """Return what is stored of a password (Argon2id).

    Raises:
        Unavailable: Too many passwords are being hashed.
    """
    with _slot():
        return _HASHER.hash(_normalized(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Tell whether a password is the one behind a hash.

    Takes as long where there is no hash, or none of ours (``managed_externally``), as where
    there is one, so that the time tells nobody which accounts exist.

    Raises:
        Unavailable: Too many passwords are being hashed.
    """
    ours = password_hash if password_hash and password_hash.startswith("$argon2") else None
    with _slot():
        try:
            _HASHER.verify(ours or _NOBODYS_HASH, _normalized(password))
        except (VerificationError, InvalidHashError):
            return False
    return ours is not None


def is_same(one: str, other: str) -> bool:
    """Tell whether two texts are one password."""
    return _normalized(one) == _normalized(other)


def is_outdated(password_hash: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _common_passwords() -> frozenset[str]:
    """Return 11,000 passwords that leaked most often, and ours: rows of digits."""
    # Read for the first password only: the lists take a fifth of a second.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    path = Path(__file__).with_name("common_passwords.txt")
    ours = path.read_text(encoding="utf-8").splitlines()
    leaked = (word.casefold() for word in FREQUENCY_LISTS["passwords"])
    return frozenset(ours) | {word for word in leaked if len(word) >= MIN_CHARACTERS}


def _is_common(password: str) -> bool:
    return _normalized(password).casefold() in _common_passwords()


def _is_derived(password: str, known: tuple[str, ...]) -> bool:
    """Tell whether it is what is known, in any case, with or without digits around it."""
    words = set()
    for text in known:
        local_part = text.partition("@")[0]
        words |= {_bare(text), _bare(local_part)}
    return _bare(password) in words - {""}


def _bare(text: str) -> str:
    folded = "".join(_normalized(text).casefold().split())
    return folded.strip(string.digits + string.punctuation)


def _normalized(password: str) -> str:
    """Return the form that is hashed: keyboards differ in how they compose one character."""
    return unicodedata.normalize("NFC", password)


@contextmanager
def _slot() -> Iterator[None]:
    release()  # Others may have this thread's connection while it waits and computes.
    if not _SLOTS.acquire(timeout=_MAX_WAIT_SECONDS):
        record_refused_hash()
        raise Unavailable("BUSY", "Too many people are signing in. Try again in a moment.")
    try:
        yield
    finally:
        _SLOTS.release()
