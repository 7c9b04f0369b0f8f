"""Pages of other origins: the listed ones may read, and no header makes another one listed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.origins import is_origin
from tests.support.service import connected, settings_for

ORIGIN = "https://app.example.com"
LOCAL = "http://localhost:3000"
ME = "/api/v1/users/me"
ASKING = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
FOREIGN = [
    *("https://evil.example", "null", "*", "", "https://app.example.com.evil.example"),
    *("http://app.example.com", "https://app.example.com:8443", "https://app.example.com/"),
    *("https://APP.example.com", "https://xapp.example.com", "https://sub.app.example.com"),
    *(f"{ORIGIN}, {LOCAL}", f"{ORIGIN} https://evil.example", f"{ORIGIN}\t"),
]


@pytest.fixture
def listing(tmp_path: Path) -> Iterator[Flask]:
    """The application with two origins on its list."""
    settings = settings_for(f"sqlite:///{tmp_path}/none.db", tmp_path)
    with connected(settings):
        yield create_app(settings.model_copy(update={"cors_origins": f"{ORIGIN}, {LOCAL}"}))


@pytest.fixture
def browser(listing: Flask) -> FlaskClient:
    """Someone who looks at pages of other origins."""
    return listing.test_client()


def cors(headers: object) -> set[str]:
    return {name for name in dict(headers) if name.startswith("Access-Control-")}  # type: ignore[call-overload]  # pairs


@pytest.mark.parametrize("origin", [ORIGIN, LOCAL])
def test_browser_may_ask_without_a_token_what_it_may_send(
    browser: FlaskClient, origin: str
) -> None:
    answer = browser.options(ME, headers=ASKING | {"Origin": origin})

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {
        *("GET", "HEAD", "PATCH", "DELETE", "OPTIONS")
    }
    assert set(answer.headers["Access-Control-Allow-Headers"].split(", ")) == {
        *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID")
    }
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", [ME, "/healthz", "/nowhere"], ids=["401", "200", "404"])
def test_listed_page_may_read_answers_of_every_status(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path, headers={"Origin": ORIGIN})

    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Expose-Headers"] == (
        "ETag, Idempotency-Replayed, Retry-After, X-Cache, X-Request-ID"
    )
    assert cors(answer.headers) == {"Access-Control-Allow-Origin", "Access-Control-Expose-Headers"}


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_page_that_is_not_listed_is_told_nothing(
    browser: FlaskClient, method: str, origin: str
) -> None:
    answer = browser.open(ME, method=method, headers=ASKING | {"Origin": origin})

    assert cors(answer.headers) == set()
    assert "Origin" in answer.headers["Vary"], "a cache could give it what a listed page got"


def test_request_without_an_origin_is_answered_as_ever(browser: FlaskClient) -> None:
    answer = browser.get("/healthz")

    assert answer.status_code == 200
    assert cors(answer.headers) == set()
    assert answer.headers["Vary"] == "Origin"


def test_without_a_list_no_page_of_another_origin_may_read(edge_client: FlaskClient) -> None:
    answers = [
        edge_client.get(ME, headers={"Origin": ORIGIN}),
        edge_client.options(ME, headers=ASKING),
        edge_client.options(ME, headers=ASKING | {"Origin": "*"}),
    ]

    assert [cors(answer.headers) for answer in answers] == [set()] * 3


@pytest.mark.parametrize(
    "text",
    [ORIGIN, LOCAL, "http://127.0.0.1:5173", "https://[::1]:3000", "https://a", "https://xn--a.b"],
)
def test_what_a_browser_says_is_an_origin(text: str) -> None:
    assert is_origin(text)


@pytest.mark.parametrize(
    "text",
    ["*", "null", "app.example.com", "https://", "https://a/", "https://a/b", "https://a?b",
     "https://a:443", "http://a:80", "https://a:", "https://a:0", "https://A.example",
     "https://*.example.com", "ftp://a", "https://u@a", "https://a b", "https://.a", "https://a\n"],
)  # fmt: skip
def test_what_no_browser_says_is_no_origin(text: str) -> None:
    assert not is_origin(text)
