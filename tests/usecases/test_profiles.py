"""Profiles, and above all preferences that several clients change at once."""

from typing import Any

import pytest

from app.errors import Invalid
from app.models import get_profile
from app.usecases.profiles import MAX_PREFERENCES_BYTES, change_profile, require_profile
from tests.factories import make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")


def test_profile_that_was_never_stored_is_empty_and_reading_stores_nothing() -> None:
    user = make_user()
    assert get_profile(user["id"]) is None

    profile = require_profile(user["id"])

    assert (profile["user_id"], profile["preferences"]) == (user["id"], {})
    assert profile["display_name"] is None
    assert require_profile(user["id"]) == profile
    assert get_profile(user["id"]) is None


def test_empty_profile_has_every_column_of_a_stored_one() -> None:
    user = make_user()
    empty = require_profile(user["id"])

    stored = change_profile(user["id"], {"display_name": None})

    assert stored.keys() == empty.keys()
    assert empty["version"] == 0
    changing = {"updated_at": None, "version": None}
    assert stored | changing == empty | changing


def test_profile_that_many_change_at_once_is_made_once() -> None:
    user = make_user()

    profiles = run_together([lambda: change_profile(user["id"], {"display_name": "Ada"})] * 4)

    assert [profile["display_name"] for profile in profiles] == ["Ada"] * 4


def test_columns_change_without_the_preferences_and_the_other_way_round() -> None:
    user = make_user()

    change_profile(user["id"], {"display_name": "Ada", "preferences": {"theme": "dark"}})
    change_profile(user["id"], {"display_name": None})
    profile = change_profile(user["id"], {"preferences": {"voice": "low"}})

    assert profile["display_name"] is None
    assert profile["preferences"] == {"theme": "dark", "voice": "low"}


# The examples of RFC 7396, appendix A, whose target and patch are objects.
MERGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": "f"}, {"a": 1}, {"e": "f", "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ({"a": 1}, {}, {"a": 1}),
    ({"ключ": "é🦜", "'; --": 1}, {"ключ": None, "a.b": True}, {"'; --": 1, "a.b": True}),
]


@pytest.mark.parametrize(("before", "patch", "after"), MERGES)
def test_preferences_are_merged_as_the_standard_says(
    before: dict[str, Any], patch: dict[str, Any], after: dict[str, Any]
) -> None:
    user = make_user()
    change_profile(user["id"], {"preferences": before})

    profile = change_profile(user["id"], {"preferences": patch})

    assert profile["preferences"] == after


def test_clients_that_change_different_preferences_at_once_all_win() -> None:
    user = make_user()
    clients = 8

    results = run_together(
        [
            lambda n=n: [  # type: ignore[misc]  # a default binds the loop's value
                change_profile(
                    user["id"], {"preferences": {f"key{n}": turn, "deep": {str(n): turn}}}
                )
                for turn in range(5)
            ]
            for n in range(clients)
        ]
    )

    assert [result for result in results if isinstance(result, Exception)] == []
    preferences = require_profile(user["id"])["preferences"]
    assert preferences == {f"key{n}": 4 for n in range(clients)} | {
        "deep": {str(n): 4 for n in range(clients)}
    }


def test_preferences_may_be_as_deep_as_a_body() -> None:
    user = make_user()

    def nested(name: str) -> dict[str, Any]:
        document: dict[str, Any] = {name: True}
        for _ in range(30):
            document = {"a": document}
        return document

    change_profile(user["id"], {"preferences": nested("x")})
    innermost = change_profile(user["id"], {"preferences": nested("y")})["preferences"]

    for _ in range(30):
        innermost = innermost["a"]
    assert innermost == {"x": True, "y": True}


def test_preferences_cannot_grow_without_end() -> None:
    user = make_user()
    third = "x" * (MAX_PREFERENCES_BYTES // 3)
    change_profile(user["id"], {"preferences": {"a": third, "b": third}})

    with pytest.raises(Invalid) as refused:
        change_profile(user["id"], {"display_name": "Ada", "preferences": {"c": third}})

    assert [error.field for error in refused.value.errors] == ["preferences"]
    profile = require_profile(user["id"])
    assert profile["preferences"].keys() == {"a", "b"}
    assert profile["display_name"] is None
