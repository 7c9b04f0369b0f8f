"""People who talk HTTP to the application: signed in, and with few words."""

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.models import release
from app.usecases.sessions import Client, TokenPair, open_session
from tests.factories import PASSWORD, make_user, new_email

API = "/api/v1"


class Person:
    """Someone with an access token. Paths begin behind ``/api/v1``."""

    def __init__(self, client: FlaskClient, access_token: str) -> None:
        self.client = client
        self.access_token = access_token

    def get(self, path: str, **query: Any) -> TestResponse:
        return self._send("GET", path, query_string=query)

    def post(self, path: str, body: Any = None) -> TestResponse:
        return self._send("POST", path, body)

    def put(self, path: str, body: Any) -> TestResponse:
        return self._send("PUT", path, body)

    def patch(self, path: str, body: Any) -> TestResponse:
        return self._send("PATCH", path, body)

    def delete(self, path: str) -> TestResponse:
        return self._send("DELETE", path)

    def _send(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.access_token}"}
        if body is not None:
            # Escaped, so that text that UTF-8 cannot hold reaches the application too.
            options |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.open(API + path, method=method, headers=headers, **options)


def person(client: FlaskClient, user: dict[str, Any] | None = None) -> Person:
    """Sign an account in, a new one if none is given, without the cost of a password."""
    return Person(client, tokens_for(user or make_user()).access_token)


def tokens_for(user: dict[str, Any]) -> TokenPair:
    """Sign an account in and return its tokens."""
    pair = open_session(user["id"], Client())
    release()
    return pair


def register(client: FlaskClient, **changes: Any) -> TestResponse:
    """Register over HTTP."""
    body = {"email": new_email(), "password": PASSWORD, **changes}
    return client.post(f"{API}/auth/register", json=body)


def login(client: FlaskClient, **changes: Any) -> TestResponse:
    """Sign in over HTTP."""
    return client.post(f"{API}/auth/login", json={"password": PASSWORD, **changes})


def problem(response: TestResponse) -> tuple[int, str]:
    """Return status and code of a refusal, which must be a problem document."""
    assert response.mimetype == "application/problem+json"
    return response.status_code, document(response)["code"]


def flaws(response: TestResponse) -> dict[str, str]:
    """Return the invalid fields of a refusal, each with its code."""
    assert response.status_code == 422
    return {error["field"]: error["code"] for error in document(response)["errors"]}


def document(response: TestResponse) -> dict[str, Any]:
    """Return the JSON object of an answer."""
    body = response.get_json()
    assert isinstance(body, dict)
    return body
