"""The header ``Idempotency-Key``: a request that may be sent again. Holds no rule about it."""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_openapi3.models.parameter import Parameter
from flask_openapi3.types import ResponseDict

from app.api.access import current_principal
from app.api.errors import PROBLEM
from app.errors import AppError, Invalid
from app.usecases import idempotency
from app.usecases.idempotency import MAX_KEY_CHARACTERS, Answer

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"

PARAMETER: Final = Parameter.model_validate(
    {
        "name": HEADER,
        "in": "header",
        "description": "Names the request, so that sending it again within 24 hours gives the "
        f"same answer, with {REPLAYED}: true, and does nothing more. While it is still running "
        "that is 409; another request with the same key is 422.",
        "required": False,
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_KEY_CHARACTERS,
            "pattern": "^[!-~]+$",
        },
    }
)
RESPONSES: Final[ResponseDict] = {"409": PROBLEM}
"""What the OpenAPI document says of a route that takes a key, beyond what it says of all."""


def read_key() -> str | None:
    """Return the key of a request, or None if it has none.

    Raises:
        Invalid: It is no key.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    flaw = idempotency.find_key_flaw(key)
    if flaw is not None:
        raise Invalid.fields([flaw])
    return key


def answer_once(key: str, view: Callable[[], ResponseReturnValue]) -> Response:
    """Answer a request by its view, or as it was answered before.

    Status and body are kept, and no header that the view might add.
    """

    def perform() -> Answer:
        return _answer_of(view())

    def refuse(refusal: AppError) -> Answer:
        return _answer_of(current_app.handle_user_exception(refusal))

    asked = idempotency.Request(current_principal().user_id, key, _fingerprint())
    answer = idempotency.answer_once(asked, perform, refuse)
    is_problem = answer.status >= HTTPStatus.BAD_REQUEST
    response = Response(
        answer.body,
        answer.status,
        content_type="application/problem+json" if is_problem else "application/json",
    )
    if answer.is_replayed:
        response.headers[REPLAYED] = "true"
    return response


def _answer_of(returned: ResponseReturnValue) -> Answer:
    response = current_app.make_response(returned)
    return Answer(response.status_code, response.get_data(as_text=True))


def _fingerprint() -> str:
    """Return a digest of what is asked for: method, address and body."""
    head = f"{request.method} {request.full_path}\n".encode()
    return hashlib.sha256(head + request.get_data()).hexdigest()
