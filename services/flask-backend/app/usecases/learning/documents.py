"""What keeps a document from being kept with a learner. Knows no column."""

from typing import Any, Final

from app.errors import FieldError
from app.usecases.history import depth_of
from bilayer.documents import dump

MAX_DEPTH: Final = 30


def find_document_flaw(field: str, document: Any, longest: int) -> FieldError | None:
    """Return what keeps a JSON document from being stored, or None.

    Args:
        field: Its name.
        document: The document.
        longest: How many bytes it may have.
    """
    if depth_of(document) > MAX_DEPTH:
        return FieldError(field, "TOO_DEEP", f"It is nested at most {MAX_DEPTH} levels deep.")
    size = len(dump(document).encode())  # As it will be stored.
    if size > longest:
        message = f"It has at most {longest} bytes of JSON; this has {size}."
        return FieldError(field, "TOO_LARGE", message)
    return None
