"""What can go wrong, in the words of the product: one class per kind of refusal.

Holds no HTTP status (``app.api.errors`` has the one table) and no product rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid field of a request.

    Attributes:
        field: Its path, with dots: ``email``, ``payload.items.0``.
        code: Stable and for programs: ``REQUIRED``, ``TOO_LONG``, ...
        message: A sentence for people; never repeats the value.
    """

    field: str
    code: str
    message: str


class AppError(Exception):
    """A refusal that the caller is told about.

    Args:
        code: Stable and for programs, in capitals: ``EMAIL_TAKEN``.
        message: A sentence for people: what happened, and what to do next.
        errors: The invalid fields, all of them at once.
        facts: What a program needs to go on, by name; told beside the rest.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        errors: Iterable[FieldError] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = tuple(errors)
        self.facts = dict(facts or {})


class BadRequest(AppError):
    """The request cannot be read as what it claims to be."""


class LengthRequired(BadRequest):
    """The request has a body and does not say how long it is."""


class TooLarge(BadRequest):
    """The body is longer than the service reads."""


class WrongContentType(BadRequest):
    """The body is not declared as JSON."""


class Unauthorized(AppError):
    """Nobody, or nobody known, is asking."""


class Forbidden(AppError):
    """The one who asks is known, and may not."""


class NotFound(AppError):
    """There is no such thing, or none that the caller may see."""


class Gone(AppError):
    """What the caller goes on from is no longer there; it has to begin anew."""


class PaymentRequired(AppError):
    """There are not enough credits."""


class Conflict(AppError):
    """The request contradicts what is stored."""


class Invalid(AppError):
    """The request reads well, and its values are refused."""

    @classmethod
    def fields(cls, errors: Iterable[FieldError]) -> Self:
        """Refuse a request for these fields."""
        return cls("INVALID_REQUEST", "Some fields are not valid.", errors=errors)


class RetryLater(AppError):
    """The same request may succeed after a while.

    Args:
        code: As for every refusal.
        message: As for every refusal.
        retry_after: When to ask again, in whole seconds.
    """

    def __init__(self, code: str, message: str, *, retry_after: int = 1) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class TooManyRequests(RetryLater):
    """The caller asks too often."""


class StillRunning(Conflict, RetryLater):
    """The same request is being performed."""


class Unavailable(RetryLater):
    """The service cannot answer now, through no fault of the caller."""
