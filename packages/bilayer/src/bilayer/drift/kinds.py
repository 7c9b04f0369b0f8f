"""The type families, and what each PyDAL adapter makes of them on each engine.

The tables below were measured: every PyDAL type written to and read from every column type on
SQLite, PostgreSQL and MariaDB, through PyDAL and through SQLAlchemy. Whatever is in no table is a
mismatch, because a statement fails or a value comes back as another value.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Final, Literal

from bilayer.drift.snapshot import Field, Type

Severity = Literal["error", "warning", "info"]

TEXTUAL: Final = frozenset({"string", "text", "enum"})
_NUMBERS: Final = frozenset({"integer", "float", "numeric"})
SINGLE_DIGITS: Final = 15
"""Decimal digits a double always keeps."""

FIELD_KINDS: Final[Mapping[str, str]] = {
    "string": "text",
    "text": "text",
    "password": "text",
    "upload": "text",
    "boolean": "boolean",
    "id": "integer",
    "big-id": "integer",
    "integer": "integer",
    "bigint": "integer",
    "reference": "integer",
    "big-reference": "integer",
    "float": "float",
    "double": "float",
    "decimal": "numeric",
    "date": "date",
    "time": "time",
    "datetime": "datetime",
    "timestamp": "datetime",
    "json": "json",
    "jsonb": "json",
    "blob": "binary",
    "uuid": "uuid",
    "list": "list",
    "geometry": "geometry",
    "geography": "geometry",
}
"""The kind of value of each PyDAL type, by the first word of its name."""

_AFFINITY: Final[Mapping[str, str]] = {
    "string": "text",
    "text": "text",
    "enum": "text",
    "json": "numeric",
    "boolean": "numeric",
    "integer": "numeric",
    "numeric": "numeric",
    "float": "numeric",
    "date": "numeric",
    "time": "numeric",
    "datetime": "numeric",
    "binary": "blob",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to values that travel between a field and a column."""

    code: str
    severity: Severity
    reason: str


MISMATCH: Final = "BL204"
BOOLEAN: Final = "BL401"
NAIVE_TIME: Final = "BL402"
BASE64: Final = "BL403"
UUID_TEXT: Final = "BL404"
INEXACT: Final = "BL405"
LIST: Final = "BL406"
DOCUMENT: Final = "BL407"

# Stock adapters: (field kind, column family) -> verdict, where it is no plain mismatch.
_SAME: Final = frozenset(
    {
        ("text", "string"),
        ("text", "text"),
        ("text", "enum"),
        ("integer", "integer"),
        ("float", "float"),
        ("numeric", "numeric"),
        ("date", "date"),
    }
)
_BYTES_AS_TEXT: Final = (
    "PyDAL keeps bytes as base64 text, and gives those that happen to be UTF-8 back as a str"
)
_ON_EVERY_ENGINE: Final[Mapping[tuple[str, str], Verdict]] = {
    ("boolean", "string"): Verdict(MISMATCH, "warning", "PyDAL keeps the letters T and F"),
    ("boolean", "text"): Verdict(MISMATCH, "warning", "PyDAL keeps the letters T and F"),
    ("time", "time"): Verdict(NAIVE_TIME, "warning", "PyDAL cuts off the microseconds"),
    ("binary", "binary"): Verdict(
        BASE64, "error", "PyDAL stores base64 text, which SQLAlchemy reads as the bytes"
    ),
    ("binary", "string"): Verdict(BASE64, "error", _BYTES_AS_TEXT),
    ("binary", "text"): Verdict(BASE64, "error", _BYTES_AS_TEXT),
    ("uuid", "string"): Verdict(UUID_TEXT, "info", "PyDAL keeps the UUID as text with dashes"),
    ("uuid", "text"): Verdict(UUID_TEXT, "info", "PyDAL keeps the UUID as text with dashes"),
    ("list", "string"): Verdict(LIST, "warning", "PyDAL keeps the list as |a|b| in text"),
    ("list", "text"): Verdict(LIST, "warning", "PyDAL keeps the list as |a|b| in text"),
}
_BOOLEAN_LOST: Final = {
    "sqlite": "PyDAL writes 'T' and 'F': SQLAlchemy reads its False as True, and PyDAL reads"
    " SQLAlchemy's True as False",
    "mysql": "PyDAL writes 'T' and 'F': MariaDB stores True as 0, and PyDAL cannot read"
    " SQLAlchemy's 1",
}
_SEEN_AS_TEXT: Final = "SQLAlchemy sees the document as text"
_STOCK: Final[Mapping[str, Mapping[tuple[str, str], Verdict]]] = {
    "sqlite": {
        ("boolean", "boolean"): Verdict(BOOLEAN, "error", _BOOLEAN_LOST["sqlite"]),
        ("integer", "boolean"): Verdict(MISMATCH, "warning", "PyDAL reads and writes 0 and 1"),
        ("float", "integer"): Verdict(
            MISMATCH, "warning", "PyDAL may write fractions, which SQLite keeps as they are"
        ),
        ("numeric", "float"): Verdict(MISMATCH, "warning", "SQLAlchemy reads a float"),
        ("numeric", "integer"): Verdict(
            MISMATCH, "warning", "PyDAL may write fractions, which SQLite keeps as they are"
        ),
        ("json", "string"): Verdict(DOCUMENT, "warning", _SEEN_AS_TEXT),
        ("json", "text"): Verdict(DOCUMENT, "warning", _SEEN_AS_TEXT),
        ("json", "json"): Verdict(
            DOCUMENT,
            "warning",
            "a JSON column has numeric affinity, and a document that is a plain number makes"
            " every select of it fail",
        ),
        ("uuid", "uuid"): Verdict(
            UUID_TEXT, "error", "PyDAL writes dashes where SQLAlchemy has 32 hex digits"
        ),
    },
    "postgresql": {
        ("text", "uuid"): Verdict(
            MISMATCH, "error", "the server refuses text that is no UUID, and PyDAL reads a str"
        ),
        ("boolean", "boolean"): Verdict("", "info", ""),
        ("numeric", "float"): Verdict(MISMATCH, "warning", "PyDAL reads a float"),
        ("json", "json"): Verdict("", "info", ""),
        ("uuid", "uuid"): Verdict(UUID_TEXT, "warning", "PyDAL reads the UUID as a str"),
    },
    "mysql": {
        ("boolean", "boolean"): Verdict(BOOLEAN, "error", _BOOLEAN_LOST["mysql"]),
        ("integer", "boolean"): Verdict(MISMATCH, "warning", "PyDAL reads and writes 0 and 1"),
        ("numeric", "float"): Verdict(
            MISMATCH, "error", "PyDAL reads decimals with all digits of a double"
        ),
        ("json", "string"): Verdict(DOCUMENT, "warning", _SEEN_AS_TEXT),
        ("json", "text"): Verdict(DOCUMENT, "warning", _SEEN_AS_TEXT),
        ("json", "json"): Verdict("", "info", ""),
        ("uuid", "uuid"): Verdict(UUID_TEXT, "warning", "PyDAL reads the UUID as a str"),
    },
}
# bilayer's own adapters store what bilayer.types stores.
_NATIVE: Final = frozenset(
    {
        *_SAME,
        ("boolean", "boolean"),
        ("time", "time"),
        ("datetime", "datetime"),
        ("json", "json"),
        ("binary", "binary"),
        ("uuid", "uuid"),
        ("list", "json"),
    }
)


_WHOLE_DECIMALS: Final = "PyDAL has integers where SQLAlchemy has decimals"
_FLOATS: Final = "one layer has floats and the other decimals"
# What bilayer's own adapters keep although the kinds differ.
_NATIVE_SURVIVED: Final[Mapping[str, Mapping[tuple[str, str], str]]] = {
    "sqlite": {
        ("integer", "boolean"): "PyDAL reads and writes 0 and 1",
        ("integer", "numeric"): _WHOLE_DECIMALS,
        ("float", "integer"): "PyDAL may write fractions, which SQLite keeps as they are",
        ("float", "numeric"): _FLOATS,
    },
    "postgresql": {
        ("integer", "numeric"): _WHOLE_DECIMALS,
        ("float", "numeric"): _FLOATS,
        ("numeric", "float"): _FLOATS,
    },
    "mysql": {
        ("integer", "boolean"): "PyDAL reads and writes 0 and 1",
        ("integer", "numeric"): _WHOLE_DECIMALS,
        ("float", "numeric"): _FLOATS,
        ("numeric", "float"): _FLOATS,
    },
}


def kind_of(field_type: str) -> str | None:
    """Tell the kind of value a PyDAL type holds; ``None`` for a type PyDAL does not know."""
    match = re.match(r"[a-z-]+", field_type)
    return FIELD_KINDS.get(match.group()) if match else None


def affinity(type_: Type) -> str:
    """Tell how SQLite treats values of a column; numeric and integer affinity store alike."""
    return _AFFINITY.get(type_.physical, "blob" if type_.physical == "unknown" else "text")


def judge(
    field: Field,
    kind: str,
    column: Type,
    *,
    adapter: str,
    engine: str,
    is_catalog: bool = False,
) -> Verdict | None:
    """Judge whether the values of a column survive PyDAL.

    Args:
        field: The PyDAL field.
        kind: The kind of its values (``kind_of``), after references were followed.
        column: The column's type.
        adapter: The PyDAL adapter; see ``snapshot.Runtime``.
        engine: ``sqlite``, ``postgresql`` or ``mysql``.
        is_catalog: The column was read from a database, which keeps some types as others.

    Returns:
        ``None`` if every value survives.
    """
    if engine == "postgresql" and kind == "text" and _FILLED.match(column.text):
        # For the server blanks at the end of CHAR mean nothing, and both layers read them.
        reason = "the server fills shorter text with blanks, and gives it back with them"
        return Verdict(MISMATCH, "warning", reason)
    if column.family == "unknown":
        return _judge_unknown(field, kind, column, engine)
    if field.type == "bigint" and _is_narrow(column, engine):
        return Verdict(MISMATCH, "error", "the column holds less than an integer of 64 bits")
    if adapter == "native":
        return _judge_native(kind, column, engine, is_catalog=is_catalog)
    return _judge_stock(field, kind, column, adapter, engine)


def _is_narrow(column: Type, engine: str) -> bool:
    """Tell whether a column of no integers cannot hold one of 64 bits; SQLite keeps any number."""
    digits = column.precision or _BIG_DIGITS
    is_short = column.family == "numeric" and column.scale == 0 and digits < _BIG_DIGITS
    return column.family == "boolean" or (is_short and engine != "sqlite")


_BIG_DIGITS: Final = 19
_STRICT: Final = re.compile(
    r"(?:INET|CIDR|MACADDR8?|HSTORE|TSQUERY|PG_LSN|\w+(?:RANGE|MULTIRANGE))\b", re.IGNORECASE
)
"""Types of PostgreSQL that take nothing but text of their own form."""
_FILLED: Final = re.compile(r"(?:CHAR|CHARACTER)\((?!1\))", re.IGNORECASE)
"""CHAR of more than one letter."""


def _judge_unknown(field: Field, kind: str, column: Type, engine: str) -> Verdict | None:
    """Judge a type of an extension or of one engine: PyDAL can have it as text only."""
    if column.text == "NullType()":
        return None  # A type taken over from a key that leads nowhere is not known yet.
    is_refused = engine == "postgresql" and _STRICT.match(column.text)
    if kind == "text" and is_refused and not field.is_form_checked:
        reason = f"PyDAL may write any text, and the server refuses what is no {column.text}"
        return Verdict(MISMATCH, "error", reason)
    if kind in ("text", "geometry"):
        return None
    reason = f"PyDAL has {_WORDS.get(kind, kind)} for {column.text}"
    return Verdict(MISMATCH, "error" if is_refused else "warning", reason)


def _mismatch(kind: str, column: Type) -> Verdict:
    if kind == "list":
        reason = f"PyDAL keeps lists as |a|b| or arrays, and the column is {column.family}"
        return Verdict(LIST, "error", reason)
    reason = f"PyDAL reads and writes {_WORDS.get(kind, kind)} in a column of {column.family}"
    return Verdict(MISMATCH, "error", reason)


_WORDS: Final = {
    "list": "lists",
    "text": "text",
    "integer": "integers",
    "float": "floats",
    "numeric": "decimals",
    "json": "JSON documents",
    "binary": "bytes",
    "date": "dates",
    "time": "times of day",
    "datetime": "instants",
    "boolean": "booleans",
    "uuid": "UUIDs",
}


def _judge_stock(
    field: Field, kind: str, column: Type, adapter: str, engine: str
) -> Verdict | None:
    special = _judge_by_detail(field, kind, column, adapter, engine)
    if special is not None:
        return special if special.code else None
    if (kind, column.family) in _SAME:
        return None
    verdict = _STOCK[engine].get((kind, column.family))
    verdict = verdict or _ON_EVERY_ENGINE.get((kind, column.family))
    if verdict is None:
        return _mismatch(kind, column)
    return verdict if verdict.code else None


_FINE: Final = Verdict("", "info", "")


def _judge_by_detail(
    field: Field, kind: str, column: Type, adapter: str, engine: str
) -> Verdict | None:
    """Judge the pairs where more than the two families decides; ``_FINE`` is no finding."""
    if kind == "datetime" and column.family == "datetime":
        return _judge_stock_datetime(column, engine)
    if kind == "list":
        return _judge_stock_list(field, column, adapter)
    if kind == "uuid":
        return _judge_stock_uuid(column, engine)
    if kind == "integer" and field.type.startswith("big"):
        special = _judge_stock_big(field, column, engine)
        if special is not None:
            return special
    if kind == "boolean" and column.family in TEXTUAL and adapter == "postgres3":
        return Verdict(BOOLEAN, "error", "postgres3 writes TRUE and FALSE, not text")
    if field.type == "jsonb" and engine != "postgresql":
        return Verdict(DOCUMENT, "error", f"PyDAL knows no jsonb on {engine} and writes repr text")
    if kind in _NUMBERS and column.family in _NUMBERS:
        return _judge_stock_number(kind, column, engine)
    return None


def _judge_stock_datetime(column: Type, engine: str) -> Verdict:
    if column.timezone and engine == "postgresql":
        reason = "PyDAL writes times without a zone and cuts off the microseconds"
    else:
        reason = "PyDAL drops a time's zone without converting it, and cuts off the microseconds"
    if engine == "mysql" and not column.fraction and not column.timezone:
        return _FINE
    return Verdict(NAIVE_TIME, "warning", reason)


def _judge_stock_uuid(column: Type, engine: str) -> Verdict | None:
    """A UUID is sent as 36 characters with dashes, and read as what the driver gives."""
    is_hex = column.physical == "string" and (column.length or _DASHED_DIGITS) < _DASHED_DIGITS
    if engine == "sqlite" or not is_hex:
        return None
    how = "refuses" if engine == "postgresql" else "cuts off"
    reason = f"PyDAL writes {_DASHED_DIGITS} characters with dashes, which the server {how}"
    return Verdict(UUID_TEXT, "error", reason)


def _judge_stock_big(field: Field, column: Type, engine: str) -> Verdict | None:
    """PyDAL sends bigint and big-reference in quotes, and reads a big-reference as it comes."""
    if (column.family, engine) == ("boolean", "postgresql"):
        return Verdict(MISMATCH, "warning", "the server takes 0 and 1 only")
    is_read_as_is = field.type.startswith("big-reference") and engine != "sqlite"
    if column.family == "numeric" and is_read_as_is:
        return Verdict(MISMATCH, "error", "PyDAL reads keys as decimals")
    return None


def _judge_stock_list(field: Field, column: Type, adapter: str) -> Verdict | None:
    if adapter not in ("postgres2", "postgres3"):
        return None
    if column.family == "array":
        is_text = field.type == "list:string"
        if column.item not in ("", "string" if is_text else "integer", "text" if is_text else ""):
            return Verdict(LIST, "error", f"the elements of the column are {column.item}")
        return _FINE
    return Verdict(LIST, "error", f"{adapter} writes arrays, and the column is {column.family}")


def _judge_stock_number(kind: str, column: Type, engine: str) -> Verdict | None:
    if column.family == "numeric" and column.stored == "integer":
        return Verdict(
            INEXACT, "error", "the column holds scaled integers, which PyDAL takes as is"
        )
    if kind == "integer" and column.family == "numeric" and column.scale == 0:
        return Verdict(MISMATCH, "warning", "PyDAL reads integers where SQLAlchemy has decimals")
    if kind == "float" and column.family == "numeric":
        if column.scale == 0 and column.precision is not None:
            return Verdict(INEXACT, "error", "the column has no digits after the point")
        is_exact = (column.precision or SINGLE_DIGITS + 1) <= SINGLE_DIGITS or engine == "sqlite"
        reason = f"PyDAL reads floats, which keep {SINGLE_DIGITS} digits"
        return Verdict(INEXACT, "warning" if is_exact else "error", reason)
    if (kind, column.family, engine) == ("numeric", "numeric", "sqlite"):
        is_exact = (column.precision or SINGLE_DIGITS + 1) <= SINGLE_DIGITS
        reason = f"SQLite keeps decimals as doubles of {SINGLE_DIGITS} digits"
        return None if is_exact else Verdict(INEXACT, "warning", reason)
    return None


def _judge_native(kind: str, column: Type, engine: str, *, is_catalog: bool) -> Verdict | None:
    family = column.family
    is_text = family in ("string", "text")
    if kind == "numeric" and engine == "sqlite":
        return _judge_native_decimal(column, is_catalog=is_catalog)
    reason = _NATIVE_SURVIVED[engine].get((kind, family))
    is_whole = column.scale == 0 and column.precision is not None
    is_fitting = is_whole if kind == "integer" else not (is_whole or column.stored == "integer")
    if reason is not None and (family != "numeric" or is_fitting):
        return Verdict(MISMATCH, "warning", reason)
    if kind == "uuid" and is_text and engine != "postgresql" and is_catalog:
        return _judge_native_uuid_text(column)
    if kind in ("json", "list") and is_text and engine == "sqlite" and is_catalog:
        return None
    if (kind, family) not in _NATIVE:
        return _mismatch(kind, column)
    if kind == "datetime":
        return _judge_native_datetime(column, engine, is_catalog=is_catalog)
    if kind == "json" and engine == "postgresql" and column.physical != "jsonb":
        return Verdict(DOCUMENT, "warning", "a json column cannot be searched with ==; use JSONB")
    if kind == "json" and engine == "sqlite" and column.physical == "json":
        return Verdict(DOCUMENT, "warning", "a column declared JSON turns plain numbers into REAL")
    return None


def _judge_native_decimal(column: Type, *, is_catalog: bool) -> Verdict | None:
    if column.physical == "integer":
        # A catalog shows ExactNumeric as the integer it is kept as.
        if column.family == "numeric" or is_catalog:
            return None
        reason = "bilayer.runtime writes scaled integers, which the models take as they are"
        return Verdict(INEXACT, "error", reason)
    if column.family == "numeric":
        reason = "the column holds doubles, and bilayer.runtime writes scaled integers"
        return Verdict(INEXACT, "error", reason)
    return _mismatch("numeric", column)


def _judge_native_uuid_text(column: Type) -> Verdict | None:
    if column.length != _HEX_DIGITS:
        reason = f"bilayer.runtime keeps {_HEX_DIGITS} hex digits, without dashes"
        return Verdict(UUID_TEXT, "warning", reason)
    return None


_HEX_DIGITS: Final = 32
_DASHED_DIGITS: Final = 36


def _judge_native_datetime(column: Type, engine: str, *, is_catalog: bool) -> Verdict | None:
    if engine == "postgresql":
        if column.timezone:
            return None
        return Verdict(NAIVE_TIME, "warning", "the column has no time zone; use UTCDateTime")
    # A catalog shows UTCDateTime as what it is kept as.
    if column.timezone and not is_catalog:
        reason = "SQLAlchemy drops the zone of what it writes without converting; use UTCDateTime"
        return Verdict(NAIVE_TIME, "error", reason)
    if engine == "mysql" and not column.fraction:
        return Verdict(NAIVE_TIME, "warning", "the column keeps no microseconds; use UTCDateTime")
    if is_catalog or column.text == "UTCDateTime":
        return None
    return Verdict(NAIVE_TIME, "warning", "SQLAlchemy reads times without a zone; use UTCDateTime")
