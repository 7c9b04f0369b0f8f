"""What is read from files and handed on: a source, its records, their drafts, what is wrong.

Reads nothing and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

LANGUAGES: Final = {"mastered_words": "zh", "mastered_english_words": "en"}
"""Which language the words of each list are of."""
FOLDER: Final = "."
"""Stands for the folder where a file has its name."""


class UnreadableSource(Exception):
    """A file, or the folder, cannot be read as what it must be; nothing of it may go in.

    Args:
        file: Its name in the folder; ``FOLDER`` for that itself.
        reason: What is wrong, as the rest of a sentence that begins with the name.
    """

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{'The folder' if file == FOLDER else file} {reason}")
        self.file = file
        self.reason = reason


class RecordKind(StrEnum):
    """What a record is about."""

    PROFILE = "profile"
    CARD = "card"
    MESSAGE = "message"


class Rule(StrEnum):
    """What a record, or an entry of one of its lists, was found to break."""

    # Of the JSON itself.
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    RECORD_TOO_LARGE = "RECORD_TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    REPEATED_KEY = "REPEATED_KEY"
    NUL_CHARACTER = "NUL_CHARACTER"
    LONE_SURROGATE = "LONE_SURROGATE"
    NUMBER_TOO_LARGE = "NUMBER_TOO_LARGE"
    NUMBER_TOO_PRECISE = "NUMBER_TOO_PRECISE"
    # Of what the values mean.
    REQUIRED = "REQUIRED"
    NOT_TEXT = "NOT_TEXT"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NOT_A_LIST = "NOT_A_LIST"
    NOT_A_DOCUMENT = "NOT_A_DOCUMENT"
    NOT_A_SLUG = "NOT_A_SLUG"
    NOT_A_TIME = "NOT_A_TIME"
    NOT_ALLOWED = "NOT_ALLOWED"
    TOO_LONG = "TOO_LONG"
    INVISIBLE = "INVISIBLE"
    # Worth knowing, and no reason to keep anything out.
    REPEATED_ENTRY = "REPEATED_ENTRY"
    EMPTY_ENTRY = "EMPTY_ENTRY"
    CHANGED_TEXT = "CHANGED_TEXT"
    COMMA_IN_WORD = "COMMA_IN_WORD"
    OTHER_SCRIPT = "OTHER_SCRIPT"
    MADE_ID = "MADE_ID"
    NO_ZONE = "NO_ZONE"
    NO_TIME = "NO_TIME"
    NO_STATUS = "NO_STATUS"
    # Of a file.
    NO_PROFILE = "NO_PROFILE"
    # Of what is stored already; found by those who look there.
    DIFFERENT_ALREADY_THERE = "DIFFERENT_ALREADY_THERE"


class Action(StrEnum):
    """What is done about a problem."""

    NOTHING = "goes in as described"
    QUARANTINE_ENTRY = "the entry goes to quarantine, the rest goes in"
    QUARANTINE_RECORD = "the record goes to quarantine"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a record that somebody should know.

    Attributes:
        file: Name of the file in the folder.
        pointer: JSON pointer (RFC 6901) from the top of the file.
        value: What stands there, shortened, as JSON.
        rule: What it breaks.
        reason: A sentence for people.
        action: What is done about it.
    """

    file: str
    pointer: str
    value: str
    rule: Rule
    reason: str
    action: Action


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read to its end and is JSON.

    Attributes:
        name: Its name in the folder: ``approved_cards.json``, ``profiles/anna.json``.
        kind: What its records are about.
        bytes: Its length.
        sha256: Of its bytes, in hexadecimal.
        records: How many it has.
        is_array: Whether it is an array of records, and not one record.
    """

    name: str
    kind: RecordKind
    bytes: int
    sha256: str
    records: int
    is_array: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of files, all of them read once.

    Attributes:
        folder: Where it is.
        files: Profiles first, then cards, then messages.
        profile_ids: The ids that its profiles have or get.
        made_ids: Those that are made of names, by file and position.
        repeated: Hashes of ids that more than one record of a file has.
    """

    folder: Path
    files: tuple[SourceFile, ...]
    profile_ids: frozenset[str] = frozenset()
    made_ids: Mapping[tuple[str, int], str] = field(default_factory=dict)
    repeated: frozenset[int] = frozenset()

    @property
    def manifest(self) -> dict[str, dict[str, Any]]:
        """What the files are, by name, as a JSON document: kind, bytes, sha256 and records."""
        return {
            file.name: {
                "kind": file.kind.value,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "records": file.records,
            }
            for file in self.files
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file, as it stands there.

    Attributes:
        file: Name of the file in the folder.
        position: Its number in the file, from 0.
        pointer: JSON pointer to it.
        kind: What it is about.
        value: The parsed JSON. None if it could not be parsed, or breaks a rule of JSON.
        raw: Its bytes; only their beginning if it is too large.
        raw_hash: SHA-256 of the canonical form of its value; of its bytes if that is None.
        made_id: For profiles without an id: the id that was made for it.
        flaws: The rules of JSON that it breaks.
    """

    file: str
    position: int
    pointer: str
    kind: RecordKind
    value: Any
    raw: bytes
    raw_hash: str
    made_id: str | None = None
    flaws: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A record in the form of rows.

    Attributes:
        record: What it was made of.
        profile_id: Whose learner's it is. None if it goes to quarantine whole.
        source_id: The id of a card or message in its file, as text.
        row: Columns of ``learner_profiles`` (with ``id``), ``approved_cards`` or
            ``chat_messages``, without ids of the account, of the learner and (for the two latter)
            of the row. A time that the record does not tell is None: take the time of the run.
            Empty if the record goes to quarantine whole.
        words: Language and word of each, once, in the order of the file.
        grammar: URIs, once, in the order of the file.
        original: With the stored rows, all that is needed to write the record out again: a JSON
            document.
        notices: What is changed on the way in; nothing is lost.
        flaws: Why the record, or entries of its lists, cannot go in.
    """

    record: Record
    profile_id: str | None = None
    source_id: str | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[tuple[str, str], ...] = ()
    grammar: tuple[str, ...] = ()
    original: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[Problem, ...] = ()
    flaws: tuple[Problem, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Tell whether the record goes to quarantine whole."""
        return any(flaw.action is Action.QUARANTINE_RECORD for flaw in self.flaws)
