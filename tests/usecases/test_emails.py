"""Which text is an e-mail address."""

import pytest

from app.models import email_key
from app.usecases.emails import find_flaw


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.com",
        "Ada.King+tag@sub.example.co.uk",
        "o'neil_{}|~@x-y.example",
        "admin@localhost",
        "jürgen@bücher.example",
        "用户@例子.测试",
        "a" * 64 + "@" + "b" * 63 + ".example",
    ],
)
def test_address_is_accepted(email: str) -> None:
    assert find_flaw(email) is None


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@@example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@example.com.",
        ".ada@example.com",
        "=?utf-8?q?ada?=@example.com",
        "ada.@example.com",
        "a..b@example.com",
        "ada king@example.com",
        "ada@exa mple.com",
        "ada@example.com\n",
        "ada@example.com\nBcc: x@example.com",
        '"ada king"@example.com',
        "ada@[127.0.0.1]",
        "<ada@example.com>",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".example",
        "deleted:0190b1a4-0000-7000-8000-000000000000",
        "a" * 60 + "@" + ("b" * 60 + ".") * 4 + "example",
        "ﬃ" * 60 + "@" + "ﬃ" * 60 + ".example",
    ],
)
def test_text_that_is_no_address_is_refused(email: str) -> None:
    flaw = find_flaw(email)

    assert flaw is not None
    assert flaw.field == "email"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("ada@example.com", "  ADA@Example.COM "),
        ("stra\u00dfe@example.com", "STRASSE@example.com"),
        ("\u00e9va@example.com", "E\u0301VA@example.com"),
    ],
)
def test_spellings_of_one_address_have_one_key(left: str, right: str) -> None:
    assert email_key(left) == email_key(right)


def test_different_addresses_have_different_keys() -> None:
    assert email_key("ada@example.com") != email_key("a.da@example.com")
    assert email_key("ada+x@example.com") != email_key("ada@example.com")
