"""Strict JSON: what is refused before a model sees it, because parsers disagree about it.

Knows no field. RFC 8259 leaves duplicate names, precision and lone surrogates open; here they
are closed, so that what is stored is what was sent.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from app.errors import BadRequest, FieldError, Invalid

MAX_DEPTH: Final = 32
MAX_KEYS: Final = 1000
"""In one object. A model reports each key it does not know, and that takes its time."""
MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1
_MAX_INTEGER_DIGITS: Final = len(str(MIN_INTEGER))

# A string, closed or not, or one bracket. Possessive, so that no input makes it go back.
_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
# What makes a look at every value worth its time: an escaped NUL or surrogate, a long number.
_SUSPICIOUS: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|\d{19}", re.ASCII)


def check_json_object(body: bytes) -> str:
    """Return the text of a body that holds one JSON object, fit for a model.

    Raises:
        BadRequest: It is not JSON as this service reads it.
        Invalid: It is, and holds text or integers that no column can store; all are named.
    """
    text, document = _read(body)
    _check_values(text, document)
    return text


def parse_json_object(body: bytes, *, unjudged: str) -> dict[str, Any]:
    """Return the one JSON object that a body holds.

    Args:
        body: The body.
        unjudged: A member in which there may be what no column can store; ``find_unstorable``
            finds it.

    Raises:
        BadRequest: As above.
        Invalid: As above, elsewhere.
    """
    text, document = _read(body)
    _check_values(text, {name: value for name, value in document.items() if name != unjudged})
    return document


def find_unstorable(text: str, document: Any) -> FieldError | None:
    """Return the first value that no column can store, or None.

    Args:
        text: The document, as JSON in ASCII.
        document: The document.
    """
    return next(_find_unstorable(document, ""), None) if _SUSPICIOUS.search(text) else None


def _read(body: bytes) -> tuple[str, dict[str, Any]]:
    text = _decode(body)
    _check_depth(text)
    document = _parse(text)
    if not isinstance(document, dict):
        raise BadRequest("NOT_AN_OBJECT", "The body must be a JSON object.")
    return text, document


def _check_values(text: str, document: dict[str, Any]) -> None:
    if _SUSPICIOUS.search(text):
        errors = list(_find_unstorable(document, ""))
        if errors:
            raise Invalid.fields(errors)


def _decode(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("NOT_UTF8", "The body is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise BadRequest("NOT_UTF8", "The body must not begin with a byte order mark.")
    return text


def _check_depth(text: str) -> None:
    """Count brackets before parsing, because a parser that recurses is what depth attacks."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return  # Wherever they stand.
    depth = 0
    for match in _BRACKET.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
        elif bracket in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise BadRequest("TOO_DEEP", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _parse(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest("NOT_JSON", f"The body is not JSON: see {where}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise BadRequest("TOO_MANY_KEYS", f"An object has more than {MAX_KEYS} keys.")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadRequest("DUPLICATE_KEY", "The body has an object with the same key twice.")
    return members


def _refuse_constant(name: str) -> None:
    raise BadRequest("NOT_JSON", f"{name} is not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadRequest("NUMBER_TOO_LARGE", "The body has a number that is too large.")
    return number


def _bounded(digits: str) -> int:
    """Convert, but stop before thousands of digits cost time; the bounds are checked later."""
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else MAX_INTEGER + 1


# ``json.loads`` would make another one each time.
_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_bounded,
)


def _find_unstorable(value: Any, path: str) -> Iterator[FieldError]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _check_text(key, path)
            yield from _find_unstorable(member, f"{path}.{_printable(key)}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find_unstorable(item, f"{path}.{index}")
    elif isinstance(value, str):
        yield from _check_text(value, path)
    elif isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        yield FieldError(path, "OUT_OF_RANGE", "Integers have at most 64 bits.")


def _check_text(text: str, path: str) -> Iterator[FieldError]:
    if "\0" in text:
        yield FieldError(path, "NUL_CHARACTER", "Text cannot hold the character NUL.")
    if _printable(text) != text:
        yield FieldError(path, "LONE_SURROGATE", "Text cannot hold half of a surrogate pair.")


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
