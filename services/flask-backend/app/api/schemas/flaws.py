"""How a flaw that a rule of the product found becomes a field error of the request."""

from typing import Final

from pydantic_core import PydanticCustomError

from app.errors import FieldError

STORABLE: Final = r"^[^\x00]*$"
"""The pattern of any text. NUL is refused before; the pattern tells clients."""

VISIBLE: Final = r"^[^\x00]*\S[^\x00]*$"
"""The pattern of texts that are not blank. NUL is refused before; the pattern tells clients."""


def refuse(flaw: FieldError | None) -> None:
    """Let pydantic report a flaw with its other findings, so that all are told at once.

    Raises:
        PydanticCustomError: There is one.
    """
    if flaw is not None:
        raise PydanticCustomError(flaw.code.lower(), flaw.message)
