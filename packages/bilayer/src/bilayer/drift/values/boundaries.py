"""Boundary values of each type: the ones that get lost, cut, moved or rounded on the way."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any, Final

from bilayer.drift.snapshot import Type

_TEXTS: Final = (
    "",
    "a",
    " a ",
    'it\'s "so" \\ 100%_',
    "\u00c9t\u00e9",
    "\U0001f600",
    "NULL",
    "|a|b|",
)
_INSTANTS: Final = (
    dt.datetime(1970, 1, 1),  # noqa: DTZ001 - the zone is added where the column keeps one
    dt.datetime(2024, 2, 29, 23, 59, 59, 249),  # noqa: DTZ001 - as above
    dt.datetime(2026, 7, 1, 12, 0, 0, 999_999),  # noqa: DTZ001 - as above
    dt.datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001 - as above
)
_NEW_YORK: Final = dt.timezone(dt.timedelta(hours=-5))
_DOCUMENTS: Final[tuple[Any, ...]] = (
    {},
    [],
    {"a": [1, 2.5, None, True], "\u00e9": 'it\'s "so" \\ %'},
    "text",
    5,
    1.5,
    True,
    False,
)
_BYTES: Final = (b"", b"text", b"abcd", b"\x00\xff\x10", bytes(range(256)))


def list_boundaries(type_: Type, field_type: str) -> list[Any]:
    """List the values to try on a column, ``None`` last; only ``None`` for unknown families.

    Args:
        type_: The column's type.
        field_type: The PyDAL type over it: a document under a list is only ever a list.
    """
    write = _WRITERS.get(type_.family)
    if type_.family == "json" and field_type.startswith("list:"):
        item = "string" if field_type == "list:string" else "integer"
        return [*_lists(dataclasses.replace(type_, item=item)), None]
    values = write(type_) if write else []
    return [*values, None]


def _booleans(_type: Type) -> list[Any]:
    return [True, False]


def _integers(type_: Type) -> list[Any]:
    highest = 2 ** ((type_.bits or 32) - 1) - 1
    return [0, 1, -1, highest, -highest - 1] if not type_.unsigned else [0, 1, highest]


def _floats(type_: Type) -> list[Any]:
    if type_.bits == 32:  # noqa: PLR2004 - single precision keeps only these
        return [0.0, 1.5, -0.25]
    return [0.0, 1.1, -0.1, 1e300, 5e-300, 123456789.123456789]


def _decimals(type_: Type) -> list[Any]:
    precision, scale = type_.precision or 18, type_.scale or 0
    largest = decimal.Decimal(10**precision - 1).scaleb(-scale)
    smallest = decimal.Decimal(1).scaleb(-scale)
    return [decimal.Decimal(0), smallest, -smallest, largest, -largest]


def _texts(type_: Type) -> list[Any]:
    longest = ["\u00e9" * type_.length] if type_.length else ["a\nb\r\n\t" * 100]
    values = [*_TEXTS, *longest]
    return [value for value in values if type_.length is None or len(value) <= type_.length]


def _words(type_: Type) -> list[Any]:
    return list(type_.values)


def _days(_type: Type) -> list[Any]:
    return [dt.date(1970, 1, 1), dt.date(2024, 2, 29), dt.date(9999, 12, 31)]


def _times(_type: Type) -> list[Any]:
    return [dt.time(0, 0), dt.time(12, 30, 0, 249), dt.time(23, 59, 59, 999_999)]


def _instants(type_: Type) -> list[Any]:
    if not (type_.timezone or type_.text == "UTCDateTime"):
        return list(_INSTANTS)
    aware = [value.replace(tzinfo=dt.UTC) for value in _INSTANTS]
    return [*aware, dt.datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=_NEW_YORK)]


def _uuids(_type: Type) -> list[Any]:
    return [
        uuid.UUID(int=0),
        uuid.UUID("0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b"),
        uuid.UUID(int=2**128 - 1),
    ]


def _documents(_type: Type) -> list[Any]:
    return list(_DOCUMENTS)


def _bytes(type_: Type) -> list[Any]:
    return [value for value in _BYTES if type_.length is None or len(value) <= type_.length]


def _lists(type_: Type) -> list[Any]:
    if type_.item == "integer":
        return [[], [1, 2]]
    return [[], ["a", "b"], ["a,b", 'c"d', "", "NULL"]]


_WRITERS: Final[dict[str, Callable[[Type], list[Any]]]] = {
    "boolean": _booleans,
    "integer": _integers,
    "float": _floats,
    "numeric": _decimals,
    "string": _texts,
    "text": _texts,
    "enum": _words,
    "date": _days,
    "time": _times,
    "datetime": _instants,
    "uuid": _uuids,
    "json": _documents,
    "binary": _bytes,
    "array": _lists,
}
