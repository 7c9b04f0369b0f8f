"""Values that tests write and read: hostile texts, the edges of each type, and strategies."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
import zoneinfo
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

UTC: Final = dt.UTC
OWNERS: Final = tuple(uuid.UUID(int=number) for number in (0, 1, 10**30, 2**128 - 1))
"""Keys of owners; a test that refers to them stores them first."""

HOSTILE: Final = (
    "",
    " ",
    "trailing space ",
    "it's",
    "''",
    '"quoted" "',
    "a\\b",
    "\\",
    "\\'",
    "\\') OR (1=1) -- ",
    "x' OR '1'='1",
    "1) OR 1=1",
    "1; DROP TABLE things; --",
    "50%_",
    "%s %(name)s ? :x {} $1",
    "%%",
    "\x01s\x02\x03a\x03",
    "\x02\x01",
    "\x7f\x1f",
    "\n\t\r",
    "é\u0301 ß İ",
    "😀𝔘",
    "\ufeff\ufffe\uffff\U0010ffff",
    "\u202eright to left",
    "NULL",
    "None",
    "true",
    "0",
    "nan",
    "1e309",
    "\\u0000",
    "\\x00",
    "|a|b|",
    '{"a": 1}',
    "[]",
)
"""Texts that change their meaning when somebody pastes or decodes them."""

NUMBERS_IN_DOCUMENTS: Final = (
    0, -1, 2**31, 2**63, 2**70, -(10**40), 0.1, 0.1 + 0.2, -1.5e300, 1e16, 1e23, 5e-324,
    1.7976931348623157e308, 1e-7, 1.0, 123456789.0,
)  # fmt: skip

DOCUMENTS: Final[tuple[Any, ...]] = (
    {},
    [],
    "",
    True,
    False,
    *NUMBERS_IN_DOCUMENTS,
    *HOSTILE,
    "1e+5",
    "\\",
    {"k": [1, None, 1.5, "é😀", "it's %"]},
    {"": {"": [[], {}, None]}},
    {text: text for text in HOSTILE},
    {"numbers": list(NUMBERS_IN_DOCUMENTS)},
    [True, 1, 1.0, "1", None, False, 0, 0.0],
    [[[[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]]]],
)

EDGES: Final[Mapping[str, tuple[Any, ...]]] = {
    "flag": (True, False),
    "small": (0, 1, -1, 2**31 - 1, -(2**31)),
    "big": (0, 1, 2**63 - 1, -(2**63), 2**53 + 1),
    "ratio": (0.0, 0.1 + 0.2, -1.5e300, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308),
    "price": tuple(
        map(
            Decimal,
            (
                "0", "0.0000", "1.5", "-0.0001", "12345678901234.5678", "99999999999999.9999",
                "-99999999999999.9999", "1E+3", "1.50000000",
            ),
        )
    ),
    "title": (*HOSTILE, "x" * 60, "😀" * 60),
    "body": (*HOSTILE, "x" * 70_000, "😀 ' \\ % %s ? :x \" \n\t" * 100),
    "day": (dt.date(2024, 2, 29), dt.date.min, dt.date.max, dt.date(1970, 1, 1)),
    "hour": (dt.time(12, 34, 56, 789012), dt.time.min, dt.time.max, dt.time(0, 0, 0, 1)),
    "moment": (
        dt.datetime(2024, 1, 1, 12, 0, 0, 123457, tzinfo=UTC),
        dt.datetime(2024, 1, 1, 0, 30, 0, 249, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
        dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        dt.datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45, seconds=1))),
        dt.datetime.min.replace(tzinfo=UTC),
        dt.datetime.max.replace(tzinfo=UTC),
    ),
    "document": DOCUMENTS,
    "data": (b"", b"\x00\xff\x80abc", bytes(range(256)), b"dGV4dA==", b"text", b"'\\' OR 1=1"),
    "token": (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID(int=1234567890)),
    "words": ([], [""], [" ", "a,b", 'c"d', "NULL", "|"], list(HOSTILE)),
    "numbers": ([], [0], [2**63 - 1, -(2**63), 1, 1]),
    "owner": OWNERS,
}  # fmt: skip
"""Values of each column of ``things``, among them the ones that stock PyDAL loses."""

_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
_TEXTS = st.text(_CHARACTERS, max_size=40) | st.sampled_from(HOSTILE)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_BIG = st.integers(-(2**63), 2**63 - 1)
_OFFSETS = st.integers(-86399, 86399).map(lambda n: dt.timezone(dt.timedelta(seconds=n)))
_DOCUMENTS = st.recursive(
    st.booleans() | st.integers(-(2**80), 2**80) | _FLOATS | _TEXTS,
    lambda inner: (
        st.lists(inner | st.none(), max_size=5)
        | st.dictionaries(_TEXTS, inner | st.none(), max_size=5)
    ),
    max_leaves=15,
)

STRATEGIES: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "flag": st.booleans(),
    "small": st.integers(-(2**31), 2**31 - 1),
    "big": _BIG,
    "ratio": _FLOATS,
    "price": st.decimals(
        -(10**14) + decimal.Decimal("0.0001"), 10**14 - decimal.Decimal("0.0001"), places=4
    ),
    "title": _TEXTS,
    "body": st.text(_CHARACTERS, max_size=2000) | _TEXTS,
    "day": st.dates(),
    "hour": st.times(),
    "moment": st.datetimes(
        dt.datetime(1, 1, 3),
        dt.datetime(9999, 12, 29),
        timezones=st.timezones() | _OFFSETS | st.just(UTC),
    ),
    "document": _DOCUMENTS,
    "data": st.binary(max_size=2000),
    "token": st.uuids(),
    "words": st.lists(_TEXTS, max_size=8),
    "numbers": st.lists(_BIG, max_size=8),
    "owner": st.sampled_from(OWNERS),
}
"""Any value of each column of ``things``, but None."""
