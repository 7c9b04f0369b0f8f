"""What words, URIs, languages and names may look like, and the one form each is kept in.

Reads and writes nothing.
"""

import re
import unicodedata
from typing import Final

from app.errors import FieldError

MAX_NAME_CHARACTERS: Final = 200
MAX_WORD_CHARACTERS: Final = 200
MAX_URI_CHARACTERS: Final = 500
MAX_LANGUAGE_CHARACTERS: Final = 16
MAX_SLUG_CHARACTERS: Final = 64

SLUG: Final = rf"^[a-z0-9_-][a-z0-9._-]{{0,{MAX_SLUG_CHARACTERS - 1}}}$"
"""The pattern of a learner's id. Stands in addresses, where ``.`` and ``..`` would lead away."""

LANGUAGE: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
"""The pattern of a language: a tag of BCP 47. Case means nothing there."""

_NO_SLUG: Final = re.compile(r"[^a-z0-9._]+")
_LANGUAGE: Final = re.compile(LANGUAGE)
_NAMELESS: Final = "learner"
_CONTROL: Final = "Cc"
_UNSEEN: Final = frozenset(("Cf", "Zl", "Zp", "Zs"))
"""Categories of what joins, directs or separates, and is nothing by itself."""


def clean(text: str) -> str:
    """Return a text in the form it is kept in: NFC, without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def clean_language(language: str) -> str:
    """Return a language in the form it is kept in: in small letters."""
    return language.strip().lower()


def find_text_flaw(field: str, text: str, longest: int) -> FieldError | None:
    """Return what keeps a word or a URI, already clean, from being kept, or None."""
    if all(unicodedata.category(character) in _UNSEEN for character in text):
        return FieldError(field, "BLANK", "There is nothing to be seen in it.")
    if len(text) > longest:
        return FieldError(field, "TOO_LONG", f"It has at most {longest} characters.")
    if any(unicodedata.category(character) == _CONTROL for character in text):
        return FieldError(field, "CONTROL_CHARACTER", "It has a character that cannot be seen.")
    return None


def find_language_flaw(language: str) -> FieldError | None:
    """Return what keeps a language, already clean, from being one, or None."""
    if len(language) <= MAX_LANGUAGE_CHARACTERS and _LANGUAGE.fullmatch(language):
        return None
    return FieldError("language", "WRONG_FORMAT", "Write a tag of BCP 47: en, zh, pt-br.")


def slug_of(name: str) -> str:
    """Return an id made of a name: its letters without accents, with dashes for all else."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NO_SLUG.sub("-", plain)[:MAX_SLUG_CHARACTERS].strip("-._") or _NAMELESS


def numbered_slug(slug: str, number: int) -> str:
    """Return the id of another learner whose name gives the same one: ``anna-2``."""
    suffix = f"-{number}"
    return slug[: MAX_SLUG_CHARACTERS - len(suffix)] + suffix
