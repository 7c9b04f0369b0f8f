"""How a text that people are asked to agree to is published, for good.

Holds no rule about which text is in force: see ``terms``.
"""

import hashlib
import re
from datetime import datetime
from typing import Final

from app import clock
from app.errors import Conflict, FieldError, Invalid
from app.models import Row, UniqueViolation, create_consent_document, get_consent_document
from app.usecases.terms import forget_terms, list_versions
from app.usecases.work import unit_of_work
from bilayer.runtime.errors import SerializationFailure

MAX_TEXT_BYTES: Final = 524_288

NAME: Final = r"^[a-z][a-z0-9_-]{0,49}$"
VERSION: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"
LANGUAGE: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$"
_WRITTEN: Final = {
    "document": (NAME, "Write a name of small letters, digits, - and _: terms."),
    "version": (VERSION, "Write at most 50 letters, digits, dots, - and _: 2026-11."),
    "language": (LANGUAGE, "Write a language tag: en, pt-BR."),
}


def publish(
    document: str, version: str, language: str, *, body: str, effective_at: datetime | None = None
) -> tuple[Row, bool]:
    """Publish a text; tell its row, and whether it is new. The same text again changes nothing.

    Args:
        document: What it is: ``terms``, ``marketing``, or another name.
        version: Which version of it.
        language: In which language.
        body: The text.
        effective_at: When the version comes into force: at once if None, or with its other
            languages.

    Raises:
        Invalid: A name or the text cannot be used; all that is wrong is named.
        Conflict: This version has another text in this language, or comes into force at another
            time.
    """
    flaws = _find_flaws(body, document=document, version=version, language=language)
    if flaws:
        raise Invalid.fields(flaws)
    published = _publish(document, version, language, body=body, effective_at=effective_at)
    forget_terms()
    return published


@unit_of_work
def _publish(
    document: str, version: str, language: str, *, body: str, effective_at: datetime | None
) -> tuple[Row, bool]:
    begins = _begin_of(document, version, effective_at)
    row = get_consent_document(document, version, language)
    if row is not None:
        if row["body"] != body:
            message = "This version has another text in this language. Publish a new version."
            raise Conflict("CONFLICT", message)
        return row, False
    digest = hashlib.sha256(body.encode()).hexdigest()
    now = clock.now()
    columns = {"sha256": digest, "effective_at": begins or now, "created_at": now}
    try:
        create_consent_document(document, version, language, body=body, **columns)
    except UniqueViolation:
        raise SerializationFailure("another command published this text first") from None
    names = {"document": document, "version": version, "language": language}
    return names | columns, True


def _begin_of(document: str, version: str, effective_at: datetime | None) -> datetime | None:
    """Return when a version comes into force, as far as that is said already."""
    others = [one for one in list_versions(document) if one.version == version]
    begins = others[0].effective_at if others else effective_at
    if effective_at not in (None, begins):
        message = "This version comes into force at another time, in all its languages."
        raise Conflict("CONFLICT", message)
    return begins


def _find_flaws(body: str, **names: str) -> list[FieldError]:
    flaws = [
        FieldError(field, "WRONG_FORMAT", _WRITTEN[field][1])
        for field, name in names.items()
        if not re.fullmatch(_WRITTEN[field][0], name)
    ]
    size = len(body.encode())
    if size > MAX_TEXT_BYTES:
        message = f"A text has at most {MAX_TEXT_BYTES} bytes; this has {size}."
        flaws.append(FieldError("body", "TOO_LARGE", message))
    if not body.strip():
        flaws.append(FieldError("body", "TOO_SHORT", "The text is empty."))
    if "\0" in body:
        flaws.append(FieldError("body", "NUL_CHARACTER", "Text cannot hold the character NUL."))
    return flaws
