"""How much of a request the service reads, and what it must declare before a byte is read."""

from collections.abc import Mapping
from typing import Any, Final

from flask import current_app, request

from app.errors import BadRequest, LengthRequired, TooLarge, WrongContentType

MAX_BODY_BYTES: Final = "MAX_BODY_BYTES"
"""Where ``create_app`` keeps the longest body, in bytes, in Flask's configuration."""

MAX_PUSH_BYTES: Final = 2 * 2**20
"""What a device sends of its changes may be as long, however short other bodies have to be."""

_JSON: Final = "application/json"


def read_body(*, longest: int = 0) -> bytes:
    """Return the whole body of a request that declares JSON and its length.

    Args:
        longest: How many bytes it may have in any case.

    Raises:
        WrongContentType: It is not declared as JSON in UTF-8, or is compressed.
        LengthRequired: It does not say how long it is. Werkzeug would cut a longer one silently.
        TooLarge: It is longer than the service reads.
        BadRequest: It is not as long as it says.
    """
    environ = request.environ  # As the server has it: Werkzeug spells each name anew.
    if environ.get("CONTENT_TYPE") != _JSON and not _is_json():
        raise WrongContentType("WRONG_CONTENT_TYPE", "Send Content-Type: application/json.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise WrongContentType("WRONG_CONTENT_TYPE", "Send the body without Content-Encoding.")
    length = _declared_length(environ)
    if length is None:
        raise LengthRequired("LENGTH_REQUIRED", "Send Content-Length with the body.")
    longest = max(longest, current_app.config[MAX_BODY_BYTES])
    if length > longest:
        raise TooLarge("BODY_TOO_LARGE", f"A body may have at most {longest} bytes.")
    body = request.get_data()
    if len(body) != length:
        raise BadRequest("WRONG_LENGTH", "The body is not as long as Content-Length says.")
    return body


def refuse_body() -> None:
    """Refuse a request that brings a body where none is read.

    Raises:
        BadRequest: There is one.
    """
    environ = request.environ
    if _declared_length(environ) or "HTTP_TRANSFER_ENCODING" in environ:
        raise BadRequest("BODY_NOT_EXPECTED", "This request takes no body.")


def _declared_length(environ: Mapping[str, Any]) -> int | None:
    """Return Content-Length, or None if it is missing or only the framing tells the end.

    Raises:
        BadRequest: It is no number.
    """
    text: str | None = environ.get("CONTENT_LENGTH")
    if text is None or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**63))):
        raise BadRequest("WRONG_LENGTH", "Content-Length is not a number of bytes.")
    return int(text)


def _is_json() -> bool:
    charset = request.mimetype_params.get("charset", "utf-8")
    return request.mimetype == _JSON and charset.lower() in ("utf-8", "utf8")
