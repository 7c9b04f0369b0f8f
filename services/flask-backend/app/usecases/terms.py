"""The texts that people are asked to agree to: how they are published, and which are in force.

A text is never changed: what somebody agreed to stays what they agreed to. Of the versions of a
document that have come into force, the one that did so last is in force. Holds no decision of
anybody: see ``consents``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

from app import clock
from app.models import get_database, list_consent_documents
from bilayer.runtime import Database

TERMS: Final = "terms"
"""The document without which nobody uses the product, once a version of it is in force."""

KNOWN_FOR: Final = timedelta(seconds=5)
"""After which a process looks again which terms there are."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document.

    Attributes:
        document: Its name.
        version: What this version is called.
        effective_at: When it comes into force, in all its languages.
        languages: In which it was published, in this order.
    """

    document: str
    version: str
    effective_at: datetime
    languages: tuple[str, ...]


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


def list_versions(document: str) -> list[Version]:
    """Return the versions of a document, in the order in which they come into force."""
    languages: dict[str, list[str]] = {}
    begins: dict[str, datetime] = {}
    for row in list_consent_documents(document):
        languages.setdefault(row["version"], []).append(row["language"])
        begins.setdefault(row["version"], row["effective_at"])
    return [
        Version(document, version, effective_at, tuple(languages[version]))
        for version, effective_at in begins.items()
    ]


def find_in_force(versions: Sequence[Version], at: datetime) -> Version | None:
    """Return the version that is in force at a time, or None. ``versions`` are in their order."""
    begun = [version for version in versions if version.effective_at <= at]
    return begun[-1] if begun else None
