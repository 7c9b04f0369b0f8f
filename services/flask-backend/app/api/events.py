"""Security events: what happened to accounts and who was refused, in the log (ASVS 5.0, 16.3).

The one place that names them; `docs/logging.md` says when each is written. An event has the
account's id, the request's id and the route, never an e-mail, an address or a token. It is written
when the answer is certain, after the transaction.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger(__name__)


class SecurityEvent(StrEnum):
    """What operators search their logs for, and count."""

    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_ERASED = "account_erased"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ROLE_CHANGED = "role_changed"
    EMAIL_RELEASED = "email_released"
    CREDITS_CHANGED = "credits_changed"
    SPEND_REFUNDED = "spend_refunded"
    GUEST_CLAIMED = "guest_claimed"
    EMAIL_VERIFIED = "email_verified"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    SESSIONS_ENDED = "sessions_ended"
    TOKEN_REFRESHED = "token_refreshed"  # noqa: S105 - a name of an event
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - likewise
    PASSWORD_RESET_REQUESTED = "password_reset_requested"  # noqa: S105 - likewise
    PASSWORD_RESET = "password_reset"  # noqa: S105 - likewise
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_IN_LOCKED = "sign_in_locked"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - likewise
    TOKEN_REUSED = "token_reused"  # noqa: S105 - likewise
    DATA_EXPORTED = "data_exported"
    ACCESS_DENIED = "access_denied"
    WEBHOOK_REFUSED = "webhook_refused"
    LIMIT_EXCEEDED = "limit_exceeded"


_OF_SUCCESS: Final = {
    "auth.register": SecurityEvent.ACCOUNT_CREATED,
    "auth.make_guest": SecurityEvent.ACCOUNT_CREATED,
    "auth.login": SecurityEvent.SIGNED_IN,
    "auth.refresh": SecurityEvent.TOKEN_REFRESHED,
    "auth.logout": SecurityEvent.SIGNED_OUT,
    "credentials.change_password": SecurityEvent.PASSWORD_CHANGED,
    "credentials.forget_password": SecurityEvent.PASSWORD_RESET_REQUESTED,
    "credentials.reset_password": SecurityEvent.PASSWORD_RESET,
    "credentials.verify_email": SecurityEvent.EMAIL_VERIFIED,
    "sign_ins.end_sign_in": SecurityEvent.SESSION_ENDED,
    "sign_ins.end_other_sign_ins": SecurityEvent.SESSIONS_ENDED,
    "users.delete_me": SecurityEvent.ACCOUNT_DELETED,
    "privacy.erase_me": SecurityEvent.ACCOUNT_ERASED,
    "privacy.erase_user": SecurityEvent.ACCOUNT_ERASED,
    "privacy.export_me": SecurityEvent.DATA_EXPORTED,
    "credits.grant_credits": SecurityEvent.CREDITS_CHANGED,
    "credits.refund_spend": SecurityEvent.SPEND_REFUNDED,
    "claims.claim_guest": SecurityEvent.GUEST_CLAIMED,
}
_OF_REFUSAL: Final = {
    "INVALID_CREDENTIALS": SecurityEvent.SIGN_IN_FAILED,
    "WRONG_PASSWORD": SecurityEvent.SIGN_IN_FAILED,
    "LINK_NOT_FOUND": SecurityEvent.TOKEN_REFUSED,
    "GUEST_TOKEN_INVALID": SecurityEvent.TOKEN_REFUSED,
    "ACCOUNT_DISABLED": SecurityEvent.SIGN_IN_REFUSED,
    "TOKEN_REQUIRED": SecurityEvent.TOKEN_REFUSED,
    "TOKEN_INVALID": SecurityEvent.TOKEN_REFUSED,
    "TOKEN_EXPIRED": SecurityEvent.TOKEN_REFUSED,
    "TOKEN_REUSED": SecurityEvent.TOKEN_REUSED,
    "FORBIDDEN": SecurityEvent.ACCESS_DENIED,
    "SIGNATURE_REQUIRED": SecurityEvent.WEBHOOK_REFUSED,
    "SIGNATURE_INVALID": SecurityEvent.WEBHOOK_REFUSED,
    "SIGNATURE_EXPIRED": SecurityEvent.WEBHOOK_REFUSED,
    "TOO_MANY_ATTEMPTS": SecurityEvent.LIMIT_EXCEEDED,
    "BODY_TOO_LARGE": SecurityEvent.LIMIT_EXCEEDED,
    "TOO_DEEP": SecurityEvent.LIMIT_EXCEEDED,
}
_ADMINISTRATION: Final = "users.update_user"
_OF_OTHERS: Final = {
    _ADMINISTRATION,
    "credits.grant_credits",
    "credits.refund_spend",
    "privacy.erase_user",
}
_BY_LINK: Final = ("credentials.reset_password", "credentials.verify_email")


def register_events(app: Flask) -> None:
    """Write the events of every answer of an application."""
    app.after_request(_write)


def _write(response: Response) -> Response:
    if response.mimetype == "application/problem+json":
        code = response.get_json()["code"]
        refusal = _OF_REFUSAL.get(code)
        if refusal is SecurityEvent.LIMIT_EXCEEDED and request.endpoint == "auth.login":
            refusal = SecurityEvent.SIGN_IN_LOCKED
        if refusal is not None:
            log.warning(refusal, category="security", code=code, **_circumstances())
    elif request.method != "OPTIONS":
        for event in _successes():
            log.info(event, category="security", **(_circumstances() | _subjects(response)))
    return response


def _successes() -> Iterator[SecurityEvent]:
    if request.endpoint in _OF_SUCCESS:
        yield _OF_SUCCESS[request.endpoint]
    elif request.endpoint == _ADMINISTRATION:
        yield from _administration(request.get_json())


def _administration(changes: dict[str, Any]) -> Iterator[SecurityEvent]:
    if "role" in changes:
        yield SecurityEvent.ROLE_CHANGED
    if "is_active" in changes:
        is_active = changes["is_active"]
        yield SecurityEvent.ACCOUNT_ENABLED if is_active else SecurityEvent.ACCOUNT_DISABLED
    if "email" in changes:
        yield SecurityEvent.EMAIL_RELEASED


def _circumstances() -> dict[str, str | None]:
    """Say by which route, and who asked, if that is known."""
    route = request.url_rule.rule if request.url_rule else None
    return {"route": route, "user_id": str(g.principal.user_id) if "principal" in g else None}


def _subjects(response: Response) -> dict[str, str]:
    """Say who signed in or up, whose link was used, and whose account was changed by others."""
    if request.endpoint in _OF_OTHERS:
        return {"target_id": str((request.view_args or {})["id"])}
    if request.endpoint in _BY_LINK:
        return {"user_id": request.get_json()["token"].partition(".")[0]}
    answer = {} if response.is_streamed else response.get_json(silent=True) or {}
    return {"user_id": answer["user"]["id"]} if "user" in answer else {}
