"""Texts that mean the same are written in one form, and others are not."""

from __future__ import annotations

import pytest

from bilayer.drift.compare.spelling import (
    canonical_default,
    canonical_expression,
    canonical_index,
    constant_default,
)

SAME_DEFAULTS = [
    ("datetime", ["now()", "CURRENT_TIMESTAMP", "current_timestamp()", "(CURRENT_TIMESTAMP)"]),
    ("integer", ["0", "'0'", "(0)", "'0'::smallint", "0.00", " 0 "]),
    ("numeric", ["1.50", "'1.5'", "(1.5)::numeric(10,2)"]),
    ("boolean", ["true", "1", "'1'", "TRUE", "'t'::bool"]),
    ("string", ["'x'", "'x'::character varying", "('x')", "'x'::character varying(20)"]),
    ("json", ["'{}'", "'{}'::jsonb", "('{}')"]),
    ("string", [None, "NULL", "null", "NULL::character varying"]),
]
OTHER_DEFAULTS = [
    ("string", "'x'", "'X'"),
    ("string", "''", None),
    ("string", "'null'", None),
    ("string", "'a::text'", "'a'"),
    ("integer", "0", "1"),
    ("datetime", "now()", "'now()'"),
]


@pytest.mark.parametrize(("family", "texts"), SAME_DEFAULTS)
def test_defaults_that_mean_the_same_compare_equal(family: str, texts: list[str | None]) -> None:
    assert len({canonical_default(text, family) for text in texts}) == 1


@pytest.mark.parametrize(("family", "one", "two"), OTHER_DEFAULTS)
def test_defaults_that_differ_stay_apart(family: str, one: str | None, two: str | None) -> None:
    assert canonical_default(one, family) != canonical_default(two, family)


@pytest.mark.parametrize(
    ("text", "family", "constant"),
    [
        ("'viewer'::character varying", "string", "viewer"),
        ("'it''s'", "string", "it's"),
        ("false", "boolean", "0"),
        ("5", "integer", "5"),
        ("now()", "datetime", None),
        ("nextval('s'::regclass)", "integer", None),
        (None, "string", None),
    ],
)
def test_constant_of_a_default(text: str | None, family: str, constant: str | None) -> None:
    assert constant_default(text, family) == constant


@pytest.mark.parametrize(
    ("one", "two", "is_same"),
    [
        ("(a > 0)", "a>0", True),
        ('"a"  >  0', "`a` > 0", True),
        ("kind IN ('a', 'b')", "KIND in ('a','b')", True),
        ("kind = 'A'", "kind = 'a'", False),
        ("(a) or (b)", "a) or (b", False),
        ("((a>0) and (k in ( 'x' )))", "a > 0 AND k IN ('x')", True),
        ("(a and b) and c", "a and b and c", True),
        ("a or (b and c)", "a or b and c", True),
        ("(a or b) and c", "a or b and c", False),
        ("a = '(x) and' and (b)", "a = '(x) and' and b", True),
        (
            "(role)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])",
            "(role)::text = ANY (ARRAY['a'::text, 'b'::text])",
            True,
        ),
        (
            "(role)::text = ANY (ARRAY[('a'::character varying)::text, ('b''s'::text)])",
            "(role)::text = ANY (ARRAY['a'::text, 'b''s'::text])",
            True,
        ),
        ("a = any(array['a'::text])", "a = any(array['b'::text])", False),
        ("a = '::text'", "a = ''", False),
        ("(a) > ((b))", "a > b", True),
        ("a in (5)", "a in 5", False),
        ("a in ('x')", "a in 'x'", False),
        ("a = '('||')'", "a = ''||''", False),
        ("a = '(' or b = ')'", "a = '('  OR  b = ')'", True),
    ],
)
def test_expressions(one: str, two: str, *, is_same: bool) -> None:
    assert (canonical_expression(one) == canonical_expression(two)) is is_same


def test_index_predicates_may_be_spelled_in_either_case() -> None:
    assert canonical_index("(a) where b=0") == canonical_index("(a) WHERE b = 0")
    assert canonical_index("(a) where b = 'X'") != canonical_index("(a) where b = 'x'")
    assert canonical_index("(a) where (b = 'x') and c") == canonical_index("(a) WHERE b='x' AND c")
    assert canonical_index("((n)::text)") != canonical_index("(n)")
    assert canonical_index('(" where ")') == canonical_index("(` where `)")


def test_ascending_order_is_what_is_left_unsaid() -> None:
    assert canonical_index("btree (a ASC, b DESC)") == canonical_index("btree (a, b DESC)")
    assert canonical_index("btree (a, b DESC)") != canonical_index("btree (a, b)")
