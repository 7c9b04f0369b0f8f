"""What tokens look like, and which text can be one."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.usecases.tokens import derive_token, make_token, read_token

USER = UUID("0190b1a4-7c00-7000-8000-0000000000aa")
KEY = b"key of the server"


def test_token_carries_its_account_and_256_random_bits() -> None:
    token = make_token(USER)

    user_id, _, secret = token.text.partition(".")
    assert user_id == str(USER)
    assert len(secret) == 43
    assert token.text not in {make_token(USER).text for _ in range(100)}


def test_token_is_read_as_it_was_made() -> None:
    token = make_token(USER)

    assert read_token(token.text) == token


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:0],
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text + "\n",
        lambda text: text.upper(),
        lambda text: text.replace(".", ":"),
        lambda text: text.replace("-", ""),
        lambda text: "{" + text,
        lambda text: text[:-1] + "\u00e9",
        lambda text: text.partition(".")[2],
    ],
)
def test_text_of_another_form_is_no_token(change: Callable[[str], str]) -> None:
    assert read_token(change(make_token(USER).text)) is None


def test_only_the_digest_is_fit_to_be_stored_or_shown() -> None:
    token = make_token(USER)
    secret = token.text.partition(".")[2]

    assert len(token.digest) == 64
    assert secret not in repr(token)


def test_successor_is_the_same_each_time_and_differs_by_purpose_parent_and_key() -> None:
    parent = make_token(USER)
    successor = derive_token(parent, "refresh", KEY)

    others = [
        derive_token(parent, "access", KEY),
        derive_token(make_token(USER), "refresh", KEY),
        derive_token(parent, "refresh", b"another key"),
    ]

    assert successor == derive_token(parent, "refresh", KEY)
    assert successor not in others
    assert read_token(successor.text) == successor
