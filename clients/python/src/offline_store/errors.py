"""Why a sync could not be finished, one class for each thing a caller does about it.

Whatever is raised, nothing is lost: what was not confirmed is sent again by the next sync.
"""

from __future__ import annotations


class SyncError(Exception):
    """The sync ended early; the next one goes on where this one stopped."""


class Unreachable(SyncError):
    """No answer came: the device is offline, or the answer was lost. Sync again later."""


class UnknownAnswer(SyncError):
    """What came is no answer of this protocol: another service, or a proxy's page."""


class WrongAccount(SyncError):
    """Another account is signed in than the one whose rows the file has. Open another file."""


class Refusal(SyncError):
    """The service refused the request.

    Attributes:
        status: The HTTP status.
        code: Stable and for programs: ``CLIENT_REVOKED``. Empty if the service gave none.
        retry_after: After how many seconds to try again, if it said so.
    """

    def __init__(
        self, message: str, *, status: int, code: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class SignInRequired(Refusal):
    """401: the token has ended. Sign in, then sync again."""


class Forbidden(Refusal):
    """403: this client was revoked, or the account must do something first; ``code`` says which."""


class TooManyRequests(Refusal):
    """429: wait for ``retry_after`` seconds."""


class Unavailable(Refusal):
    """5xx: the service cannot answer at present; wait for ``retry_after`` seconds, if it is set."""


class FullResyncRequired(Refusal):
    """The cursor is of no use any more. ``Store.sync`` does what it asks for.

    Attributes:
        reason: ``epoch`` and ``ahead``: the service was restored, and versions begin anew;
            ``horizon``: this client was away for too long; ``cursor``: the service cannot read it,
            because it is another account's, or the key has gone that it was signed with.
    """

    def __init__(self, message: str, *, status: int, code: str, reason: str) -> None:
        super().__init__(message, status=status, code=code)
        self.reason = reason


class MutationsRefused(Refusal):
    """A push was refused for what it holds. ``Store.sync`` finds the mutation by halving it.

    One comes out of it only if a proxy takes not even a single mutation; that stays queued.
    """


class StoreError(Exception):
    """The local store cannot do what it was asked for."""


class RowNotFound(StoreError):
    """There is no such row in this store, or it was deleted."""
