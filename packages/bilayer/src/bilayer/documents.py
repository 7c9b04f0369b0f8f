"""How JSON documents become text, the same for both layers."""

from __future__ import annotations

import json
import re
from typing import Any, Final

MAX_DEPTH: Final = 31
"""Levels of objects and arrays; MariaDB refuses deeper documents, so all engines do."""

_encoder: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_decoder: Final = json.JSONDecoder()
_SIMPLE: Final = frozenset((str, int, bool, type(None)))
_TEXT: Final = frozenset((str,))
_SCALARS: Final = _SIMPLE | {float}
_STRING_OR_LARGE_FLOAT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.]*e\+[0-9]+')
_LARGE: Final = 1e16
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Dumped:
    """A document that was written before; whoever did answers for it.

    Attributes:
        text: What ``dump`` would write, perhaps with the keys in another order.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def dump(document: Any) -> str:
    """Write a document so that every engine gives it back equal.

    Args:
        document: Nested dict, list, str, int, float, bool and None; the keys are text. Or
            ``Dumped``, which is not written again.

    Raises:
        ValueError: It holds something JSON, or one of the engines, has no word for. The message
            says what, without the value.
    """
    if type(document) is Dumped:
        return document.text
    try:
        text = _encoder.encode(document)
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the document contains a lone surrogate") from None
    except (TypeError, ValueError, RecursionError):
        raise ValueError("the document holds something JSON has no word for") from None
    has_large_float = _examine(document)
    if "\\u0000" in text and _NUL.search(text):
        raise ValueError("the document contains the NUL character")
    return _STRING_OR_LARGE_FLOAT.sub(_spell_out, text) if has_large_float else text


def load(text: str | bytes) -> Any:
    """Read a document as ``json.loads`` does, which takes its time to look for blanks around it."""
    try:
        document, end = _decoder.raw_decode(text)  # type: ignore[arg-type] # refuses bytes itself
    except (TypeError, ValueError):
        return json.loads(text)
    return document if end == len(text) else json.loads(text)


def copy(document: Any) -> Any:
    """Give a document that ``dump`` accepts as it is read back; no object or array is shared."""
    kind = type(document)
    if kind is dict:
        return {key: copy(value) for key, value in document.items()}
    if kind is list:
        return [copy(value) for value in document]
    return document if kind in _SCALARS else json.loads(dump(document))


def _examine(document: Any) -> bool:
    """Refuse what JSON turns into something else and what is nested too deep, level by level.

    Returns:
        Whether a number is so large that JSON writes it with an exponent.
    """
    has_large_float = False
    items, depth = [document], 1
    while items:
        inner: list[Any] = []
        for item in items:
            if isinstance(item, dict | list):
                if depth > MAX_DEPTH:
                    raise ValueError(f"the document is nested more than {MAX_DEPTH} levels deep")
                inner += _parts(item)
            elif isinstance(item, tuple):
                raise ValueError("a document holds lists, not tuples")  # noqa: TRY004 - one kind of error
            elif isinstance(item, float):
                has_large_float |= abs(item) >= _LARGE
        items, depth = inner, depth + 1
    return has_large_float


def _parts(item: dict[Any, Any] | list[Any]) -> list[Any]:
    """Give what is in an object or an array and must be looked at."""
    if isinstance(item, dict):
        if not (_TEXT.issuperset(map(type, item)) or all(isinstance(key, str) for key in item)):
            raise ValueError("the keys of a document must be text")
        item = list(item.values())
    if _SIMPLE.issuperset(map(type, item)):
        return []
    return [part for part in item if type(part) not in _SIMPLE]


def _spell_out(match: re.Match[str]) -> str:
    """Write a large float without exponent: PostgreSQL's jsonb would make an integer of it."""
    text = match.group()
    return text if text.startswith('"') else f"{int(float(text))}.0"
