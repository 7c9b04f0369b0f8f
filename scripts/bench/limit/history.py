"""Actions: listing and storing them, by the service's statements."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import psycopg2
import uuid_utils.compat
from flask import Blueprint, Response, abort, request
from pydantic import ValidationError

from scripts.bench.actions import ActionQuery, NewAction, audit_row, read_cursor, write_cursor
from scripts.bench.limit.access import authenticate
from scripts.bench.limit.answers import answer
from scripts.bench.limit.database import cursor, read

_NAMES: Final = (
    *("user_id", "id", "action_type", "payload", "created_at", "updated_at"),
    *("is_deleted", "version"),
)
_SHOWN: Final = ("id", "action_type", "payload", "created_at", "updated_at", "version")
_PAGE: Final = f"""
    SELECT {", ".join(f"history.{name}" for name in _NAMES[1:])} FROM history
    WHERE history.user_id = %s AND history.is_deleted = false{{filters}}
    ORDER BY history.created_at DESC, history.id DESC LIMIT %s OFFSET 0"""  # noqa: S608 - names above
_BEGIN: Final = """
    BEGIN; UPDATE sync_heads SET version = sync_heads.version + 1, changed_at = %s
    WHERE sync_heads.user_id = %s AND sync_heads.changed_at < %s
    RETURNING version"""
_LOCK: Final = "SELECT version, changed_at FROM sync_heads WHERE user_id = %s FOR UPDATE"
_RAISE: Final = "UPDATE sync_heads SET version = %s, changed_at = %s WHERE user_id = %s"
_STORE: Final = f"""
    INSERT INTO history ({", ".join(_NAMES)}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s);
    INSERT INTO audit_log (user_id, id, table_name, record_id, action, old_value, new_value,
        changed_at, changed_by, request_id, salt, values_digest, digest)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s); COMMIT"""  # noqa: S608 - likewise
_TERMS: Final = "SELECT version, effective_at FROM consent_documents WHERE document = 'terms'"
_ACCEPTED: Final = "SELECT terms_version FROM user_consents WHERE user_id = %s AND terms_accepted"
_KNOWN_FOR: Final = 5

blueprint = Blueprint("history", __name__, url_prefix="/api/v1/history")
_known: tuple[float, list[tuple[Any, ...]]] = (float("-inf"), [])


@blueprint.get("")
def list_actions() -> Response:
    """Return a page of actions, newest first."""
    user_id = authenticate()
    try:
        query = ActionQuery.model_validate(request.args.to_dict())
        filters, values = _filter(query, user_id)
    except ValueError:
        abort(422)
    rows = read(_PAGE.format(filters=filters), (user_id, *values, query.limit + 1))
    items = [_describe(row) for row in rows[: query.limit]]
    has_more = len(rows) > query.limit
    last = items[-1] if has_more else None
    place = last and (last["created_at"], uuid.UUID(last["id"]))
    next_cursor = place and write_cursor(*place, query, uuid.UUID(user_id))
    return answer({"items": items, "next_cursor": next_cursor})


@blueprint.post("")
def create_action() -> Response:
    """Store an action with its version, and what the audit log has of it."""
    user_id = authenticate()
    _check_terms(user_id)
    try:
        body = NewAction.model_validate_json(request.get_data())
    except ValidationError:
        abort(422)
    asked = cursor()
    try:
        version, now = _take_version(asked, user_id)
        action_id = str(body.id or uuid_utils.compat.uuid7())
        stored = (user_id, action_id, body.action_type, body.payload, now, now, False, version)
        action = dict(zip(_NAMES, stored, strict=True))
        logged = audit_row(action, str(uuid_utils.uuid7()))
        asked.execute(_STORE, [_written(value) for value in (*stored, *logged.values())])
    except psycopg2.Error as error:
        asked.execute("ROLLBACK")
        abort(409 if isinstance(error, psycopg2.errors.UniqueViolation) else 503)
    return answer({name: action[name] for name in _SHOWN}, 201)


def _filter(query: ActionQuery, user_id: str) -> tuple[str, list[Any]]:
    """Return what else must hold of the rows of a page."""
    is_first = query.cursor is None
    place = None if is_first else read_cursor(str(query.cursor), query, uuid.UUID(user_id))
    conditions: dict[str, Any] = {
        "history.created_at >= %s": query.start_date,
        "history.created_at <= %s": query.end_date,
        "history.action_type = %s": query.action_type,
        "(history.created_at, history.id) < %s": place and (place[0], str(place[1])),
    }
    given = {text: value for text, value in conditions.items() if value is not None}
    return "".join(f" AND {text}" for text in given), list(given.values())


def _take_version(asked: Any, user_id: str) -> tuple[int, datetime]:
    """Begin a transaction, and return the next version of the account and its time."""
    now = datetime.now(UTC)
    asked.execute(_BEGIN, (now, user_id, now))
    if rows := asked.fetchall():
        return rows[0][0], now
    asked.execute(_LOCK, (user_id,))
    version, changed_at = asked.fetchone()
    now = max(now, changed_at + timedelta(microseconds=1))
    asked.execute(_RAISE, (version + 1, now, user_id))
    return version + 1, now


def _check_terms(user_id: str) -> None:
    """Refuse who has not accepted the terms; which there are is asked every few seconds only."""
    global _known  # noqa: PLW0603 - as a cache of one thing is written
    if time.monotonic() - _known[0] > _KNOWN_FOR:
        _known = time.monotonic(), read(_TERMS + " ORDER BY effective_at", ())
    now = datetime.now(UTC)
    in_force = [version for version, effective_at in _known[1] if effective_at <= now]
    if in_force and read(_ACCEPTED, (user_id,)) != [(in_force[-1],)]:
        abort(403)


def _written(value: Any) -> Any:
    """Return a value as psycopg2 takes it."""
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    return str(value) if isinstance(value, uuid.UUID) else value


def _describe(row: tuple[Any, ...]) -> dict[str, Any]:
    action = dict(zip(_NAMES[1:], row, strict=True))
    return {name: action[name] for name in _SHOWN}
