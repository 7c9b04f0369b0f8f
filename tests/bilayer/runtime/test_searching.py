"""Searching text finds the same rows on every engine, whatever wildcards, quotes and case do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bilayer.runtime import DatabaseError, InvalidValue, RawSQLRefused

TEXTS: Final = (
    "", "a", "A", "ab", "aB", "a_b", "a%b", "a\\b", "a\\", "\\", "%", "_", "\\%", "\\_", "é", "É",
    "été", "ÉTÉ", "a\nb", "a b ", " ", "'", "x'y", "😀", "😀😀", "straße", "STRASSE", "a.b", "a*",
)  # fmt: skip
SYMBOLS: Final = st.sampled_from("aAb%_\\éÉ'")


def store(db: Any, texts: Iterable[str]) -> None:
    """Replace all things by one for each text."""
    with db.transaction():
        db(db.things).delete()
        for text in texts:
            db.things.insert(title=text)


def found(db: Any, query: Any) -> list[str]:
    """List the texts that a query finds, sorted."""
    return sorted(row["title"] for row in db(query).dicts(db.things.title))


def as_regexp(pattern: str, *, escape: str) -> re.Pattern[str]:
    """Translate a LIKE pattern, in which the text ``escape`` escapes."""
    parts = []
    symbols = iter(pattern)
    for symbol in symbols:
        if symbol == escape:
            parts.append(re.escape(next(symbols)))
        else:
            parts.append({"%": ".*", "_": "."}.get(symbol, re.escape(symbol)))
    return re.compile("".join(parts), re.DOTALL)


def ends_in_the_middle(pattern: str) -> bool:
    """Tell whether the last backslash of a pattern escapes nothing."""
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    texts=st.lists(st.text(SYMBOLS, max_size=6), max_size=20, unique=True),
    patterns=st.lists(st.text(SYMBOLS, max_size=6), min_size=1, max_size=20),
)
def test_patterns_mean_the_same_on_every_engine(
    db: Any, texts: list[str], patterns: list[str]
) -> None:
    texts = sorted({*texts, *TEXTS})
    store(db, texts)
    title = db.things.title

    for pattern in patterns:
        plain = as_regexp(pattern, escape="")
        assert found(db, title.like(pattern)) == [t for t in texts if plain.fullmatch(t)], pattern
        if ends_in_the_middle(pattern):
            continue
        escaped = as_regexp(pattern, escape="\\")
        expected = [t for t in texts if escaped.fullmatch(t)]
        assert found(db, title.like(pattern, escape="\\")) == expected, pattern


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(patterns=st.lists(st.text(SYMBOLS, max_size=4), min_size=1, max_size=20))
def test_case_is_ignored_alike_on_every_engine(db: Any, patterns: list[str]) -> None:
    texts = [text for text in TEXTS if "ß" not in text]
    store(db, texts)
    title = db.things.title

    for pattern in patterns:
        plain = as_regexp(pattern.lower(), escape="")
        expected = sorted(t for t in texts if plain.fullmatch(t.lower()))
        assert found(db, title.ilike(pattern)) == expected, pattern
        part = sorted(t for t in texts if pattern.lower() in t.lower())
        assert found(db, title.contains(pattern)) == part, pattern


@pytest.mark.parametrize("part", TEXTS)
def test_part_of_a_text_is_found_literally(db: Any, part: str) -> None:
    store(db, TEXTS)
    title = db.things.title

    assert found(db, title.startswith(part)) == sorted(t for t in TEXTS if t.startswith(part))
    assert found(db, title.endswith(part)) == sorted(t for t in TEXTS if t.endswith(part))
    cased = title.contains(part, case_sensitive=True)
    assert found(db, cased) == sorted(t for t in TEXTS if part in t)


def test_several_parts_are_found_together_or_apart(db: Any) -> None:
    store(db, ["red green", "green", "blue"])
    title = db.things.title

    assert found(db, title.contains(["red", "green"], all=True)) == ["red green"]
    assert found(db, title.contains(["red", "blue"])) == ["blue", "red green"]


def test_pattern_may_come_from_a_column(db: Any) -> None:
    db.things.insert(title="abc", body="a%")
    db.things.insert(title="xyz", body="a%")

    assert found(db, db.things.title.like(db.things.body)) == ["abc"]


def test_number_is_searched_by_its_digits(db: Any) -> None:
    for number in (7, 70, 17):
        db.things.insert(small=number, title=str(number))

    assert found(db, db.things.small.like("7%")) == ["7", "70"]


def test_pattern_must_be_text(db: Any) -> None:
    for pattern in (5, b"a", ["a"], None, "\x00", "\ud800"):
        for search in ("like", "ilike"):
            with pytest.raises((InvalidValue, RawSQLRefused, TypeError, AttributeError)):
                db(getattr(db.things.title, search)(pattern)).count()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^a", ["a", "a b ", "a%b", "a*", "a.b", "aB", "a\\", "a\\b", "a_b", "ab"]),
        ("^a.b$", ["a%b", "a.b", "a\\b", "a_b"]),
        ("^[ab]+$", ["a", "ab"]),
        ("é", ["é", "été"]),
        ("^a[*]$", ["a*"]),
        ("^a\\\\", ["a\\", "a\\b"]),
        ("'", ["'", "x'y"]),
        ("^.$", [" ", "%", "'", "A", "\\", "_", "a", "É", "é", "😀"]),
        ("^(ab|x.y)$", ["ab", "x'y"]),
    ],
)
def test_regular_expressions_that_engines_share_find_the_same(
    db: Any, pattern: str, expected: list[str]
) -> None:
    store(db, [text for text in TEXTS if "\n" not in text])

    assert found(db, db.things.title.regexp(pattern)) == sorted(expected)


def test_regular_expression_that_is_none_is_an_error(db: Any) -> None:
    store(db, ["a"])

    with pytest.raises(DatabaseError):
        found(db, db.things.title.regexp("("))
    assert found(db, db.things.title == "a") == ["a"]


def test_list_is_searched_for_whole_items(db: Any) -> None:
    lists: dict[str, list[str] | None] = {
        "one": ["abc", "b c", "é\\'%", ""],
        "two": ["ABC", "b"],
        "none": [],
        "null": None,
    }
    for title, words in lists.items():
        lengths = None if words is None else [len(words), 2**60]
        db.things.insert(title=title, words=words, numbers=lengths)
    listed, numbers = db.things.words, db.things.numbers

    assert found(db, listed.contains("abc")) == ["one"]
    assert found(db, listed.contains("b")) == ["two"]
    assert found(db, listed.contains("é\\'%")) == ["one"]
    assert found(db, listed.contains("")) == ["one"]
    assert found(db, listed.contains(["b", "abc"])) == ["one", "two"]
    assert found(db, listed.contains(["b", "ABC"], all=True)) == ["two"]
    assert found(db, numbers.contains(4)) == ["one"]
    assert found(db, numbers.contains(2**60)) == ["none", "one", "two"]
    assert found(db, numbers.contains(6)) == []
