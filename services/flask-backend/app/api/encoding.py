"""How values become JSON: one spelling for times, ids and numbers. Reads nothing."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from json import JSONEncoder
from types import NoneType
from typing import Any, Final
from uuid import UUID

import orjson
from flask import Response
from flask.json.provider import DefaultJSONProvider


class JSONProvider(DefaultJSONProvider):
    """Flask's ``jsonify`` with RFC 3339 times and exact decimals; keys stay in their order."""

    ensure_ascii = False
    sort_keys = False
    compact = True

    @staticmethod
    def default(value: Any) -> Any:
        """Write what JSON has no type for.

        Raises:
            TypeError: There is no agreed spelling for such a value.
        """
        if isinstance(value, datetime):
            moment = value.astimezone(UTC).replace(tzinfo=None)
            return f"{moment.isoformat(timespec='microseconds')}Z"
        if isinstance(value, UUID | Decimal):
            return str(value)
        if isinstance(value, date):
            return value.isoformat()
        raise TypeError(f"{type(value).__name__} has no spelling in JSON")

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write JSON. NaN and infinity raise, because they are no JSON."""
        if kwargs.keys() - {"separators"}:
            return super().dumps(obj, allow_nan=False, **kwargs)
        return encode(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return an answer with what Flask's ``jsonify`` or a view was given."""
        body = encode(self._prepare_response_obj(args, kwargs)) + b"\n"
        return Response(body, mimetype=self.mimetype)


def encode(value: Any) -> bytes:
    """Write JSON in UTF-8. NaN and infinity raise, because they are no JSON.

    Raises:
        TypeError: There is no agreed spelling for something in it.
        ValueError: Likewise for a number, or for half of a surrogate pair.
    """
    if _is_plain((value,)):
        try:
            return orjson.dumps(value, option=orjson.OPT_UTC_Z)
        except orjson.JSONEncodeError:
            pass  # Integers beyond 64 bits, keys that are no text, half of a surrogate pair.
    return _ENCODER.encode(value).encode()


def _is_plain(values: Iterable[Any]) -> bool:
    """Tell whether orjson spells all of this as we do.

    It leaves out microseconds that are 0, moves no time to UTC, turns NaN into null, and writes
    some small floats and all other types in its own way.
    """
    for value in values:
        kind = type(value)
        if kind in _ALIKE:
            continue
        if kind is dict:
            is_plain = _is_plain(value.values())
        elif kind is list:
            is_plain = _is_plain(value)
        elif kind is datetime:
            is_plain = value.tzinfo is UTC and value.microsecond > 0
        else:
            is_plain = kind is float and (not value or _LEAST_ALIKE <= abs(value) < _MOST_ALIKE)
        if not is_plain:
            return False
    return True


_ALIKE: Final = frozenset({str, int, bool, NoneType, UUID})
_LEAST_ALIKE: Final = 1e-4
_MOST_ALIKE: Final = 1e16
"""Between them, floats are written without exponent by both."""

_ENCODER: Final = JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    separators=(",", ":"),
    default=JSONProvider.default,
)
"""Made once: Flask makes one for each answer."""
