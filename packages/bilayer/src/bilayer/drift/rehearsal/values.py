"""Values made by type, each different from the one before. Knows no database."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bilayer.drift.constraints import Check
from bilayer.drift.snapshot import Column, Type

_LITERAL: Final = re.compile(r"'((?:[^']|'')*)'")
_NUMBER: Final = re.compile(r"(?<![\w'.])-?\d+(?:\.\d+)?(?![\w'])")
_LONGEST: Final = 4000
_START: Final = dt.datetime(2024, 2, 29, 12, 30, 15)  # noqa: DTZ001 - columns without zone too
_BY_NATIVE: Final[Mapping[str, str]] = {
    "inet": "10.1.{high}.{low}",
    "cidr": "10.1.{high}.{low}/32",
    "macaddr": "08:00:2b:01:{high:02x}:{low:02x}",
    "point": "({n},1)",
    "box": "({n},1),(0,0)",
    "circle": "<({n},1),2>",
    "line": "{{1,-1,{n}}}",
    "lseg": "[({n},1),(2,2)]",
    "path": "[({n},1),(2,2)]",
    "polygon": "(({n},1),(2,2),(3,0))",
    "tsvector": "word{n}",
    "tsquery": "word{n}",
    "int4range": "[{n},{m})",
    "int8range": "[{n},{m})",
    "numrange": "[{n},{m})",
    "daterange": "[2024-01-01,2025-01-01)",
    "tsrange": "[2024-01-01,2025-01-01)",
    "tstzrange": "[2024-01-01,2025-01-01)",
    "money": "{n}.25",
    "xml": "<a>{n}</a>",
    "hstore": "a=>{n}",
    "ltree": "top.word{n}",
    "oid": "{n}",
    "name": "name{n}",
    "interval": "{n} days 01:02:03",
    "geometry": "POINT({n} 1)",
}


def make_value(column: Column, number: int, engine: str) -> Any:
    """Make the value a column gets in the row of this number, as the engine's driver takes it.

    Args:
        column: The column; its type decides.
        number: Counts from 1.
        engine: PostgreSQL takes every value as text.
    """
    return _make(column.type, number, engine)


def _make(type_: Type, number: int, engine: str) -> Any:
    native = type_.native.partition("(")[0]
    if engine == "postgresql" and native.endswith("[]"):
        inner = Type(family=type_.item or "string", text="", native=native.removesuffix("[]"))
        return "{" + json.dumps(str(_make(inner, number, engine))) + "}"
    if engine == "postgresql" and native in _BY_NATIVE:
        return _BY_NATIVE[native].format(
            n=number, m=number + 1, high=number // 250 % 250, low=number % 250 + 1
        )
    family = type_.family if type_.family in _MAKERS else type_.physical
    maker = _MAKERS.get(family, _make_text)
    return maker(type_, number, engine)


def _make_text(type_: Type, number: int, _engine: str) -> str:
    if type_.length in (32, 36) and type_.text.upper().startswith("CHAR"):
        return _make_uuid(type_, number, "")
    is_plain = (type_.collation or "").startswith(("ascii", "latin"))
    text = f"{'e' if is_plain else 'é'}{number}-{'made up text' if number % 2 else 'another'}"
    length = type_.length or 40
    if length < len(text):
        # Of short columns, only the number tells one row from the next.
        text = str(number)[-length:].rjust(min(length, 2), "a")[:length]
    return text[:_LONGEST]


def _make_integer(type_: Type, number: int, _engine: str) -> int | str:
    if type_.text.upper().startswith("YEAR"):
        return 2000 + number % 100
    return number % (100 if (type_.bits or 32) <= 8 else 30_000)  # noqa: PLR2004 - a byte


def _make_number(type_: Type, number: int, engine: str) -> Any:
    scale = min(type_.scale if type_.scale is not None else 2, 6)
    whole = (type_.precision or 12) - (type_.scale or 0)
    value = number % 10 ** min(max(whole, 0), 6) + (0.5 if scale and whole > 0 else 0)
    if whole <= 0:
        value = 0.1 if scale else 0
    text = f"{value:.{scale}f}"
    return float(text) if engine == "sqlite" else text


def _make_boolean(_type: Type, number: int, engine: str) -> Any:
    return number % 2 if engine != "postgresql" else str(bool(number % 2)).lower()


def _make_date(_type: Type, number: int, _engine: str) -> str:
    return (_START.date() + dt.timedelta(days=number)).isoformat()


def _make_datetime(type_: Type, number: int, engine: str) -> str:
    micro = 123456 if engine == "postgresql" or type_.fraction or engine == "sqlite" else 0
    moment = _START + dt.timedelta(days=number, microseconds=micro)
    zone = "+00" if engine == "postgresql" and type_.timezone else ""
    return moment.isoformat(sep=" ", timespec="microseconds") + zone


def _make_time(_type: Type, number: int, _engine: str) -> str:
    return f"{number % 24:02}:30:15"


def _make_interval(_type: Type, number: int, _engine: str) -> str:
    return (dt.datetime(1970, 1, 1) + dt.timedelta(days=number)).isoformat(  # noqa: DTZ001 - how SQLAlchemy keeps one
        sep=" ", timespec="microseconds"
    )


def _make_uuid(type_: Type, number: int, engine: str) -> str:
    value = uuid.UUID(int=(0x5EED << 112) + number)
    is_text = engine != "postgresql" and (type_.length or 32) < 36  # noqa: PLR2004 - with its hyphens
    return value.hex if is_text else str(value)


def _make_json(_type: Type, number: int, _engine: str) -> str:
    return json.dumps({"number": number, "text": "é", "list": [1, None, True]})


def _make_binary(type_: Type, number: int, engine: str) -> Any:
    value = (bytes([0, 255, number % 256]) + str(number).encode())[: type_.length or 64]
    return "\\x" + value.hex() if engine == "postgresql" else value


def _make_bit(type_: Type, number: int, engine: str) -> Any:
    length = type_.length or 1
    declared = re.search(r"\((\d+)\)", type_.native or type_.text)
    length = int(declared[1]) if declared else length
    if engine == "postgresql":
        return f"{number % 2**length:0{length}b}"
    return number % 2**length


def _make_enum(type_: Type, number: int, engine: str) -> str:
    return (
        type_.values[number % len(type_.values)]
        if type_.values
        else _make_text(type_, number, engine)
    )


_MAKERS: Final[Mapping[str, Callable[[Type, int, str], Any]]] = {
    "binary": _make_binary,
    "bit": _make_bit,
    "boolean": _make_boolean,
    "date": _make_date,
    "datetime": _make_datetime,
    "enum": _make_enum,
    "float": _make_number,
    "integer": _make_integer,
    "interval": _make_interval,
    "json": _make_json,
    "jsonb": _make_json,
    "numeric": _make_number,
    "string": _make_text,
    "text": _make_text,
    "time": _make_time,
    "uuid": _make_uuid,
}  # fmt: skip


def list_candidates(column: Column, checks: Sequence[Check], engine: str) -> list[Any]:
    """List values the checks of a column might accept: what they name, and common shapes.

    Args:
        column: A column that some of the checks name.
        checks: Those checks.
        engine: For the form of the values.
    """
    text = " ".join(check.expression for check in checks)
    words = [word.replace("''", "'") for word in _LITERAL.findall(text)]
    numbers = [float(number) for number in _NUMBER.findall(text)]
    near = [value for number in numbers for value in (number, number + 1, number - 1)]
    whole = [int(value) for value in near if value == int(value)]
    found: list[Any]
    if column.type.family in ("string", "text", "enum", "unknown"):
        lengths = [length for length in whole if 0 < length <= _LONGEST]
        found = [*words, "a", "abc", "en", "https://example.org/a", "a@example.org", "2024-02-29"]
        found += ["x" * length for length in lengths] + ["0" * length for length in lengths]
        found += [("AB" * length)[:length] for length in lengths]
        found += ["ab" * (length // 2) for length in lengths] + ["A1-b2", "ABC", "12345", ""]
    elif column.type.family in ("integer", "boolean"):
        found = [*whole, 1, 0, -1]
    elif column.type.family in ("numeric", "float"):
        found = [*near, 0.5, 1, 0, -1]
    elif column.type.family in ("json", "jsonb", "array"):
        found = [*words, "{}", "[]", '"a"', "1"]
    else:
        found = [*words]
    if engine == "postgresql":
        found = [value if isinstance(value, str) else f"{value:g}" for value in found]
    made = [make_value(column, number, engine) for number in (1, 2, 3)]
    return list(dict.fromkeys([*made, *found]))
