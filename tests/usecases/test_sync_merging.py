"""What becomes of one change: decisions in memory, for tables of every kind."""

from typing import Any, Literal
from uuid import uuid4

import pytest

from app.models import Synced
from app.usecases.sync.merging import MAX_MERGED_BYTES, Draft, Mutation, decide, merge_patch

HEAD = 9
NOTES = Synced(
    "notes",
    shown=("id", "title", "tags", "version"),
    writable=("title", "tags"),
    required=("title",),
    merged=("tags",),
    is_deletable=True,
)
LOG = Synced(
    "log",
    shown=("id", "line", "version"),
    writable=("line",),
    required=("line",),
    is_append_only=True,
)
# RFC 7396, appendix A.
PATCHES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


def stored(version: int, **columns: Any) -> dict[str, Any]:
    return {"id": uuid4(), "version": version, "is_deleted": False, **columns}


def change(
    op: Literal["upsert", "delete"] = "upsert", base: int | None = None, **fields: Any
) -> Mutation:
    return Mutation("m", "notes", op, uuid4(), base, fields)


def judged(draft: Draft, mutation: Mutation) -> tuple[str, str | None]:
    verdict = decide(draft, mutation, head=HEAD)
    return verdict.word, verdict.code


@pytest.mark.parametrize(("document", "patch", "merged"), PATCHES)
def test_documents_are_patched_as_rfc_7396_says(document: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(document, patch) == merged


@pytest.mark.parametrize(
    ("row", "mutation", "verdict"),
    [
        (None, change(title="a"), ("applied", None)),
        (None, change(base=0, title="a"), ("applied", None)),
        (None, change(base=3, title="a"), ("conflict", "ROW_COLLECTED")),
        (None, change(tags={"a": 1}), ("rejected", "REQUIRED")),
        (None, change("delete", base=3), ("applied", None)),
        (stored(3, title="a", tags={}), change(base=3, title="b"), ("applied", None)),
        (stored(3, title="a", tags={}), change(base=HEAD, title="b"), ("applied", None)),
        (stored(3, title="a", tags={}), change(base=2, title="b"), ("merged", None)),
        (stored(3, title="a", tags={}), change(title="b"), ("merged", None)),
        (stored(3, title="a", tags={}), change(title="a"), ("applied", None)),
        (stored(3, title="a", tags={}), change("delete", base=1), ("applied", None)),
        (stored(3, title="a", tags={}), change(base=HEAD + 1), ("rejected", "VERSION_UNKNOWN")),
        (stored(3, is_deleted=True, title="a", tags={}), change(base=3, title="b"),
         ("conflict", "ROW_DELETED")),
        (stored(3, is_deleted=True, title="a", tags={}), change("delete"), ("applied", None)),
    ],
)  # fmt: skip
def test_each_change_has_its_verdict(
    row: dict[str, Any] | None, mutation: Mutation, verdict: tuple[str, str | None]
) -> None:
    assert judged(Draft(NOTES, row), mutation) == verdict


def test_only_what_is_given_changes_and_documents_are_patched() -> None:
    draft = Draft(NOTES, stored(3, title="a", tags={"x": 1, "y": 2}))

    decide(draft, change(base=1, tags={"x": None, "z": 3}), head=HEAD)

    assert draft.changes == {"tags": {"y": 2, "z": 3}}
    assert draft.columns == {"title": "a", "tags": {"y": 2, "z": 3}}


def test_what_changes_nothing_is_not_written() -> None:
    draft = Draft(NOTES, stored(3, title="a", tags={"x": 1}))

    decide(draft, change(title="a", tags={"x": 1.0, "y": None}), head=HEAD)

    assert draft.changes is None


def test_patches_cannot_let_a_document_grow_without_end() -> None:
    half = "a" * (MAX_MERGED_BYTES // 2)
    draft = Draft(NOTES, stored(3, title="a", tags={"x": half}))

    assert judged(draft, change(tags={"y": half})) == ("rejected", "TOO_LARGE")
    assert judged(draft, change(tags={"x": None, "y": half})) == ("merged", None)
    assert judged(Draft(NOTES, None), change(title="a", tags={"x": half * 2})) == (
        "rejected",
        "TOO_LARGE",
    )


def test_rows_of_a_log_are_added_and_never_changed() -> None:
    row = stored(3, line="a")
    draft = Draft(LOG, row)

    assert judged(Draft(LOG, None), change(line="a")) == ("applied", None)
    assert judged(draft, change(line="a")) == ("applied", None)
    assert judged(draft, change(base=3, line="b")) == ("conflict", "ROW_EXISTS")
    assert judged(draft, change("delete", base=3)) == ("rejected", "NOT_ALLOWED")
    assert draft.changes is None


def test_changes_of_one_row_build_on_each_other() -> None:
    draft = Draft(NOTES, None)

    words = [
        decide(draft, mutation, head=HEAD).word
        for mutation in (change(title="a"), change(base=0, title="b"), change("delete"))
    ]

    assert words == ["applied"] * 3
    assert draft.changes == {"title": "b", "is_deleted": True}
    assert judged(draft, change(title="c")) == ("conflict", "ROW_DELETED")
