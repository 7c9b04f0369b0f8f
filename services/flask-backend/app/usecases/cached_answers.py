"""What a cached answer is: its key, its times, its limits. Reads and writes nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from app.errors import FieldError, Forbidden
from app.usecases.history import MAX_PAYLOAD_DEPTH, depth_of
from app.usecases.sessions import Principal
from app.vocabulary import NOBODY, CacheScope, Role, UserType
from bilayer.documents import dump

MAX_RESULT_BYTES: Final = 262_144
MAX_RESULT_DEPTH: Final = MAX_PAYLOAD_DEPTH
LONGEST_TTL: Final = 2_592_000
DEFAULT_TTL: Final = 3600
"""Seconds: thirty days, and an hour."""


@dataclass(frozen=True, slots=True)
class Key:
    """What finds an answer. The owner and the scope are part of it, so nobody finds another's.

    Attributes:
        owner: Whose answer it is, ``NOBODY`` for everybody's.
        scope: Who may read it.
        query_hash: What was asked: ``hash_query``.
    """

    owner: UUID
    scope: CacheScope
    query_hash: str

    @classmethod
    def public(cls, query_hash: str) -> Self:
        """Return the key of an answer for everybody."""
        return cls(NOBODY, CacheScope.PUBLIC, query_hash)

    @classmethod
    def private(cls, principal: Principal, query_hash: str) -> Self:
        """Return the key of an answer for one account, or for one guest."""
        return cls(principal.user_id, private_scope(principal), query_hash)

    @property
    def is_public(self) -> bool:
        """Whether the answer is for everybody."""
        return self.scope is CacheScope.PUBLIC

    @property
    def lease(self) -> str:
        """The name of the lease of whoever computes the answer."""
        return f"query:{self.scope}:{self.owner}:{self.query_hash}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was computed before.

    Attributes:
        result: Any JSON.
        size_bytes: The length of its text.
        cached_at: When it was stored.
        stale_at: When it should be computed anew, though it is still told.
        expires_at: When it is not told any more.
        is_copy: The database could not be asked: this is what this process remembers.
    """

    result: Any
    size_bytes: int
    cached_at: datetime
    stale_at: datetime
    expires_at: datetime
    is_copy: bool = False

    def is_stale(self, at: datetime) -> bool:
        """Tell whether it should be computed anew."""
        return self.stale_at <= at


def private_scope(principal: Principal) -> CacheScope:
    """Return the scope of what is only for whoever asks."""
    return CacheScope.GUEST if principal.user_type == UserType.GUEST else CacheScope.USER


def choose_key(principal: Principal, scope: CacheScope | None, query_hash: str) -> Key:
    """Return the key in a scope that somebody names; in their own if they name none.

    Raises:
        Forbidden: It is the scope of the other kind of account.
    """
    if scope is CacheScope.PUBLIC:
        return Key.public(query_hash)
    key = Key.private(principal, query_hash)
    if scope not in (None, key.scope):
        raise Forbidden("FORBIDDEN", f"Your own answers are in the scope {key.scope}.")
    return key


def require_writer(principal: Principal, key: Key) -> None:
    """Let only those change what everybody reads who look after it.

    Raises:
        Forbidden: The answer is public, and the role too low.
    """
    if key.is_public and not Role(principal.role).includes(Role.MAINTAINER):
        raise Forbidden("FORBIDDEN", f"This needs the role {Role.MAINTAINER}.")


def make_answer(result: Any, *, at: datetime, ttl: float, fresh_for: float | None = None) -> Answer:
    """Return an answer that was computed just now.

    Args:
        result: Any JSON.
        at: Now.
        ttl: For how many seconds it may be told.
        fresh_for: For how many of them it is as good as new; for all of them if None.

    Raises:
        ValueError: It is no JSON, or too large, or the times make no sense.
    """
    size = len(dump(result).encode())
    flaw = _find_flaw(result, size)
    if flaw is not None:
        raise ValueError(flaw.message)
    fresh = ttl if fresh_for is None else fresh_for
    if not 0 < ttl <= LONGEST_TTL or not 0 <= fresh <= ttl:
        raise ValueError(f"needed: 0 < ttl <= {LONGEST_TTL} and 0 <= fresh_for <= ttl")
    return Answer(
        result,
        size,
        cached_at=at,
        stale_at=at + timedelta(seconds=fresh),
        expires_at=at + timedelta(seconds=ttl),
    )


def find_result_flaw(result: Any) -> FieldError | None:
    """Return what keeps a document from being stored as an answer, or None."""
    # As it will be stored: a large number is longer there than it may be sent.
    return _find_flaw(result, len(dump(result).encode()))


def hash_query(fields: Mapping[str, Any]) -> str:
    """Return the hash of a query: SHA-256, in hex, of its canonical JSON.

    Name everything that shapes the answer: the model and its version, the prompt, parameters, the
    language, the version of the answer's form. What is missing makes two queries one. The owner
    and the scope are parts of the key already.

    Raises:
        ValueError: A value is no JSON.
    """
    dump(dict(fields))  # Refuses what JSON would turn into something else.
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _find_flaw(result: Any, size: int) -> FieldError | None:
    if size > MAX_RESULT_BYTES:
        message = f"A result has at most {MAX_RESULT_BYTES} bytes of JSON; this has {size}."
        return FieldError("result", "TOO_LARGE", message)
    if depth_of(result) > MAX_RESULT_DEPTH:
        message = f"A result is nested at most {MAX_RESULT_DEPTH} levels deep."
        return FieldError("result", "TOO_DEEP", message)
    return None
