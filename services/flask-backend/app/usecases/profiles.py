"""What people say about themselves and prefer. Knows nothing of accounts or rights."""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.errors import FieldError, Invalid
from app.models import Row, create_profile, get_profile, transaction, update_profile

MAX_PREFERENCES_BYTES: Final = 65_536


def require_profile(user_id: UUID) -> Row:
    """Return an account's profile, which is made here if nothing else made it."""
    profile = get_profile(user_id)
    if profile is None:
        create_profile(user_id)
        profile = get_profile(user_id)
    if profile is None:
        raise LookupError("a profile vanished while it was being read")
    return profile


def change_profile(user_id: UUID, changes: Mapping[str, Any]) -> Row:
    """Change a profile and return it.

    Args:
        user_id: Whose profile it is.
        changes: New values of columns. ``preferences`` are merged into the present ones
            (RFC 7396): null takes a key away.

    Raises:
        Invalid: The preferences would become too large; nothing is changed.
    """
    columns = dict(changes)
    preferences = columns.pop("preferences", None)
    # Made before the transaction: there, first inserts of one row by several would deadlock.
    require_profile(user_id)
    with transaction():
        update_profile(user_id, preferences_patch=preferences, **columns)
        profile = require_profile(user_id)
        _check_size(profile["preferences"])
    return profile


def _check_size(preferences: Any) -> None:
    """Judge the merged document: each patch may be small, and their sum without end."""
    size = len(json.dumps(preferences, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_PREFERENCES_BYTES:
        message = f"Preferences may have {MAX_PREFERENCES_BYTES} bytes; they would have {size}."
        error = FieldError("preferences", "TOO_LARGE", message)
        raise Invalid("INVALID_REQUEST", "Some fields are not valid.", errors=[error])
