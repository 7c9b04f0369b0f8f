"""Strict query strings: UTF-8, each name once, nothing that no text can hold."""

from typing import Final
from urllib.parse import parse_qsl

from flask import request

from app.errors import FieldError, Invalid

MAX_PARAMETERS: Final = 50


def read_query() -> dict[str, str]:
    """Return the parameters of the query string.

    Raises:
        Invalid: It is not UTF-8, holds NUL, has a name twice, or far too many of them.
    """
    try:
        pairs = parse_qsl(
            request.query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise Invalid.fields(
            [FieldError("query", "MALFORMED", "The query string cannot be read.")]
        ) from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise Invalid.fields([FieldError(name, "REPEATED", "Give this parameter once.")])
        if "\0" in name + value:
            raise Invalid.fields(
                [FieldError("query", "NUL_CHARACTER", "Text cannot hold the character NUL.")]
            )
        parameters[name] = value
    return parameters
