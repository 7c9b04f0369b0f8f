import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.operations.importer.elements import Element, Malformed, split

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def split_text(text: bytes, chunk: int) -> list[Element]:
    chunks = iter([text[start : start + chunk] for start in range(0, len(text), chunk)])
    return list(split(lambda _: next(chunks, b"")))


@given(
    document=st.lists(documents),
    indent=st.none() | st.integers(0, 2),
    is_ascii=st.booleans(),
    chunk=st.integers(1, 20),
)
def test_elements_are_found_wherever_the_file_is_cut_into_pieces(
    document: list[Any], indent: int | None, is_ascii: bool, chunk: int
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode()

    elements = split_text(text, chunk)

    assert [json.loads(element.raw) for element in elements] == document
    for element in elements:
        assert text[element.offset : element.offset + element.size] == element.raw


@given(text=st.text(alphabet='[]{}",:\\ 1aé'), chunk=st.integers(1, 5))
def test_what_is_taken_for_an_array_is_one_if_its_elements_are_json(text: str, chunk: int) -> None:
    try:
        elements = split_text(text.encode(), chunk)
        values = [json.loads(element.raw) for element in elements]
    except (Malformed, json.JSONDecodeError):
        with pytest.raises(json.JSONDecodeError):
            require_array_or_object(text)
    else:
        assert values == require_array_or_object(text)


def require_array_or_object(text: str) -> Any:
    document = json.loads(text)
    if isinstance(document, dict):
        return [document]
    if not isinstance(document, list):
        raise json.JSONDecodeError("neither", text, 0)
    return document


def test_levels_are_counted() -> None:
    elements = split_text(b'[{"a": ["]", {"b": "[[["}], "c": []}, 1, "[", []]', 7)

    assert [element.depth for element in elements] == [3, 0, 0, 1]
