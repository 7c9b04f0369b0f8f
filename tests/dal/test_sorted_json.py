"""JSON for digests: the fast writer gives the very bytes that digests were made of before it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sorted_json import dump_sorted, dump_words

encoder = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@given(document=documents)
def test_documents_are_written_as_json_writes_them(document: Any) -> None:
    try:
        expected = encoder.encode(document).encode()
    except ValueError:
        with pytest.raises(ValueError, match="not JSON compliant"):
            dump_sorted(document)
    else:
        assert dump_sorted(document) == expected


def test_every_character_is_written_as_json_writes_it() -> None:
    characters = [chr(code) for code in range(0x11000) if not 0xD800 <= code < 0xE000]
    document = {"text": "".join(characters), **dict.fromkeys(characters[:0x100], "\0")}

    assert dump_words(document) == encoder.encode(document).encode()


@pytest.mark.parametrize(
    "document",
    [1e16, [-0.0], {"a": {"b": 1e-5}}, 2**64, {1: 2}, ("a",), "\ud800"],
    ids=["large", "zero", "small", "integer", "key", "tuple", "surrogate"],
)
def test_what_the_fast_writer_writes_otherwise_is_left_to_json(document: Any) -> None:
    assert dump_words(document) is None
