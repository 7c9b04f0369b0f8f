"""JSON columns: merge patches, containment and text at a path mean the same on every engine."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bilayer.runtime import (
    JSON_NULL,
    Database,
    InvalidValue,
    json_contains,
    json_merge,
    json_text,
)
from tests.bilayer.runtime.engines import Statements
from tests.bilayer.runtime.threads import run_together

# https://www.rfc-editor.org/rfc/rfc7396#appendix-A, the cases whose patch is an object.
RFC_7396 = (
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
)
FURTHER = (
    ('"text"', '{"a":1}', '{"a":1}'),
    ("5", "{}", "{}"),
    ('{"a":1}', "{}", '{"a":1}'),
    ('{"a":"scalar"}', '{"a":{"b":null,"c":1}}', '{"a":{"c":1}}'),
    ('{"a":{"b":{"c":1,"d":2}}}', '{"a":{"b":{"c":null}}}', '{"a":{"b":{"d":2}}}'),
    ('{"a":[1,{"b":null}]}', '{"c":[null,{}]}', '{"a":[1,{"b":null}],"c":[null,{}]}'),
    ('{"it\'s":1,"%s":2,"$":4}', '{"it\'s":null,"%s":{"?":":x"}}', '{"%s":{"?":":x"},"$":4}'),
    ('{"a.b":1,"é😀":2}', '{"a.b":3,"é😀":null,"":4}', '{"a.b":3,"":4}'),
    ('{"q\\"uote":1,"back\\\\slash":2}', '{"q\\"uote":3,"back\\\\slash":null}', '{"q\\"uote":3}'),
    ('{"a":12345678901234567890}', '{"c":1e23}', '{"a":12345678901234567890,"c":1e23}'),
    ('{"a":true}', '{"a":false,"b":"true"}', '{"a":false,"b":"true"}'),
)  # fmt: skip
CONTAINED: tuple[tuple[Any, Any, bool], ...] = (
    ({"a": 1, "b": 2}, {"a": 1}, True),
    ({"a": 1}, {}, True),
    ({"a": 1}, {"a": 2}, False),
    ({"a": 1}, {"b": 1}, False),
    ({"a": 1}, {"a": "1"}, False),
    ({"a": 1}, {"a": True}, False),
    ({"a": 1}, {"a": 1.0}, True),
    ({"a": None}, {"a": None}, True),
    ({"a": 1}, {"b": None}, False),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
    ({"a": {"b": 1}}, {"b": 1}, False),
    ({"a": [1, 2, 3]}, {"a": [3, 1]}, True),
    ({"a": [1, 2]}, {"a": [1, 1]}, True),
    ({"a": [1, 2]}, {"a": [3]}, False),
    ({"a": [1, 2]}, {"a": []}, True),
    ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
    ({"a": [[1, 2]]}, {"a": [[1]]}, True),
    ({"a": [[1, 2]]}, {"a": [1]}, False),
    ([1, 2, 3], [2], True),
    ([1, 2, 3], 2, True),
    ([1, 2, 3], 9, False),
    ([[1]], 1, False),
    (2, [2], False),
    ("a", "a", True),
    ("a", "A", False),
    (["it's %s"], "it's %s", True),
    ({}, [], False),
    ([], {}, False),
    ({"a": 2**53 + 1}, {"a": 2**53}, False),
    ({"a": 2**53 + 1}, {"a": float(2**53)}, False),
    ({"a": 2**53}, {"a": float(2**53)}, True),
    ({"a": float(2**53)}, {"a": 2**53}, True),
    ({"a": [1e20]}, {"a": [10**20]}, True),
    ({"a": [10**20 + 1]}, {"a": [1e20]}, False),
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
)
plain_keys = st.sampled_from(["a", "b", "c", "it's", "a.b", "%s", "é", ""])
keys = plain_keys | st.sampled_from(['"', "\\"])  # MariaDB cannot look these up, but merges them


def documents_of(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Generate documents whose objects have these keys."""
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )


documents, plain_documents = documents_of(keys), documents_of(plain_keys)
patches = st.dictionaries(keys, documents, max_size=4)
on_a_database = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch: the pseudo-code of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def stored_after(db: Any, document: Any, patch: dict[str, Any]) -> Any:
    """Store a document, merge the patch into it in the database, read it."""
    key = db.things.insert(document=JSON_NULL if document is None else document)
    query = db.things.id == key
    assert db(query).update(document=json_merge(db.things.document, patch)) == 1
    return db(query).one(db.things.document)["document"]


# -- merge


@pytest.mark.parametrize(("document", "patch", "result"), RFC_7396 + FURTHER)
def test_merge_patch_follows_rfc_7396(db: Any, document: str, patch: str, result: str) -> None:
    found = stored_after(db, json.loads(document), json.loads(patch))

    assert found == json.loads(result)
    assert merged(json.loads(document), json.loads(patch)) == json.loads(result)


@on_a_database
@given(document=documents, patch=patches)
def test_merge_patch_of_any_document_follows_rfc_7396(db: Any, document: Any, patch: Any) -> None:
    assert stored_after(db, document, patch) == merged(document, patch)


def test_missing_document_counts_as_an_empty_one(db: Any) -> None:
    key = db.things.insert(document=None)

    db(db.things.id == key).update(document=json_merge(db.things.document, {"a": {"b": None}}))

    assert db.things(key).document == {"a": {}}


@pytest.mark.parametrize("patch", [None, [], ["c"], "bar", 5, True])
def test_patch_that_is_no_object_is_refused(db: Any, patch: Any) -> None:
    with pytest.raises(InvalidValue):
        json_merge(db.things.document, patch)


@pytest.mark.parametrize(
    "patch", [{"a": object()}, {"a": float("nan")}, {1: 2}, {"a": "\ud800"}, {"\x00": 1}]
)
def test_patch_that_is_no_json_is_refused(db: Any, patch: Any) -> None:
    key = db.things.insert(document={"a": 1})

    with pytest.raises(InvalidValue):
        db(db.things.id == key).update(document=json_merge(db.things.document, patch))

    assert db.things(key).document == {"a": 1}


def test_merge_is_one_statement(db: Any, database: Database) -> None:
    sent = Statements(database).sent

    db(db.things.id == 1).update(document=json_merge(db.things.document, {"a": {"b": 1}}))

    assert len(sent) == 1


def test_writers_of_different_keys_both_win(db: Any, database: Database) -> None:
    key = db.things.insert(document={"kept": True})
    query = db.things.id == key

    def write(name: str) -> int:
        lost = 0
        for turn in range(200):
            db(query).update(document=json_merge(db.things.document, {name: {"turn": turn}}))
            lost += db(query).one(db.things.document)["document"][name] != {"turn": turn}
        return lost

    lost = run_together(database, [partial(write, name) for name in ("left", "right")])

    assert lost == [0, 0]
    assert db.things(key).document == {
        "kept": True,
        "left": {"turn": 199},
        "right": {"turn": 199},
    }


# -- contains


@pytest.mark.parametrize(("document", "wanted", "holds"), CONTAINED)
def test_document_contains_another(db: Any, document: Any, wanted: Any, holds: bool) -> None:
    key = db.things.insert(document=document)
    db.things.insert(document=None)

    found = db(json_contains(db.things.document, wanted)).dicts(db.things.id)

    assert found == ([{"id": key}] if holds else [])


@on_a_database
@given(document=plain_documents, wanted=plain_documents)
def test_containment_is_the_same_everywhere(db: Any, document: Any, wanted: Any) -> None:
    key = db.things.insert(document=JSON_NULL if document is None else document)
    wanted = JSON_NULL if wanted is None else wanted

    found = db((db.things.id == key) & json_contains(db.things.document, wanted)).count()

    assert found == contains(document, None if wanted is JSON_NULL else wanted)


def contains(document: Any, wanted: Any, *, top: bool = True) -> bool:
    """The rules of PostgreSQL's @>: https://www.postgresql.org/docs/15/datatype-json.html."""
    if isinstance(wanted, dict):
        return isinstance(document, dict) and all(
            name in document and contains(document[name], value, top=False)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(document, list) and all(
            any(contains(item, value, top=False) for item in document) for value in wanted
        )
    if isinstance(document, list):
        return top and any(contains(item, wanted, top=False) for item in document)
    return type(document) is type(wanted) and bool(document == wanted)


# -- text at a path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("s",), "it's 😀 %s"),
        (("empty",), ""),
        (("i",), "42"),
        (("negative",), "-7"),
        (("f",), "1.5"),
        (("t",), "true"),
        (("no",), "false"),
        (("n",), None),
        (("absent",), None),
        (("o", "deep", 1, "x"), "found"),
        (("o", "deep", 0), "10"),
        (("o", "deep", 9), None),
        (("s", "deeper"), None),
        (("a.b",), "dotted"),
        (("1",), "digit"),
        (("$",), "dollar"),
        (("",), "nameless"),
        (("it's",), "quoted"),
        (("looks like", "null"), "null"),
    ],
)
def test_text_at_a_path(db: Any, path: tuple[str | int, ...], text: str | None) -> None:
    document = {
        "s": "it's 😀 %s", "empty": "", "i": 42, "negative": -7, "f": 1.5, "t": True, "no": False,
        "n": None, "o": {"deep": [10, {"x": "found"}]}, "a.b": "dotted", "1": "digit",
        "$": "dollar", "": "nameless", "it's": "quoted", "looks like": {"null": "null"},
    }  # fmt: skip
    key = db.things.insert(document=document)
    expression = json_text(db.things.document, *path)

    assert db(db.things.id == key).one(expression.with_alias("found")) == {"found": text}
    assert db(expression == text).count() == 1


def test_text_of_no_document_is_none(db: Any) -> None:
    db.things.insert(document=None)

    assert db(db.things).one(json_text(db.things.document, "a").with_alias("a")) == {"a": None}


def test_text_orders_and_groups(db: Any) -> None:
    for word in ("b", "a", "b"):
        db.things.insert(document={"word": word})
    word = json_text(db.things.document, "word")

    rows = db(db.things).dicts(
        word.with_alias("word"), db.things.id.count().with_alias("n"), groupby=word, orderby=word
    )

    assert rows == [{"word": "a", "n": 1}, {"word": "b", "n": 2}]


@pytest.mark.parametrize("path", [(), (-1,), (True,), ("a", -3)])
def test_path_that_is_none_is_refused(db: Any, path: Any) -> None:
    with pytest.raises(InvalidValue):
        json_text(db.things.document, *path)
