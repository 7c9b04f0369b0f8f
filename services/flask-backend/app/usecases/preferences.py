"""One value out of what people prefer, by its path. What they prefer is ``profiles``' to change."""

import re
from typing import Any, Final
from uuid import UUID

from app.errors import FieldError, NotFound
from app.usecases.profiles import require_profile
from bilayer.documents import dump

POINTER: Final = r"^(/([^/~]|~[01])*)*$"
"""A JSON Pointer (RFC 6901), as a pattern for clients; in a key ``~1`` is a slash, ``~0`` a ~."""

_POSITION: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
# What MariaDB cannot look up in a document. No engine is asked to, so that all answer the same.
_UNREACHABLE: Final = re.compile(r'["\\\x00-\x1f]|^-')


def read_preference(user_id: UUID, pointer: str) -> Any:
    """Return the value at a place of an account's preferences; all of them for the empty pointer.

    Raises:
        NotFound: ``PREFERENCE_NOT_FOUND``: nothing is there, not even null.
    """
    value: Any = require_profile(user_id)["preferences"]
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            value = value[key] if isinstance(value, dict) else _item(value, key)
        except LookupError:
            code, message = "PREFERENCE_NOT_FOUND", "There is nothing at this path."
            raise NotFound(code, message) from None
    return value


def _item(value: Any, position: str) -> Any:
    if not isinstance(value, list) or not _POSITION.fullmatch(position):
        raise LookupError(position)
    return value[int(position)]


def find_filter_flaw(document: dict[str, Any]) -> FieldError | None:
    """Return what keeps a document from being looked for in preferences, or None."""
    if not document:
        message = "Name at least one preference: every account has those of {}."
        return FieldError("prefers", "WRONG_FORMAT", message)
    try:
        dump(document)
    except ValueError:
        message = "No preferences are nested as deep, or hold such a value."
        return FieldError("prefers", "WRONG_FORMAT", message)
    if any(map(_UNREACHABLE.search, _keys(document))):
        message = "Keys with quotes, backslashes, control characters or a dash in front have to go."
        return FieldError("prefers", "WRONG_FORMAT", message)
    return None


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for member in value.values() for key in _keys(member))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []
