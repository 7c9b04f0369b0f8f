"""Bodies: what is read, and every way in which one is refused before anything happens."""

import json
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app.api.body import check_json_object
from app.errors import AppError

JSON = "application/json"
BOM = b"\xef\xbb\xbf"

# The ids begin with a row of the fault list, where there is one.
MALFORMED = {
    "no JSON": (b"name=x", "NOT_JSON"),
    "cut": (b'{"name":"x"', "NOT_JSON"),
    "two documents": (b'{"name":"x"} {}', "NOT_JSON"),
    "trailing comma": (b'{"name":"x",}', "NOT_JSON"),
    "single quotes": (b"{'name':'x'}", "NOT_JSON"),
    "raw control character": (b'{"name":"\x01"}', "NOT_JSON"),
    "C12 raw NUL": (b'{"name":"\x00"}', "NOT_JSON"),
    "C16 NaN": (b'{"name":"x","ratio":NaN}', "NOT_JSON"),
    "C16 infinity": (b'{"name":"x","ratio":-Infinity}', "NOT_JSON"),
    "C16 1e999": (b'{"name":"x","ratio":1e999}', "NUMBER_TOO_LARGE"),
    "C17 list": (b'[{"name":"x"}]', "NOT_AN_OBJECT"),
    "C17 text": (b'"{}"', "NOT_AN_OBJECT"),
    "C17 null": (b"null", "NOT_AN_OBJECT"),
    "C17 number": (b"1", "NOT_AN_OBJECT"),
    "C14 duplicate key": (b'{"name":"x","name":"y"}', "DUPLICATE_KEY"),
    "C14 duplicate key below": (b'{"name":"x","payload":{"a":[{"b":1,"b":1}]}}', "DUPLICATE_KEY"),
    "C14 the same key escaped": (b'{"name":"x","n\\u0061me":"y"}', "DUPLICATE_KEY"),
    "C11 invalid UTF-8": (b'{"name":"\xff"}', "NOT_UTF8"),
    "C11 overlong UTF-8": (b'{"name":"\xc0\xaf"}', "NOT_UTF8"),
    "C11 UTF-8 surrogate": (b'{"name":"\xed\xa0\x80"}', "NOT_UTF8"),
    "C11 UTF-16": ('{"name":"x"}'.encode("utf-16"), "NOT_UTF8"),
    "C11 byte order mark": (BOM + b'{"name":"x"}', "NOT_UTF8"),
    "C10 deep lists": (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "TOO_DEEP"),
    "C10 deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "TOO_DEEP"),
    "C10 deep and never closed": (b"[" * 100_000, "TOO_DEEP"),
    "C8 10,000 keys": (
        b"{" + b",".join(b'"k%d":1' % n for n in range(10_000)) + b"}",
        "TOO_MANY_KEYS",
    ),
    "C8 1,001 keys below": (
        b'{"name":"x","payload":{' + b",".join(b'"%d":1' % n for n in range(1001)) + b"}}",
        "TOO_MANY_KEYS",
    ),
}
UNSTORABLE = {
    "C15 integer of 65 bits": (b'{"name":"x","count":9223372036854775808}', "count"),
    "C15 negative integer of 65 bits": (b'{"name":"x","count":-9223372036854775809}', "count"),
    "C15 integer of 5,000 digits": (b'{"name":"x","count":' + b"9" * 5000 + b"}", "count"),
    "C15 integer below": (b'{"name":"x","payload":{"a":[1,18446744073709551616]}}', "payload.a.1"),
    "C12 NUL": (b'{"name":"a\\u0000b"}', "name"),
    "C12 NUL below": (b'{"name":"x","payload":{"a":["\\u0000"]}}', "payload.a.0"),
    "C12 NUL in a key": (b'{"name":"x","payload":{"\\u0000":1}}', "payload"),
    "C13 high surrogate alone": (b'{"name":"\\ud83d"}', "name"),
    "C13 low surrogate alone": (b'{"name":"\\uDE00"}', "name"),
    "C13 surrogate in a key": (b'{"name":"x","payload":{"a\\ud83d":1}}', "payload"),
}
INVALID = {
    "missing": ({}, "name", "REQUIRED"),
    "unknown field": ({"name": "x", "admin": True}, "admin", "UNKNOWN_FIELD"),
    "C18 too long": ({"name": "x" * 11}, "name", "TOO_LONG"),
    "too short": ({"name": ""}, "name", "TOO_SHORT"),
    "C17 number for text": ({"name": 1}, "name", "WRONG_TYPE"),
    "C17 list for text": ({"name": ["x"]}, "name", "WRONG_TYPE"),
    "C17 object for text": ({"name": {}}, "name", "WRONG_TYPE"),
    "C17 null for text": ({"name": None}, "name", "WRONG_TYPE"),
    "C17 text for integer": ({"name": "x", "count": "1"}, "count", "WRONG_TYPE"),
    "C17 float for integer": ({"name": "x", "count": 1.0}, "count", "WRONG_TYPE"),
    "C17 boolean for integer": ({"name": "x", "count": True}, "count", "WRONG_TYPE"),
    "C17 integer for boolean": ({"name": "x", "is_done": 1}, "is_done", "WRONG_TYPE"),
    "C17 text for boolean": ({"name": "x", "is_done": "true"}, "is_done", "WRONG_TYPE"),
    "C17 text for object": ({"name": "x", "payload": "{}"}, "payload", "WRONG_TYPE"),
    "C17 list for object": ({"name": "x", "payload": []}, "payload", "WRONG_TYPE"),
    "no UUID": ({"name": "x", "id": "12abc"}, "id", "INVALID_ID"),
    "UUID without dashes": ({"name": "x", "id": "0" * 32}, "id", "INVALID_ID"),
    "time without zone": ({"name": "x", "at": "2026-01-01T00:00:00"}, "at", "INVALID_TIME"),
    "time as number": ({"name": "x", "at": 1700000000}, "at", "INVALID_TIME"),
    "day": ({"name": "x", "at": "2026-01-01"}, "at", "INVALID_TIME"),
    "31 February": ({"name": "x", "at": "2026-02-31T00:00:00Z"}, "at", "INVALID_TIME"),
    "year 0": ({"name": "x", "at": "0000-01-01T00:00:00Z"}, "at", "INVALID_TIME"),
    "before year 1 in UTC": (
        {"name": "x", "at": "0001-01-01T00:00:00+01:00"},
        "at",
        "INVALID_TIME",
    ),
    "nanoseconds": ({"name": "x", "at": "2026-01-01T00:00:00.123456789Z"}, "at", "INVALID_TIME"),
}


def _cases(table: dict[str, tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*values, id=name) for name, values in table.items()]


@pytest.mark.parametrize(("body", "code"), _cases(MALFORMED))
def test_malformed_body_is_400(edge_client: FlaskClient, body: bytes, code: str) -> None:
    answer = edge_client.post("/echo", data=body, content_type=JSON)

    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(("body", "field"), _cases(UNSTORABLE))
def test_what_no_column_can_store_is_422_and_named(
    edge_client: FlaskClient, body: bytes, field: str
) -> None:
    answer = edge_client.post("/echo", data=body, content_type=JSON)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]


@pytest.mark.parametrize(("body", "field", "code"), _cases(INVALID))
def test_wrong_field_is_422_and_named(
    edge_client: FlaskClient, body: dict[str, Any], field: str, code: str
) -> None:
    answer = edge_client.post("/echo", json=body)

    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [(field, code)]


def test_all_wrong_fields_of_a_request_are_named_at_once(edge_client: FlaskClient) -> None:
    body = {"count": "1", "is_done": 2, "extra": 3}

    answer = edge_client.patch("/echo/12?limit=0&other=1", json=body)

    assert answer.status_code == 422
    assert {error["field"] for error in answer.json["errors"]} == {
        *("id", "limit", "other", "name", "count", "is_done", "extra")
    }


def test_refusals_do_not_repeat_values(edge_client: FlaskClient) -> None:
    body = {"name": "hunter2-hunter2", "id": "hunter2", "at": "hunter2", "count": "hunter2"}

    answer = edge_client.post("/echo?word=hunter2", json=body)

    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp",
     "application/json; charset=latin-1", "multipart/form-data; boundary=x"],
)  # fmt: skip
def test_c19_other_content_types_are_415(
    edge_client: FlaskClient, content_type: str | None
) -> None:
    answer = edge_client.post("/echo", data=b'{"name":"x"}', content_type=content_type)

    assert (answer.status_code, answer.json["code"]) == (415, "WRONG_CONTENT_TYPE")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip", "GZIP"])
def test_compressed_body_is_415(edge_client: FlaskClient, coding: str) -> None:
    answer = edge_client.post("/echo", json={"name": "x"}, headers={"Content-Encoding": coding})

    assert (answer.status_code, answer.json["code"]) == (415, "WRONG_CONTENT_TYPE")


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_in_utf8_is_read(edge_client: FlaskClient, content_type: str) -> None:
    answer = edge_client.post("/echo", data='{"name":"ä😀"}'.encode(), content_type=content_type)

    assert (answer.status_code, answer.json["name"]) == (200, "ä😀")


def test_body_without_length_is_411(edge_client: FlaskClient) -> None:
    environ = {"wsgi.input": BytesIO(b'{"name":"x"}'), "wsgi.input_terminated": True}

    answer = edge_client.post(
        "/echo",
        content_type=JSON,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides=environ,
    )

    assert (answer.status_code, answer.json["code"]) == (411, "LENGTH_REQUIRED")


@pytest.mark.parametrize("length", ["5", "100", "-1", "1e3", "+12", "٣", "9" * 30])
def test_wrong_length_is_refused(edge_client: FlaskClient, length: str) -> None:
    environ = {"wsgi.input": BytesIO(b'{"name":"x"}'), "CONTENT_LENGTH": length}

    answer = edge_client.post("/echo", content_type=JSON, environ_overrides=environ)

    assert answer.status_code in (400, 413)
    assert answer.json["code"] in ("WRONG_LENGTH", "NOT_JSON", "BODY_TOO_LARGE", "BAD_REQUEST")


def test_longer_body_than_allowed_is_413(edge_client: FlaskClient) -> None:
    body = b'{"name":"x","payload":{"a":"' + b"a" * 1_048_576 + b'"}}'

    answer = edge_client.post("/echo", data=body, content_type=JSON)

    assert (answer.status_code, answer.json["code"]) == (413, "BODY_TOO_LARGE")


def test_body_where_none_is_read_is_400(edge_client: FlaskClient) -> None:
    path = "/echo/00000000-0000-4000-8000-000000000000"

    refused = edge_client.delete(path, json={})
    accepted = edge_client.delete(path)

    assert (refused.status_code, refused.json["code"]) == (400, "BODY_NOT_EXPECTED")
    assert accepted.status_code == 204


def test_text_that_only_looks_suspicious_is_read(edge_client: FlaskClient) -> None:
    body = (
        b'{"name":"x","payload":{"a":"\\\\u0000","b":"\\ud83d\\ude00",'
        b'"c":9223372036854775807,"d":"[[[["}}'
    )

    answer = edge_client.post("/echo", data=body, content_type=JSON)

    assert answer.json["payload"] == {"a": "\\u0000", "b": "😀", "c": 2**63 - 1, "d": "[[[["}


def test_deepest_allowed_body_is_read(edge_client: FlaskClient) -> None:
    value: Any = 1
    for _ in range(31 - 1):
        value = [value]

    answer = edge_client.post("/echo", json={"name": "x", "payload": {"a": value}})
    refused = edge_client.post("/echo", json={"name": "x", "payload": {"a": [value]}})

    assert answer.status_code == 200
    assert (refused.status_code, refused.json["code"]) == (400, "TOO_DEEP")


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), _values
    )
)
def test_every_storable_object_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    escaped = json.dumps(document)
    plain = json.dumps(document, ensure_ascii=False)

    read = [json.loads(check_json_object(text.encode())) for text in (escaped, plain)]

    assert read == [document, document]


@given(st.binary(max_size=200) | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read = json.loads(check_json_object(body))
    except AppError:
        read = {}

    assert isinstance(read, dict)
