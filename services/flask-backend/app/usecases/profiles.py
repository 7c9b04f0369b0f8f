"""What people say about themselves and prefer. Knows nothing of rights."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

from app.errors import FieldError, Invalid
from app.models import Row, blank_profile, create_profile, get_profile, update_profile
from app.usecases.accounts import require_user
from app.usecases.work import unit_of_work
from bilayer.documents import dump

MAX_PREFERENCES_BYTES: Final = 65_536

_PART: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
_TAIL: Final = _PART.replace("@/-]", "@/?-]")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_WEB_ADDRESS: Final = re.compile(
    rf"https?://(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?"
    rf"(?:/{_PART})?(?:\?{_TAIL})?(?:#{_TAIL})?"
)
"""RFC 3986 for the schemes of the web, without user names: ASCII, other bytes in percent."""


def require_profile(user_id: UUID) -> Row:
    """Return an account's profile; an empty one if nothing was stored yet. Writes nothing.

    Raises:
        NotFound: ``USER_NOT_FOUND``.
    """
    return get_profile(user_id) or blank_profile(
        user_id, updated_at=require_user(user_id)["created_at"]
    )


@unit_of_work
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
    profile = update_profile(user_id, preferences_patch=preferences, **columns)
    if profile is None:
        create_profile(user_id)
        return change_profile(user_id, changes)
    _check_size(profile["preferences"])
    return profile


def _check_size(preferences: Any) -> None:
    """Judge the merged document: each patch may be small, and their sum without end."""
    size = len(dump(preferences).encode())
    if size > MAX_PREFERENCES_BYTES:
        message = f"Preferences may have {MAX_PREFERENCES_BYTES} bytes; they would have {size}."
        error = FieldError("preferences", "TOO_LARGE", message)
        raise Invalid("INVALID_REQUEST", "Some fields are not valid.", errors=[error])


def find_zone_flaw(name: str) -> FieldError | None:
    """Return what keeps a text from being a name in the time zone database, or None."""
    if name in _zones():
        return None
    message = "Write a name of the time zone database: Europe/Paris."
    return FieldError("timezone", "INVALID_TIMEZONE", message)


def find_address_flaw(url: str) -> FieldError | None:
    """Return what keeps a text from being an address of the web, or None."""
    try:
        is_good = _WEB_ADDRESS.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:  # Brackets around what is no IPv6 address, or a port beyond the last.
        is_good = False
    if is_good:
        return None
    message = "Write the whole address: https://example.com/me.png."
    return FieldError("avatar_url", "INVALID_URL", message)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
