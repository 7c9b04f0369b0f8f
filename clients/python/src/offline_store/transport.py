"""How requests travel. Knows HTTP, and nothing of what is asked or answered."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from offline_store.errors import UnknownAnswer, Unreachable

TIMEOUT_SECONDS: Final = 30.0
MAX_ANSWER_BYTES: Final = 32 * 2**20
"""Several times the longest page or list of verdicts, however its characters are written."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the service.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Behind the base URL: ``sync``.
        query: Its parameters.
        body: A JSON document, already encoded.
        etag: Answer 304 if what is asked for still has this tag.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the service, whatever its status. Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # Any: it is judged by whoever reads it.
        """Return the document in the body.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)


class Transport(Protocol):
    """Brings a request to the service. A test gives one that loses requests and answers."""

    def send(self, request: Request) -> Answer:
        """Return the answer.

        Raises:
            Unreachable: None came. The service may have done what was asked.
        """


class HttpTransport:
    """Sends requests with the standard library.

    Args:
        base_url: ``https://example.org/api/v1``.
        token: Gives the access token of the moment; it is asked before each request. Always of the
            same account: who signs in as another gets another transport.
        timeout_seconds: How long to wait for an answer.
    """

    def __init__(
        self, base_url: str, token: Callable[[], str], *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        if urllib.parse.urlsplit(base_url).scheme not in {"http", "https"}:
            raise ValueError("The base URL begins with http:// or https://.")
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._opener = urllib.request.build_opener(_EveryStatus)

    def send(self, request: Request) -> Answer:
        """Return the answer.

        Raises:
            Unreachable: None came, or half of one. The service may have done what was asked.
            UnknownAnswer: It is longer than any of the service.
            ValueError: The token is none that a header can hold.
        """
        try:
            with self._opener.open(self._prepare(request), timeout=self._timeout_seconds) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                body = answer.read(MAX_ANSWER_BYTES + 1)
                if len(body) > MAX_ANSWER_BYTES:
                    raise UnknownAnswer(f"The answer is longer than {MAX_ANSWER_BYTES} bytes.")
                if answer.length:  # Of what was announced; http.client says it to read() alone.
                    raise Unreachable("Half an answer came from the service.")
                return Answer(answer.status, headers, body)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise Unreachable(f"No answer from the service: {error}") from error

    def _prepare(self, request: Request) -> urllib.request.Request:
        query = f"?{urllib.parse.urlencode(request.query)}" if request.query else ""
        token = self._token()
        if not (token.isascii() and token.isprintable()):
            # http.client would say so too, with the token in the message.
            raise ValueError("The token holds characters that no header may have.")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.etag is not None:
            headers["If-None-Match"] = request.etag
        return urllib.request.Request(  # noqa: S310 - the scheme was judged at the beginning
            f"{self._base_url}/{request.path}{query}",
            data=request.body,
            headers=headers,
            method=request.method,
        )


class _EveryStatus(urllib.request.HTTPErrorProcessor):
    """Takes every status as an answer. So no redirection is followed: the token would go along."""

    def http_response(
        self,
        request: urllib.request.Request,  # noqa: ARG002 - the base class's
        response: http.client.HTTPResponse,
    ) -> http.client.HTTPResponse:
        """Leave the answer as it is."""
        return response

    https_response = http_response
