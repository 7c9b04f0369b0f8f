"""Functions every SQLite connection gets: what the dialect renders and SQLite lacks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from bilayer.runtime.codecs import decode_instant
from bilayer.runtime.engines.sqlite_documents import DOCUMENT_FUNCTIONS


def _require_integer(value: Any, bits: int) -> int | None:
    """Refuse what a column of that many bits does not hold; SQLite would store a float."""
    if value is not None and not (isinstance(value, int) and abs(2 * value + 1) < 2**bits):
        raise OverflowError
    return value


def _require_digits(value: Any, digits: int) -> int | None:
    """Refuse a scaled decimal with more digits than its column has."""
    if value is not None and not (isinstance(value, int) and abs(value) < 10**digits):
        raise OverflowError
    return value


def _require_length(value: Any, characters: int) -> Any:
    """Refuse a text that is longer than its column."""
    if isinstance(value, str) and len(value) > characters:
        raise OverflowError
    return value


@lru_cache(maxsize=256)
def _like_pattern(pattern: str) -> re.Pattern[str]:
    """Translate a LIKE pattern in which the backslash escapes."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p, re.escape(p[-1])) for p in parts), re.DOTALL)


def _like(text: Any, pattern: str | None) -> bool | None:
    if text is None or pattern is None:
        return None
    return _like_pattern(pattern).fullmatch(str(text)) is not None


def _matches(pattern: str, text: str | None) -> bool | None:
    return None if text is None else re.search(pattern, text) is not None


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _upper(text: Any) -> Any:
    return text.upper() if isinstance(text, str) else text


def _extract(part: str, text: str | None) -> float | int | None:
    """Take a part of a stored instant, date or time; ``epoch`` in seconds."""
    if text is None:
        return None
    if part == "epoch":
        return decode_instant(text).timestamp()
    has_date = "-" in text[:5]
    moment = dt.datetime.fromisoformat(text) if has_date else dt.time.fromisoformat(text)
    found: int = getattr(moment, part)
    return found


FUNCTIONS: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
    # Names of our own: an index or CHECK that uses SQLite's LOWER or LIKE must keep its meaning.
    "bilayer_like": (2, _like),
    "bilayer_lower": (1, _lower),
    "bilayer_upper": (1, _upper),
    "require_integer": (2, _require_integer),
    "require_digits": (2, _require_digits),
    "require_length": (2, _require_length),
    "REGEXP": (2, _matches),
    "web2py_extract": (2, _extract),
    **{name: (2, function) for name, function in DOCUMENT_FUNCTIONS.items()},
}
