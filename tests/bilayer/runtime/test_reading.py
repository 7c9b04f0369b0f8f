"""What is read often is read by a short way, which gives what the long one gives."""

from __future__ import annotations

import json
import pickle
from typing import Any
from uuid import UUID

import pytest

from bilayer import documents, uuids
from bilayer.runtime import InvalidValue
from bilayer.runtime.adapters.parts import ReadingPlan
from bilayer.runtime.codecs import encode_boolean, encode_text
from bilayer.runtime.templates import Template

KEY = UUID("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")


def outcome(read: Any, text: Any) -> Any:
    """Tell what a function gives, with its type, or which error it raises."""
    try:
        found = read(text)
    except ValueError:
        return ValueError
    return type(found), repr(found)


@pytest.mark.parametrize(
    "text",
    [
        *(str(KEY), KEY.hex, str(KEY).upper(), KEY.urn, f"{{{KEY}}}", "0" * 32, "f" * 32),
        *("", "x" * 32, "0" * 31, "0" * 33, f"{KEY}-", f"{{{KEY.hex[:30]}}}", f" {KEY.hex[1:]}"),
    ],
)
def test_uuids_are_read_as_their_constructor_reads_them(text: str) -> None:
    assert outcome(uuids.read, text) == outcome(UUID, text)


def test_a_uuid_that_was_read_is_one_like_any_other() -> None:
    read = uuids.read(str(KEY))

    assert (read, hash(read), read.int, read.is_safe) == (KEY, hash(KEY), KEY.int, KEY.is_safe)
    assert pickle.loads(pickle.dumps(read)) == KEY


@pytest.mark.parametrize(
    "text",
    [
        *('{"a":[1,2.5,null,true,"x"]}', '"text"', "1", "-0.0", "1e400", "NaN", "null", "[]"),
        *(" [1]", "[1]\n", "[1] [2]", "[1,]", "", "  ", '{"a":1,"a":2}', '"\\ud800"', "\ufeff1"),
        *(b'{"a":1}', b" 1 ", '{"a":1}'.encode("utf-16"), str(2**80)),
    ],
)
def test_documents_are_read_as_the_standard_library_reads_them(text: str | bytes) -> None:
    assert outcome(documents.load, text) == outcome(json.loads, text)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_arrays_and_nulls_are_read_as_psycopg2_reads_them(db: Any) -> None:
    [row] = db.executesql(
        "SELECT %s::uuid, NULL::uuid, ARRAY[%s::uuid, NULL], ARRAY['[1]'::jsonb], ' 1 '::json",
        [str(KEY), str(KEY)],
    )

    assert row == (KEY, None, [KEY, None], [[1]], 1)


def test_the_parameter_that_does_not_fit_is_named() -> None:
    slots = ((None, "fixed"), ("first", encode_text), ("second", encode_boolean))
    template = Template("", slots)

    assert template.parameters({"first": None, "second": True}) == ["fixed", None, True]
    with pytest.raises(InvalidValue, match="'second'"):
        template.parameters({"first": "text", "second": "text"})


def test_rows_of_other_columns_than_the_plans_are_refused() -> None:
    plan = ReadingPlan(("a", "b"), (("b", str),))

    assert plan.dicts([]) == []
    assert plan.dicts([(1, 2), (3, None)]) == [{"a": 1, "b": "2"}, {"a": 3, "b": None}]
    with pytest.raises(ValueError, match="other columns"):
        plan.dicts([(1, 2, 3)])
