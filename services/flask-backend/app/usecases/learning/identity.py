"""The ids of what is learned, made of what it is: the same thing is the same row everywhere.

Two devices that add a word meet in one row, a word that comes again revives its row, and a file
that is imported twice adds nothing. Reads and writes nothing.
"""

from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6f1d4b1e-52c7-5c0a-9d0e-2b8a1c7f3e94")
_BETWEEN: Final = "\x1f"
"""Unit separator: in no id, language, word or URI, so that no two lists of parts look the same."""


def word_id(profile_id: str, language: str, word: str) -> UUID:
    """Return the id of a word that a learner knows."""
    return _id("word", profile_id, language, word)


def grammar_id(profile_id: str, grammar_uri: str) -> UUID:
    """Return the id of a piece of grammar that a learner knows."""
    return _id("grammar", profile_id, grammar_uri)


def card_id(profile_id: str, source_id: str) -> UUID:
    """Return the id of a card that came from elsewhere, where it had an id of another form."""
    return _id("card", profile_id, source_id)


def message_id(profile_id: str, source_id: str) -> UUID:
    """Return the id of a message that came from elsewhere."""
    return _id("message", profile_id, source_id)


def _id(*parts: str) -> UUID:
    return uuid5(_NAMESPACE, _BETWEEN.join(parts))
