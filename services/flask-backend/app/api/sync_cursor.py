"""How far a device has got: opaque, signed, bound to the account. Reads no row.

A cursor names the epoch of the database, so that one from before a restore is found out, and the
tables that were asked for, so that rows of others are never taken for known.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from app.api.signing import current_signing_keys
from app.errors import FieldError, Invalid
from app.keyset import Place, SyncCursor

MAX_CURSOR_CHARACTERS: Final = 1000

_SIGNATURE_BYTES: Final = 15

__all__ = ["Place", "SyncCursor", "read_cursor", "refuse_cursor", "write_cursor"]


def write_cursor(user_id: UUID, cursor: SyncCursor) -> str:
    """Return a cursor as a client keeps it; only this account can use it."""
    place = cursor.place and [cursor.place.version, cursor.place.table, cursor.place.id]
    tables = None if cursor.tables is None else sorted(cursor.tables)
    content = [cursor.epoch.hex, cursor.version, place, tables, cursor.origin]
    raw = json.dumps(content, separators=(",", ":")).encode()
    signed = next(_signatures(user_id, raw)) + raw
    return base64.urlsafe_b64encode(signed).decode("ascii").rstrip("=")


def read_cursor(text: str, user_id: UUID) -> SyncCursor:
    """Return what a cursor says.

    Raises:
        Invalid: ``CURSOR_INVALID``: this service did not make it, or made it for another account.
    """
    try:
        signed = base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True)
    except ValueError:
        raise refuse_cursor() from None
    signature, raw = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    if not any(hmac.compare_digest(signature, one) for one in _signatures(user_id, raw)):
        raise refuse_cursor()
    epoch, version, place, tables, origin = json.loads(raw)
    return SyncCursor(
        UUID(epoch),
        version,
        place=Place(*place) if place else None,
        tables=None if tables is None else frozenset(tables),
        origin=origin,
    )


def refuse_cursor() -> Invalid:
    """Return the refusal of a cursor that does not belong to this request."""
    message = "Use the cursor of the answer before, unchanged and with the same tables."
    error = FieldError("cursor", "CURSOR_INVALID", message)
    return Invalid("CURSOR_INVALID", "The cursor does not belong to this request.", errors=[error])


def _signatures(user_id: UUID, raw: bytes) -> Iterator[bytes]:
    """Bind a cursor to its account, by each key in turn."""
    for key in current_signing_keys():
        context = b"sync cursor\n" + user_id.bytes
        yield hmac.digest(key, context + raw, hashlib.sha256)[:_SIGNATURE_BYTES]
