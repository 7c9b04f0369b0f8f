"""Answers are spelled the same by the fast writer and by Python's, to the byte."""

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from app.api.encoding import JSONProvider, encode
from app.vocabulary import Role

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])
_TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=_ZONES)
_VALUES = (
    *(st.none(), st.booleans(), st.integers(), st.uuids(), st.dates(), _TEXT, _TIMES),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
)
_DOCUMENTS = st.recursive(
    st.one_of(*_VALUES),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner) | st.tuples(inner, inner),
)


def _by_python(value: Any) -> bytes:
    text = json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        default=JSONProvider.default,
    )
    return text.encode()


@given(_DOCUMENTS)
@example({"at": datetime(2026, 11, 20, 10, tzinfo=UTC), "days": [date(2026, 11, 20)]})
@example([2**63, -(2**63), 2**64, 10**40, Decimal("1.10"), Role.ADMIN, {1: 2, None: 3}])
@example("".join(map(chr, range(0x3000))))
def test_every_value_is_spelled_as_python_spells_it(document: Any) -> None:
    assert encode(document) == _by_python(document)


@pytest.mark.parametrize(
    "number",
    [0.0, -0.0, 1e-4, math.nextafter(1e-4, 0), 1e-5, 0.1, math.nextafter(1e16, 0), 1e16, 1e300],
)
def test_floats_are_spelled_as_python_spells_them_where_its_spelling_changes(number: float) -> None:
    assert encode([number, -number]) == _by_python([number, -number])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "\ud800", {"\udfff": 1}])
def test_what_is_no_json_is_refused_at_any_depth(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates not allowed"):
        encode({"items": [{"value": value}]})


def test_what_has_no_spelling_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes has no spelling in JSON"):
        encode([b"raw"])


def test_an_answer_is_written_by_it() -> None:
    app = Flask(__name__)
    response = JSONProvider(app).response({"id": UUID(int=1), "at": datetime(1, 1, 1, tzinfo=UTC)})
    assert response.get_data() == (
        b'{"id":"00000000-0000-0000-0000-000000000001","at":"0001-01-01T00:00:00.000000Z"}\n'
    )
    assert response.mimetype == "application/json"
