"""One form for documents that mean the same, and the hash of it. Reads and writes no file."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from app.sorted_json import dump_words

_EXACT: Final = 2**53
"""Up to here each integer is a double of its own."""
_ENCODER: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def hash_of(value: Any) -> str:
    """Return the SHA-256 of a document, in hexadecimal.

    It is of the document in UTF-8 with its keys in order and no white space; ``1.0`` is ``1``.
    """
    if words := dump_words(value):
        return hashlib.sha256(words).hexdigest()
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(piece.encode())
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[str]:
    """Give an object member by member, because all of it at once may be large."""
    if not isinstance(value, dict):
        yield _ENCODER.encode(_plain(value))
        return
    yield "{"
    for number, key in enumerate(sorted(value)):
        yield f"{',' if number else ''}{_ENCODER.encode(key)}:"
        yield _ENCODER.encode(_plain(value[key]))
    yield "}"


def _plain(value: Any) -> Any:
    """Return a document with integers for whole floats; itself, and no copy, where it has none."""
    return _without_whole_floats(value) if _has_whole_float(value) else value


def _has_whole_float(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) <= _EXACT
    if isinstance(value, dict):
        return any(map(_has_whole_float, value.values()))
    return isinstance(value, list) and any(map(_has_whole_float, value))


def _without_whole_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_whole_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_whole_floats(item) for item in value]
    return int(value) if _has_whole_float(value) else value
