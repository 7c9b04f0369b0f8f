"""What both of the service's peers validate of an action, write into the audit log, and sign.

Pure functions and models: the digests are the service's own, because the same rows are written.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
import uuid_utils.compat
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.dal.audit_digests import digest_row, digest_values

MAX_PAYLOAD_BYTES: Final = 65_536
MAX_PAYLOAD_DEPTH: Final = 16

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KEY: Final = secrets.token_bytes(32)
_SIGNATURE_BYTES: Final = 15


def _depth(document: Any) -> int:
    if isinstance(document, dict):
        document = list(document.values())
    if not isinstance(document, list):
        return 0
    return 1 + max(map(_depth, document), default=0)


def _small(payload: dict[str, Any]) -> dict[str, Any]:
    if _depth(payload) > MAX_PAYLOAD_DEPTH or len(orjson.dumps(payload)) > MAX_PAYLOAD_BYTES:
        raise ValueError("too deep or too large")
    return payload


ActionType = Annotated[
    str, Field(min_length=1, max_length=50, pattern=r"^[^\x00]*\S[^\x00]*$", strict=True)
]


class NewAction(BaseModel):
    """An action to store."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    action_type: ActionType
    payload: Annotated[dict[str, Any], AfterValidator(_small)]


class ActionQuery(BaseModel):
    """Which actions to list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200)] = 20
    cursor: Annotated[str, Field(max_length=100)] | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    action_type: ActionType | None = None


def write_cursor(created_at: datetime, action_id: UUID, query: ActionQuery, user_id: UUID) -> str:
    """Sign where the next page begins, for this account and these filters."""
    microseconds = (created_at - _EPOCH) // timedelta(microseconds=1)
    place = microseconds.to_bytes(8, signed=True) + action_id.bytes
    filters = query.model_dump_json(exclude={"cursor", "limit"})
    context = f"cursor\n{user_id}\n{filters}\n".encode()
    signature = hmac.digest(_KEY, context + place, hashlib.sha256)[:_SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(place + signature).decode("ascii").rstrip("=")


def read_cursor(cursor: str, query: ActionQuery, user_id: UUID) -> tuple[datetime, UUID]:
    """Return where a page begins.

    Raises:
        ValueError: Nobody has signed it.
    """
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    at = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], signed=True))
    action_id = UUID(bytes=raw[8:24])
    if not hmac.compare_digest(cursor, write_cursor(at, action_id, query, user_id)):
        raise ValueError("the cursor does not belong to this list")
    return at, action_id


def audit_row(action: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """Return the log's row of an action that is stored; its columns with ids as text or not."""
    salt, record_id, user_id = secrets.token_hex(16), str(action["id"]), str(action["user_id"])
    spelled = {name: _spell(action[name]) for name in ("created_at", "updated_at")}
    new_value = {**action, "user_id": user_id, "id": record_id, **spelled}
    row = {
        "user_id": action["user_id"],
        "id": uuid_utils.compat.uuid7(),
        "table_name": "history",
        "record_id": record_id,
        "action": "insert",
        "old_value": None,
        "new_value": new_value,
        "changed_at": datetime.now(UTC),
        "changed_by": f"user:{user_id}",
        "request_id": request_id,
        "salt": salt,
        "values_digest": digest_values(salt, record_id, None, new_value),
    }
    return {**row, "digest": digest_row(row)}


def _spell(instant: datetime) -> str:
    return f"{instant.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
