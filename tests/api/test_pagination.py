"""Cursors: opaque, whole, and good for one list, its filters and its account only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, g

from app.api.pagination import ListQuery, page_of, read_cursor
from app.api.signing import SIGNING_KEYS
from app.errors import Invalid
from app.keyset import Position

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


class WordQuery(ListQuery):
    """A list with a filter."""

    word: str | None = None


@pytest.fixture
def listing(edge: Flask) -> Iterator[None]:
    """A request for a list."""
    with edge.test_request_context("/echo"):
        yield


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {"id": UUID(int=number), "created_at": NOON - timedelta(microseconds=number)}
        for number in range(count)
    ]


def cursor_of(query: ListQuery) -> str:
    cursor = page_of(rows(query.limit + 1), query)["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


@pytest.mark.usefixtures("listing")
def test_page_ends_where_its_cursor_points() -> None:
    page = page_of(rows(3), ListQuery.model_validate({"limit": "2"}))

    place = read_cursor(ListQuery(cursor=page["next_cursor"]))

    assert [row["id"].int for row in page["items"]] == [0, 1]
    assert place == Position(NOON - timedelta(microseconds=1), UUID(int=1))


@pytest.mark.usefixtures("listing")
@pytest.mark.parametrize("count", [0, 1, 2])
def test_last_page_has_no_cursor(count: int) -> None:
    page = page_of(rows(count), ListQuery.model_validate({"limit": "2"}))

    assert (len(page["items"]), page["next_cursor"]) == (count, None)


@pytest.mark.usefixtures("listing")
def test_page_of_many_bytes_ends_early_and_goes_on() -> None:
    large = [row | {"text": "é" * 400_000} for row in rows(5)]  # 800 kB of UTF-8 each

    page = page_of(large, ListQuery())

    place = read_cursor(ListQuery(cursor=page["next_cursor"]))
    assert [row["id"].int for row in page["items"]] == [0, 1]
    assert place == Position(NOON - timedelta(microseconds=1), UUID(int=1))


@pytest.mark.usefixtures("listing")
def test_page_has_an_item_however_large() -> None:
    huge = [row | {"text": "x" * 3_000_000} for row in rows(2)]

    page = page_of(huge, ListQuery())

    assert [row["id"].int for row in page["items"]] == [0]
    assert page["next_cursor"] is not None


@pytest.mark.usefixtures("listing")
@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
    ],
)
def test_every_time_survives_a_cursor(moment: datetime) -> None:
    row: dict[str, Any] = {"id": UUID(int=2**128 - 1), "created_at": moment}

    page = page_of([row, row], ListQuery.model_validate({"limit": "1"}))

    assert read_cursor(ListQuery(cursor=page["next_cursor"])) == Position(moment, row["id"])


@pytest.mark.usefixtures("listing")
def test_cursor_may_be_used_with_another_limit() -> None:
    cursor = cursor_of(WordQuery(word="a"))

    place = read_cursor(WordQuery.model_validate({"word": "a", "limit": "7", "cursor": cursor}))

    assert place is not None


@pytest.mark.usefixtures("listing")
@pytest.mark.parametrize("word", [None, "", "b"])
def test_cursor_is_refused_with_other_filters(word: str | None) -> None:
    cursor = cursor_of(WordQuery(word="a"))

    with pytest.raises(Invalid) as refusal:
        read_cursor(WordQuery(word=word, cursor=cursor))

    assert refusal.value.code == "INVALID_CURSOR"


def test_cursor_is_refused_for_another_list(edge: Flask) -> None:
    with edge.test_request_context("/echo"):
        cursor = cursor_of(ListQuery())

    with edge.test_request_context("/healthz"), pytest.raises(Invalid):
        read_cursor(ListQuery(cursor=cursor))


@pytest.mark.usefixtures("listing")
def test_cursor_is_refused_for_another_account() -> None:
    g.principal = type("P", (), {"user_id": UUID(int=1)})
    cursor = cursor_of(ListQuery())
    g.principal = type("P", (), {"user_id": UUID(int=2)})

    with pytest.raises(Invalid):
        read_cursor(ListQuery(cursor=cursor))


@pytest.mark.usefixtures("listing")
@pytest.mark.parametrize(
    "text", ["", "=", "x", "é", "AAAA", "A" * 54, "../../etc/passwd", "A" * 100]
)
def test_cursor_made_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(ListQuery(cursor=text))


@pytest.mark.usefixtures("listing")
def test_cursor_outlives_a_change_of_the_key_as_long_as_the_former_one_is_believed(
    edge: Flask,
) -> None:
    edge.config[SIGNING_KEYS] = (b"former",)
    cursor = cursor_of(ListQuery())
    edge.config[SIGNING_KEYS] = (b"new", b"former")

    assert read_cursor(ListQuery(cursor=cursor)) is not None
    later = cursor_of(ListQuery())
    edge.config[SIGNING_KEYS] = (b"new",)
    assert read_cursor(ListQuery(cursor=later)) is not None
    with pytest.raises(Invalid):
        read_cursor(ListQuery(cursor=cursor))


@pytest.mark.usefixtures("listing")
def test_changing_any_character_of_a_cursor_is_noticed() -> None:
    cursor = cursor_of(ListQuery())

    for position in range(len(cursor)):
        other = "B" if cursor[position] == "A" else "A"
        with pytest.raises(Invalid):
            read_cursor(ListQuery(cursor=cursor[:position] + other + cursor[position + 1 :]))
