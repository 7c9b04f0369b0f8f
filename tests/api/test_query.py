"""Query strings and paths: every way in which one is refused, and what is read."""

from typing import Any

import pytest
from flask.testing import FlaskClient

REFUSED = {
    "unknown": ("other=1", "other", "UNKNOWN_FIELD"),
    "repeated": ("word=a&word=b", "word", "REPEATED"),
    "repeated in another spelling": ("word=a&wor%64=b", "word", "REPEATED"),
    "invalid UTF-8": ("word=%ff", "query", "MALFORMED"),
    "invalid UTF-8 in a name": ("%ff=1", "query", "MALFORMED"),
    "NUL": ("word=a%00b", "query", "NUL_CHARACTER"),
    "encoded surrogate": ("word=%ed%a0%80", "query", "MALFORMED"),
    "far too many": ("&".join(f"a{number}=1" for number in range(1000)), "query", "MALFORMED"),
    "limit 0": ("limit=0", "limit", "OUT_OF_RANGE"),
    "limit 201": ("limit=201", "limit", "OUT_OF_RANGE"),
    "negative limit": ("limit=-1", "limit", "OUT_OF_RANGE"),
    "limit with a fraction": ("limit=1.0", "limit", "INVALID_NUMBER"),
    "limit with a space": ("limit=+5", "limit", "INVALID_NUMBER"),
    "limit with an underscore": ("limit=1_0", "limit", "INVALID_NUMBER"),
    "limit in other digits": ("limit=%D9%A5", "limit", "INVALID_NUMBER"),
    "empty limit": ("limit=", "limit", "INVALID_NUMBER"),
    "limit of 5,000 digits": ("limit=" + "9" * 4000, "limit", "INVALID_NUMBER"),
    "time without zone": ("since=2026-01-01T00:00:00", "since", "INVALID_TIME"),
    "time as a number": ("since=1700000000", "since", "INVALID_TIME"),
    "time with a space for plus": ("since=2026-01-01T00:00:00+01:00", "since", "INVALID_TIME"),
    "flag as a number": ("is_done=1", "is_done", "INVALID_FLAG"),
    "flag in capitals": ("is_done=True", "is_done", "INVALID_FLAG"),
}
READ = {
    "nothing": ("", {"limit": 20, "word": None}),
    "limits": ("limit=200", {"limit": 200}),
    "empty text": ("word=", {"word": ""}),
    "encoded text": ("word=%C3%A4%20%2B+", {"word": "ä + "}),
    "time": ("since=2026-01-01T00:00:00.5%2B01:00", {"since": "2025-12-31T23:00:00.500000Z"}),
    "time in small letters": (
        "since=2026-01-01t00:00:00z",
        {"since": "2026-01-01T00:00:00.000000Z"},
    ),
    "flag": ("is_done=false", {"is_done": False}),
}


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [pytest.param(*case, id=name) for name, case in REFUSED.items()],
)
def test_wrong_query_is_422_and_named(
    edge_client: FlaskClient, query: str, field: str, code: str
) -> None:
    answer = edge_client.get(f"/echo?{query}")

    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    ("query", "values"), [pytest.param(*case, id=name) for name, case in READ.items()]
)
def test_right_query_is_read(edge_client: FlaskClient, query: str, values: dict[str, Any]) -> None:
    answer = edge_client.get(f"/echo?{query}")

    assert answer.status_code == 200
    assert answer.json.items() >= values.items()


def test_raw_bytes_in_a_query_are_422(edge_client: FlaskClient) -> None:
    answer = edge_client.get("/echo", environ_overrides={"QUERY_STRING": "word=\xff"})

    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "MALFORMED")


@pytest.mark.parametrize("path", ["12abc", "0" * 32, "%00", "%ff", "null", "a" * 300])
def test_malformed_id_is_422(edge_client: FlaskClient, path: str) -> None:
    answer = edge_client.delete(f"/echo/{path}")

    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [
        ("id", "INVALID_ID")
    ]


@pytest.mark.parametrize(
    "path", ["/healthz", "/metrics", "/openapi.json", "/docs", "/docs/css/swagger-ui.css"]
)
def test_probes_and_files_ignore_queries(edge_client: FlaskClient, path: str) -> None:
    with edge_client.get(f"{path}?v=1&v=2&x=%ff") as answer:
        assert answer.status_code == 200


def test_parameters_where_none_are_read_are_422(edge_client: FlaskClient) -> None:
    answer = edge_client.delete("/echo/00000000-0000-4000-8000-000000000000?force=true")

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "force")
