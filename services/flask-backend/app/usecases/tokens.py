"""Tokens: ``<user_id>.<secret>``, opaque to clients. Knows no database and no account.

The secret of a refresh token begins with its sign-in's id, a random UUID that stands nowhere
else: a token that was replaced long ago still tells which sign-in it belonged to.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

_SECRET_BYTES: Final = 32
_FAMILY_BYTES: Final = 16
_TEXT: Final = re.compile(
    r"(?P<user_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"\.(?:[A-Za-z0-9_-]{43}|(?P<refresh>[A-Za-z0-9_-]{64}))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token that has the right form.

    Attributes:
        user_id: Whose token it claims to be; its row is found within this account.
        text: What the client holds.
        family_id: Which sign-in a refresh token claims to continue; None for an access token.
    """

    user_id: UUID
    text: str
    family_id: UUID | None = None

    @property
    def digest(self) -> str:
        """What is stored of it: SHA-256, in hex. 256 random bits need no salt and no slow hash."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __repr__(self) -> str:
        """Keep the secret out of logs."""
        return f"Token(user_id={self.user_id!r})"


def make_token(user_id: UUID, family_id: UUID | None = None) -> Token:
    """Make a token with a new random secret: a refresh token if a sign-in is named."""
    return _token(user_id, family_id, secrets.token_bytes(_SECRET_BYTES))


def derive_tokens(parent: Token, key: bytes) -> tuple[Token, Token]:
    """Make the one access and the one refresh token that follow; without the key nobody can.

    Args:
        parent: A refresh token that is being used.
        key: The server's signing key.
    """
    return (
        _token(parent.user_id, None, _derived(parent, "access", key)),
        _token(parent.user_id, parent.family_id, _derived(parent, "refresh", key)),
    )


def derive_link(user_id: UUID, purpose: str, link_id: UUID, key: bytes) -> Token:
    """Make the token of a link that is sent by mail: always the same one, for whoever has the key.

    Args:
        user_id: Whose account it opens.
        purpose: The one thing it is good for.
        link_id: Which link it is.
        key: The server's signing key.
    """
    message = f"{purpose} link\n{user_id}\n{link_id}".encode()
    return _token(user_id, None, hmac.digest(key, message, hashlib.sha256))


def read_token(text: str) -> Token | None:
    """Return the token that a client sent, or None if it cannot be one."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    secret = match["refresh"]
    family_id = UUID(bytes=base64.urlsafe_b64decode(secret)[:_FAMILY_BYTES]) if secret else None
    return Token(UUID(match["user_id"]), text, family_id)


def _derived(parent: Token, purpose: str, key: bytes) -> bytes:
    message = f"{purpose} token after\n{parent.text}".encode()
    return hmac.digest(key, message, hashlib.sha256)


def _token(user_id: UUID, family_id: UUID | None, secret: bytes) -> Token:
    whole = (family_id.bytes if family_id else b"") + secret
    encoded = base64.urlsafe_b64encode(whole).rstrip(b"=").decode()
    return Token(user_id, f"{user_id}.{encoded}", family_id)
