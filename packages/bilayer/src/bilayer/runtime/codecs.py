"""How each PyDAL type is checked, sent and read back; the part that is the same everywhere.

A codec never changes a value silently: what the column could not give back is refused with
``InvalidValue`` before anything is sent.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bilayer import decimals, documents, uuids
from bilayer.runtime.errors import InvalidValue
from bilayer.runtime.tokens import Parameter

UTC: Final = dt.UTC


class _JSONNull:
    """The JSON document ``null``, which is not SQL NULL."""

    def __repr__(self) -> str:
        return "JSON_NULL"


JSON_NULL: Final = _JSONNull()
"""Write this to store the JSON document ``null``; ``None`` stores SQL NULL."""


@dataclass(frozen=True, slots=True)
class Codec:
    """Both directions of one type on one engine.

    Attributes:
        encode: Checks a Python value (never None) and gives the driver's parameter.
        decode: Turns what the driver read (never None) into the Python value; None where the
            driver's value is right as it is.
        canonical: Gives a value that ``encode`` accepts the form in which it is read; None where
            that is what ``encode`` gives.
    """

    encode: Callable[[Any], Parameter]
    decode: Callable[[Any], Any] | None = None
    canonical: Callable[[Any], Any] | None = None


def encode_text(value: Any) -> str:
    """Accept text that every engine can store: no NUL, no lone surrogate."""
    if not isinstance(value, str):
        raise InvalidValue(f"text is needed, not {type(value).__name__}")
    text = str.__str__(value)
    if "\x00" in text:
        raise InvalidValue("text must not contain the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValue("text must not contain a lone surrogate") from None
    return text


def encode_boolean(value: Any) -> bool:
    """Accept True and False, and the integers 1 and 0 that mean them."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise InvalidValue("True or False is needed")


def integer(bits: int) -> Callable[[Any], int]:
    """Make the check of a signed integer of that many bits."""
    limit = 2 ** (bits - 1)

    def encode(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue(f"an integer is needed, not {type(value).__name__}")
        if not -limit <= value < limit:
            raise InvalidValue(f"the integer does not fit in {bits} bits")
        return int(value)

    return encode


def decode_integer(value: Any) -> Any:
    """Read an integer; sums come back as decimals on some engines, averages stay what they are."""
    if isinstance(value, decimal.Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def encode_double(value: Any) -> float:
    """Accept a finite double, or an integer that a double holds exactly."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise InvalidValue(f"a float is needed, not {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidValue("a finite number is needed")
    if number != value:
        raise InvalidValue("the integer has more digits than a double holds")
    return number


def exact_decimal(precision: int, scale: int) -> Callable[[Any], decimal.Decimal]:
    """Make the check of a decimal with ``precision`` digits, ``scale`` of them after the point."""

    def encode(value: Any) -> decimal.Decimal:
        try:
            return decimals.fix(value, precision, scale)
        except ValueError as error:
            reason = str(error)
        raise InvalidValue(reason)

    return encode


def encode_instant(value: Any) -> dt.datetime:
    """Accept an aware datetime and move it to UTC."""
    if not isinstance(value, dt.datetime) or value.utcoffset() is None:
        raise InvalidValue("a datetime with a time zone is needed")
    try:
        moved = value.astimezone(UTC)
    except OverflowError:
        raise InvalidValue("the instant lies outside the years 1 to 9999 in UTC") from None
    if type(moved) is dt.datetime:
        return moved
    # A subclass would not fit the driver everywhere.
    return dt.datetime.combine(moved.date(), moved.time(), tzinfo=UTC)


def encode_instant_text(value: Any) -> str:
    """Write an instant as UTC text whose order is the order of time."""
    return encode_instant(value).replace(tzinfo=None).isoformat(" ", "microseconds")


def decode_instant(value: Any) -> dt.datetime:
    """Read an instant from a datetime or from text; without a zone it is UTC."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    elif value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    instant: dt.datetime = value
    return instant


def encode_date(value: Any) -> str:
    """Accept a date that is no datetime."""
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise InvalidValue(f"a date is needed, not {type(value).__name__}")
    return value.isoformat()


def decode_date(value: Any) -> Any:
    """Read a date from text where the engine has no dates."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def encode_time(value: Any) -> str:
    """Accept a time of day without zone."""
    if not isinstance(value, dt.time) or value.tzinfo is not None:
        raise InvalidValue("a time of day without time zone is needed")
    return value.isoformat("microseconds")


def decode_time(value: Any) -> Any:
    """Read a time of day from text or from the duration PyMySQL makes of it."""
    if isinstance(value, str):
        return dt.time.fromisoformat(value)
    if isinstance(value, dt.timedelta):
        return (dt.datetime(1, 1, 1, tzinfo=UTC) + value).time()
    return value


def encode_bytes(value: Any) -> bytes:
    """Accept bytes, never text."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise InvalidValue(f"bytes are needed, not {type(value).__name__}")
    return bytes(value)


def parse_uuid(value: Any) -> uuid.UUID:
    """Accept a UUID or its canonical text."""
    if isinstance(value, uuid.UUID):
        return value if type(value) is uuid.UUID else uuid.UUID(int=value.int)
    if isinstance(value, str):
        try:
            parsed = uuid.UUID(value)
        except ValueError:
            parsed = None
        if parsed is not None and value.lower() in (str(parsed), parsed.hex):
            return parsed
    raise InvalidValue("a UUID is needed")


def decode_uuid(value: Any) -> uuid.UUID:
    """Read a UUID from its object or its text."""
    return value if isinstance(value, uuid.UUID) else uuids.read(value)


def encode_json(value: Any) -> str:
    """Accept a document of dict, list, str, int, float, bool and None, with text keys."""
    if value is JSON_NULL:
        return "null"
    try:
        return documents.dump(value)
    except ValueError as error:
        reason = str(error)
    raise InvalidValue(reason)


def decode_json(value: Any) -> Any:
    """Read a document; SQLite gives plain numbers where the column has numeric affinity."""
    return documents.load(value) if isinstance(value, str | bytes) else value


def read_json(value: Any) -> Any:
    """Give a document that is written the form in which it is read."""
    return None if value is JSON_NULL else documents.copy(value)


def _there_and_back(encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> Any:
    """Make a ``canonical`` of the two ways."""
    return lambda value: decode(encode(value))


read_date: Final = _there_and_back(encode_date, decode_date)
read_time: Final = _there_and_back(encode_time, decode_time)


def list_of(encode_item: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Make the check of a ``list:`` type, which is stored as a JSON array."""

    def encode(value: Any) -> str:
        if not isinstance(value, list | tuple):
            raise InvalidValue(f"a list is needed, not {type(value).__name__}")
        return encode_json([encode_item(item) for item in value])

    return encode


def list_codec(encode_item: Callable[[Any], Any], decode: Callable[[Any], Any] | None) -> Codec:
    """Make the codec of a ``list:`` type."""
    return Codec(list_of(encode_item), decode, lambda value: [encode_item(item) for item in value])
