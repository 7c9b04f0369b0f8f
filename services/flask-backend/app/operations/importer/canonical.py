"""One form for documents that mean the same, and the hash of it. Reads and writes no file."""

import hashlib
import json
from typing import Any, Final

_EXACT: Final = 2**53
"""Up to here each integer is a double of its own."""


def canonical(value: Any) -> bytes:
    """Return a document with its keys in order and no white space; ``1.0`` is ``1``."""
    plain = _plain(value)
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def hash_of(value: Any) -> str:
    """Return the SHA-256 of the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
