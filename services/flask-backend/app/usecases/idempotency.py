"""Requests that may come again: the first answer is stored with its effect, and given once more.

The key is claimed in the transaction of the effect, so both are there or neither. A twin that comes
meanwhile waits for that transaction as long as for any lock. SQLite has one lock for all writers:
there a wait that is too long cannot be told from any other one, and ends as such.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app import clock
from app.errors import AppError, FieldError, Invalid, RetryLater, StillRunning, Unauthorized
from app.metrics import record_replay
from app.models import (
    UniqueViolation,
    create_idempotency_key,
    delete_expired_idempotency_keys,
    delete_idempotency_key,
    get_idempotency_key,
    transaction,
    update_idempotency_key,
)
from app.usecases.work import decided_unit_of_work, unit_of_work
from bilayer.runtime.errors import LockTimeout, SerializationFailure

LIFETIME: Final = timedelta(hours=24)
MAX_KEY_CHARACTERS: Final = 255
_VISIBLE_ASCII: Final = re.compile(rf"[!-~]{{1,{MAX_KEY_CHARACTERS}}}")
_FORGETTING: Final = "0"
_FORGOTTEN_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Request:
    """What may come again.

    Attributes:
        user_id: Who asks.
        key: What their client calls the request.
        fingerprint: SHA-256, in hex, of all that is asked for.
    """

    user_id: UUID
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told to whoever asked.

    Attributes:
        status: The HTTP status.
        body: The text, as it was sent.
        is_replayed: It was given before.
    """

    status: int
    body: str
    is_replayed: bool = False


def find_key_flaw(key: str) -> FieldError | None:
    """Return what keeps a text from being a key, or None."""
    if _VISIBLE_ASCII.fullmatch(key):
        return None
    message = f"A key has 1 to {MAX_KEY_CHARACTERS} visible ASCII characters."
    return FieldError("Idempotency-Key", "WRONG_FORMAT", message)


def answer_once(
    request: Request, perform: Callable[[], Answer], refuse: Callable[[AppError], Answer]
) -> Answer:
    """Perform a request, unless it was performed in the last 24 hours: then tell its answer again.

    Args:
        request: Which one.
        perform: Does what is asked for, in a transaction, and may be called again.
        refuse: Puts a refusal into words. It is remembered as well, unless the same request may
            succeed in a moment or from somebody else.

    Raises:
        Invalid: ``IDEMPOTENCY_KEY_REUSED``: the key belongs to another request.
        StillRunning: ``IDEMPOTENCY_KEY_IN_USE``: the same request is being performed.
        AppError: A refusal that is not remembered.
    """
    answer = _answer(request, perform, refuse)
    if answer.is_replayed:
        record_replay()
    return answer


@decided_unit_of_work
def _answer(
    request: Request, perform: Callable[[], Answer], refuse: Callable[[AppError], Answer]
) -> Answer:
    given = _claim(request)
    if given is not None:
        return given
    try:
        answer = _perform(perform)
    except (RetryLater, Unauthorized):
        raise
    except AppError as refusal:
        answer = refuse(refusal)
    update_idempotency_key(request.user_id, request.key, status=answer.status, body=answer.body)
    return answer


@unit_of_work
def _perform(perform: Callable[[], Answer]) -> Answer:
    """Let it happen; what a refused request has written is undone, and its key stays.

    Raises:
        AppError: The refusal, also that of a row which was sent at the end only.
    """
    with transaction():
        return perform()


def _claim(request: Request) -> Answer | None:
    """Return the answer that was given, or claim the key for the one to come."""
    now = clock.now()
    row = get_idempotency_key(request.user_id, request.key)
    if row is not None and row["expires_at"] > now:
        if row["fingerprint"] != request.fingerprint:
            code, message = "IDEMPOTENCY_KEY_REUSED", "This key belongs to another request."
            raise Invalid(code, message)
        return Answer(row["status"], row["body"], is_replayed=True)
    try:
        if row is not None:
            delete_idempotency_key(request.user_id, request.key, expired_at=now)
        _store_claim(request, now)
    except UniqueViolation:
        raise SerializationFailure("the same request was performed in the meantime") from None
    except LockTimeout:
        code, message = "IDEMPOTENCY_KEY_IN_USE", "The request with this key is still running."
        raise StillRunning(code, message) from None
    if request.fingerprint.startswith(_FORGETTING):  # One request in sixteen.
        delete_expired_idempotency_keys(expired_at=now, limit=_FORGOTTEN_AT_ONCE)
    return None


def _store_claim(request: Request, now: datetime) -> None:
    create_idempotency_key(
        request.user_id,
        request.key,
        fingerprint=request.fingerprint,
        created_at=now,
        expires_at=now + LIFETIME,
    )
