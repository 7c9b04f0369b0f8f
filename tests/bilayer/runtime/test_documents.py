"""Reading, searching and merging JSON documents in the database means the same on every engine."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bilayer.runtime import JSON_NULL, InvalidValue, json_contains, json_merge, json_text
from tests.bilayer.runtime.corpus import HOSTILE, NUMBERS_IN_DOCUMENTS

BATCH: Final = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KEYS: Final = st.sampled_from(["a", "b", "0", "é", "it's", ""])
SCALARS: Final = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "1"])
DOCUMENTS: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS: Final = st.dictionaries(KEYS, DOCUMENTS, max_size=4)


def merged(document: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def same(left: Any, right: Any) -> bool:
    """Compare two scalars as JSON does: true is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def holds(document: Any, wanted: Any, *, inside: bool = False) -> bool:
    """Tell whether a document contains another (PostgreSQL's manual, section 8.14.3)."""
    if isinstance(wanted, dict):
        return isinstance(document, dict) and all(
            key in document and holds(document[key], value, inside=True)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(document, list) and all(
            any(holds(item, value, inside=True) for item in document) for value in wanted
        )
    if isinstance(document, list) and not inside:
        return any(not isinstance(item, list | dict) and same(item, wanted) for item in document)
    return not isinstance(document, list | dict) and same(document, wanted)


def stored(document: Any) -> Any:
    """Give what must be written to store a document."""
    return JSON_NULL if document is None else document


def read_text(db: Any, document: Any, *path: str | int) -> Any:
    """Store a document and read the text at a path."""
    key = db.things.insert(document=document)
    return db(db.things.id == key).one(json_text(db.things.document, *path).with_alias("text"))[
        "text"
    ]


# ---------------------------------------------------------------- merging


@BATCH
@given(pairs=st.lists(st.tuples(DOCUMENTS, OBJECTS), min_size=1, max_size=20))
def test_merge_patch_does_what_the_standard_says(db: Any, pairs: list[tuple[Any, Any]]) -> None:
    table = db.things

    for document, patch in pairs:
        key = table.insert(document=stored(document))
        assert db(table.id == key).update(document=json_merge(table.document, patch)) == 1
        assert table(key).document == merged(document, patch), (document, patch)


def test_patch_of_nothing_makes_an_object(db: Any) -> None:
    key = db.things.insert(document=None)

    db(db.things.id == key).update(document=json_merge(db.things.document, {"a": {"b": None}}))

    assert db.things(key).document == {"a": {}}


def test_numbers_and_texts_survive_a_merge(db: Any) -> None:
    patch = {
        "numbers": list(NUMBERS_IN_DOCUMENTS),
        **dict.fromkeys(HOSTILE, "value"),
        "texts": list(HOSTILE),
    }
    key = db.things.insert(document={"kept": NUMBERS_IN_DOCUMENTS[8]})

    db(db.things.id == key).update(document=json_merge(db.things.document, patch))

    found = db.things(key).document
    assert found == {"kept": NUMBERS_IN_DOCUMENTS[8], **patch}
    assert [type(number) for number in found["numbers"]] == [type(n) for n in NUMBERS_IN_DOCUMENTS]


def test_merges_follow_each_other_in_one_update(db: Any) -> None:
    key = db.things.insert(document={"a": 1}, small=1)
    table = db.things

    db(table.id == key).update(document=json_merge(table.document, {"b": 2}), small=table.small + 1)
    db(table.id == key).update(document=json_merge(table.document, {"a": None}))

    assert db(table.id == key).one(table.document, table.small) == {
        "document": {"b": 2},
        "small": 2,
    }


# ---------------------------------------------------------------- searching


@BATCH
@given(pairs=st.lists(st.tuples(DOCUMENTS, DOCUMENTS), min_size=1, max_size=20))
def test_containment_follows_one_rule(db: Any, pairs: list[tuple[Any, Any]]) -> None:
    table = db.things

    for document, wanted in pairs:
        key = table.insert(document=stored(document))
        query = json_contains(table.document, stored(wanted))
        assert db((table.id == key) & query).count() == holds(document, wanted), (document, wanted)


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ([1, [2, 3]], [2]),
        ([1, [2, 3]], [[2]]),
        ([1, 2], 1),
        ([{"a": 1}], {"a": 1}),
        ([{"a": 1, "b": 2}], [{"a": 1}]),
        ({"a": [1, 2]}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}),
        ({"a": None}, {"a": None}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {}),
        ([], []),
        ("a", "a"),
    ],
)
def test_containment_in_its_corners(db: Any, document: Any, wanted: Any) -> None:
    db.things.insert(document=document)

    assert db(json_contains(db.things.document, wanted)).count() == holds(document, wanted)


def test_nothing_contains_nothing(db: Any) -> None:
    db.things.insert(document=None)

    assert db(json_contains(db.things.document, {})).count() == 0
    assert db(~json_contains(db.things.document, {})).count() == 0


def test_documents_are_equal_by_value(db: Any) -> None:
    document = {"b": 1, "a": [1.5, {"d": None, "c": "é"}]}
    reordered = {"a": [1.5, {"c": "é", "d": None}], "b": 1}
    db.things.insert(document=document)
    column = db.things.document

    assert db(column == document).count() == 1
    assert db(column == reordered).count() == 1
    assert db(column.belongs([reordered, {}])).count() == 1
    assert db(column != reordered).count() == 0
    assert db(column == {**document, "b": 2}).count() == 0
    assert db(column == {**document, "b": True}).count() == 0


def test_documents_have_no_order_and_no_parts_of_text(db: Any) -> None:
    db.things.insert(document={"a": 1})
    column = db.things.document

    for query in (column < {"a": 2}, column >= {"a": 0}, column.contains("a"), column.like("%a%")):
        with pytest.raises((InvalidValue, TypeError)):
            db(query).count()


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é\\'\"", "é\\'\""),
        ("", ""),
        ("null", "null"),
        (7, "7"),
        (-(2**63), str(-(2**63))),
        (2**70, str(2**70)),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, None),
    ],
)
def test_scalar_is_read_as_its_text(db: Any, value: Any, text: str | None) -> None:
    assert read_text(db, {"a": [0, {"b": value}]}, "a", 1, "b") == text


def test_path_that_leads_nowhere_gives_none(db: Any) -> None:
    assert read_text(db, {"a": 1}, "b") is None
    assert read_text(db, {"a": 1}, "a", "b") is None
    assert read_text(db, {"a": [1]}, "a", 1) is None
    assert read_text(db, "text", "a") is None
    assert read_text(db, None, "a") is None


def test_position_is_no_key_and_key_no_position(db: Any) -> None:
    assert read_text(db, {"0": "key"}, "0") == "key"
    assert read_text(db, ["item"], 0) == "item"
    assert read_text(db, {"0": "key"}, 0) is None
    assert read_text(db, ["item"], "0") is None
    assert read_text(db, "scalar", 0) is None


def test_key_with_signs_of_a_path_is_one_key(db: Any) -> None:
    for key in ("a.b", "*", "$", "[0]", "a b", "é", "it's", "%s", "?", "a-", ""):
        assert read_text(db, {key: "found", "a": {"b": "wrong"}}, key) == "found"


@BATCH
@given(keys=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=30))
def test_any_key_is_found_or_refused(db: Any, keys: list[str]) -> None:
    table = db.things

    for key in keys:
        if "\x00" in key:
            continue
        row = table.insert(document={key: "found"})
        try:
            text = json_text(table.document, key)
            held = json_contains(table.document, {key: "found"})
        except InvalidValue:
            assert re.search(r'["\\\x00-\x1f]|^-', key)
            continue
        assert db((table.id == row) & held).one(text.with_alias("text")) == {"text": "found"}, key


@pytest.mark.parametrize(
    "path",
    [
        (),
        (-1,),
        (True,),
        (1.5,),
        (None,),
        (b"a",),
        ("a\x00",),
        ("-1",),
        ("-a",),
        ('"',),
        ("\\",),
        ("\n",),
    ],
    ids=repr,
)
def test_path_of_other_things_is_refused(db: Any, path: tuple[Any, ...]) -> None:
    with pytest.raises((InvalidValue, TypeError)):
        read_text(db, {"a": 1}, *path)


def test_text_of_a_document_orders_and_groups_rows(db: Any) -> None:
    for kind in ("b", "a", "b"):
        db.things.insert(document={"kind": kind})
    kind = json_text(db.things.document, "kind")

    found = db(db.things).dicts(
        kind.with_alias("kind"), db.things.id.count().with_alias("many"), groupby=kind, orderby=kind
    )

    assert found == [{"kind": "a", "many": 1}, {"kind": "b", "many": 2}]
