"""Tokens: ``<user_id>.<secret>``, opaque to clients. Knows no database and no account."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(
    r"(?P<user_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[A-Za-z0-9_-]{43}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token that has the right form.

    Attributes:
        user_id: Whose token it claims to be; its row is found within this account.
        text: What the client holds.
    """

    user_id: UUID
    text: str

    @property
    def digest(self) -> str:
        """What is stored of it: SHA-256, in hex. 256 random bits need no salt and no slow hash."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __repr__(self) -> str:
        """Keep the secret out of logs."""
        return f"Token(user_id={self.user_id!r})"


def make_token(user_id: UUID) -> Token:
    """Make a token with a new random secret."""
    return _token(user_id, secrets.token_bytes(_SECRET_BYTES))


def derive_token(parent: Token, purpose: str, key: bytes) -> Token:
    """Make the one token that follows from another; without the key nobody else can.

    Args:
        parent: A refresh token that is being used.
        purpose: ``access`` or ``refresh``: the two successors must differ.
        key: The server's signing key.
    """
    message = f"{purpose} token after\n{parent.text}".encode()
    return _token(parent.user_id, hmac.digest(key, message, hashlib.sha256))


def read_token(text: str) -> Token | None:
    """Return the token that a client sent, or None if it cannot be one."""
    match = _TEXT.fullmatch(text)
    return Token(UUID(match["user_id"]), text) if match else None


def _token(user_id: UUID, secret: bytes) -> Token:
    encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return Token(user_id, f"{user_id}.{encoded}")
