"""What tokens look like, and which text can be one."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.usecases.tokens import derive_tokens, make_token, read_token

USER = UUID("0190b1a4-7c00-7000-8000-0000000000aa")
FAMILY = UUID("9b2e61c4-3d0f-4c55-8a17-5e0d2f6b7c88")
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


def test_refresh_token_names_its_sign_in_too() -> None:
    token = make_token(USER, FAMILY)

    assert read_token(token.text) == token
    assert token.family_id == FAMILY
    assert len(token.text.partition(".")[2]) == 64
    assert make_token(USER).family_id is None


def test_successors_are_the_same_each_time_and_differ_by_purpose_parent_and_key() -> None:
    parent = make_token(USER, FAMILY)
    access, refresh = derive_tokens(parent, KEY)

    others = {
        *derive_tokens(make_token(USER, FAMILY), KEY),
        *derive_tokens(parent, b"another key"),
        parent,
    }

    assert (access, refresh) == derive_tokens(parent, KEY)
    assert access.text[-43:] != refresh.text[-43:]
    assert {access, refresh}.isdisjoint(others)
    assert (access.family_id, refresh.family_id) == (None, FAMILY)
    assert read_token(access.text) == access
    assert read_token(refresh.text) == refresh
