"""The texts that people are asked to agree to: which there are, and which are in force.

A text is never changed: what somebody agreed to stays what they agreed to. Of the versions of a
document that have come into force, the one that did so last is in force. Holds no decision of
anybody: see ``consents``. How a text is published: see ``publishing``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

from app import clock
from app.errors import NotFound
from app.models import Row, get_consent_document, get_database, list_consent_documents
from app.vocabulary import Purpose
from bilayer.runtime import Database

TERMS: Final = str(Purpose.TERMS)
"""The document without which nobody uses the product, once a version of it is in force."""

KNOWN_FOR: Final = timedelta(seconds=5)
"""After which a process looks again which terms there are."""

_USUAL_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document.

    Attributes:
        document: Its name.
        version: What this version is called.
        effective_at: When it comes into force, in all its languages.
        texts: The SHA-256 of each text, by its language, in the order they were published.
    """

    document: str
    version: str
    effective_at: datetime
    texts: Mapping[str, str]

    @property
    def usual_language(self) -> str:
        """In which people read it who do not say: English, else the one that came first."""
        return _USUAL_LANGUAGE if _USUAL_LANGUAGE in self.texts else next(iter(self.texts))


@dataclass(frozen=True, slots=True)
class _Known:
    read_at: datetime
    versions: Sequence[Version]


# By the database they were read from: a process may be given another one.
_known: Final[WeakKeyDictionary[Database, _Known]] = WeakKeyDictionary()


def known_terms() -> Version | None:
    """Return the terms that are in force, or None. Asks the database every few seconds only.

    Versions that are to come are known too, and so come into force to the microsecond.
    """
    database, now = get_database(), clock.now()
    known = _known.get(database)
    if known is None or not timedelta() <= now - known.read_at < KNOWN_FOR:
        known = _known[database] = _Known(now, list_versions(TERMS))
    return find_in_force(known.versions, now)


def forget_terms() -> None:
    """Let this process look at once which terms there are."""
    _known.pop(get_database(), None)


def list_versions(document: str) -> list[Version]:
    """Return the versions of a document, in the order in which they come into force."""
    versions: dict[str, Version] = {}
    for row in list_consent_documents(document):
        name, text = row["version"], {row["language"]: row["sha256"]}
        former = versions.get(name)
        versions[name] = Version(
            document=document,
            version=name,
            effective_at=former.effective_at if former else row["effective_at"],
            texts={**former.texts, **text} if former else text,
        )
    return list(versions.values())


def find_in_force(versions: Sequence[Version], at: datetime) -> Version | None:
    """Return the version that is in force at a time, or None. ``versions`` are in their order."""
    begun = [version for version in versions if version.effective_at <= at]
    return begun[-1] if begun else None


def list_documents() -> list[Row]:
    """Return everything about every text but itself, and whether it ``is_in_force``."""
    now, rows = clock.now(), list_consent_documents()
    in_force: dict[str, Any] = {}
    for row in rows:
        if row["effective_at"] <= now:
            in_force[row["document"]] = row["version"]
    return [row | {"is_in_force": in_force.get(row["document"]) == row["version"]} for row in rows]


def require_document(document: str, version: str, language: str) -> Row:
    """Return a text with everything about it.

    Raises:
        NotFound: ``DOCUMENT_NOT_FOUND``: it was never published.
    """
    row = get_consent_document(document, version, language)
    if row is None:
        raise NotFound("DOCUMENT_NOT_FOUND", "There is no such text.")
    return row
