"""Words and grammar a learner has mastered: many at once, however often they are sent.

Each is judged by itself: one that cannot be kept does not keep the others from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from app import clock
from app.errors import FieldError
from app.models import Row
from app.usecases.learning.adding import add_rows
from app.usecases.learning.current import current_store
from app.usecases.learning.identity import grammar_id, word_id
from app.usecases.learning.learners import require_learner
from app.usecases.learning.store import GRAMMAR, WORDS, Id, Kind
from app.usecases.learning.texts import (
    MAX_URI_CHARACTERS,
    MAX_WORD_CHARACTERS,
    clean,
    clean_language,
    find_language_flaw,
    find_text_flaw,
)
from app.usecases.work import unit_of_work

MAX_AT_ONCE: Final = 5000


@dataclass(frozen=True, slots=True)
class Word:
    """A word as a client names it.

    Attributes:
        text: The word.
        language: Its language, if the client says so.
        added_at: When it was mastered, if that is not now.
    """

    text: str
    language: str | None
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grammar:
    """A piece of grammar as a client names it.

    Attributes:
        uri: What it is called. Its %-escapes stay as they stand.
        added_at: When it was mastered, if that is not now.
    """

    uri: str
    added_at: datetime | None = None


Entry = Word | Grammar


@dataclass(frozen=True, slots=True)
class Rejected:
    """An entry that cannot be kept.

    Attributes:
        index: Its place among those that were sent.
        flaw: Why.
    """

    index: int
    flaw: FieldError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of entries: each is in one of three lists, by its place among those sent.

    Attributes:
        done: Those that were added, or removed, with their ids.
        idle: Those for which there was nothing to do: they were there, were not there, or repeat
            one before them.
        rejected: Those that cannot be kept.
    """

    done: list[tuple[int, Id]] = field(default_factory=list)
    idle: list[tuple[int, Id]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def add_words(user_id: UUID, learner_id: str, words: Sequence[Word]) -> Outcome:
    """Add words to those a learner has mastered. What was removed before comes back.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
    """
    return _add(WORDS, user_id, learner_id, words)


def remove_words(user_id: UUID, learner_id: str, words: Sequence[Word]) -> Outcome:
    """Remove words from those a learner has mastered, softly.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
    """
    return _remove(WORDS, user_id, learner_id, words)


def add_grammar(user_id: UUID, learner_id: str, grammar: Sequence[Grammar]) -> Outcome:
    """Add grammar to what a learner has mastered. What was removed before comes back.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
    """
    return _add(GRAMMAR, user_id, learner_id, grammar)


def remove_grammar(user_id: UUID, learner_id: str, grammar: Sequence[Grammar]) -> Outcome:
    """Remove grammar from what a learner has mastered, softly.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
    """
    return _remove(GRAMMAR, user_id, learner_id, grammar)


@unit_of_work
def _add(kind: Kind, user_id: UUID, learner_id: str, entries: Sequence[Entry]) -> Outcome:
    with current_store().writing(user_id):
        require_learner(user_id, learner_id)
        rows, ids, rejected = _read(learner_id, entries)
        added = add_rows(kind, user_id, rows)
    return _sort(ids, {*added.new, *added.revived}, rejected)


@unit_of_work
def _remove(kind: Kind, user_id: UUID, learner_id: str, entries: Sequence[Entry]) -> Outcome:
    store = current_store()
    with store.writing(user_id):
        require_learner(user_id, learner_id)
        rows, ids, rejected = _read(learner_id, entries)
        found = store.find(kind, user_id, rows)
        live = [row_id for row_id, row in found.items() if not row["is_deleted"]]
        if live:
            store.update(kind, user_id, live, is_deleted=True)
    return _sort(ids, set(live), rejected)


def _read(
    learner_id: str, entries: Sequence[Entry]
) -> tuple[dict[Id, Row], dict[int, Id], list[Rejected]]:
    """Return the rows that entries name, the id of each entry, and those that name none."""
    now = clock.now()
    rows: dict[Id, Row] = {}
    ids: dict[int, Id] = {}
    rejected: list[Rejected] = []
    for index, entry in enumerate(entries):
        row = _word(learner_id, entry) if isinstance(entry, Word) else _grammar(learner_id, entry)
        if isinstance(row, FieldError):
            rejected.append(Rejected(index, row))
            continue
        ids[index] = row["id"]
        rows.setdefault(row["id"], row | {"added_at": entry.added_at or now})
    return rows, ids, rejected


def _word(learner_id: str, entry: Word) -> Row | FieldError:
    if entry.language is None:
        return FieldError("language", "REQUIRED", "Say of which language the word is.")
    word, language = clean(entry.text), clean_language(entry.language)
    flaw = find_text_flaw("word", word, MAX_WORD_CHARACTERS) or find_language_flaw(language)
    row_id = word_id(learner_id, language, word)
    return flaw or {"id": row_id, "profile_id": learner_id, "word": word, "language": language}


def _grammar(learner_id: str, entry: Grammar) -> Row | FieldError:
    uri = clean(entry.uri)
    flaw = find_text_flaw("grammar_uri", uri, MAX_URI_CHARACTERS)
    row_id = grammar_id(learner_id, uri)
    return flaw or {"id": row_id, "profile_id": learner_id, "grammar_uri": uri}


def _sort(ids: dict[int, Id], done: set[Id], rejected: list[Rejected]) -> Outcome:
    """Put each entry into its list; of those that name the same, only the first was done."""
    outcome = Outcome(rejected=rejected)
    for index, row_id in ids.items():
        is_first = row_id in done
        (outcome.done if is_first else outcome.idle).append((index, row_id))
        done.discard(row_id)
    return outcome
