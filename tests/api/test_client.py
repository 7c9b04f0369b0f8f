"""Where a request comes from, as the service understands what its proxy wrote."""

import pytest
from flask import Flask

from app.api.client import current_client


def address_of(text: str) -> str | None:
    with Flask("edge").test_request_context(environ_base={"REMOTE_ADDR": text}):
        return current_client().address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
    ],
)
def test_address_is_read_with_or_without_a_port(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "unknown", "_hidden:80", "203.0.113", "[unknown]:80", "1:2"])
def test_other_words_are_no_address(text: str) -> None:
    assert address_of(text) is None
