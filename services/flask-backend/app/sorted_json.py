"""JSON in the one form that is digested: keys in order, no white space, UTF-8 as it is.

What numbers with a point look like there is for those to say who digest them.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

_encoder: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)
_WORDS: Final = frozenset({str, int, bool, type(None)})


def dump_sorted(document: Any) -> bytes:
    """Write a document.

    Raises:
        ValueError: It holds something JSON has no word for.
        TypeError: Likewise.
    """
    return dump_words(document) or _encoder.encode(document).encode()


def dump_words(document: Any) -> bytes | None:
    """Write a document without floats, which is the same by the fast writer as by ``json``.

    Returns:
        The text; None if it has a float, or something else that needs a closer look.
    """
    if not _has_words_only(document):
        return None
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # Large integers, half a surrogate pair, keys that are no text.
        return None


def _has_words_only(document: Any) -> bool:
    kind = type(document)
    if kind is dict:
        document = document.values()
    elif kind is not list:
        return kind in _WORDS
    return _WORDS.issuperset(map(type, document)) or all(map(_has_words_only, document))
