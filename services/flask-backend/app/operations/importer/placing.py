"""Where a draft goes: the rows it becomes, with their ids. Asks nobody whether they are there."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from app.models import Row
from app.operations.importer.records import Draft, RecordKind
from app.usecases.learning.identity import card_id, grammar_id, message_id, word_id
from app.usecases.learning.store import CARDS, GRAMMAR, LEARNERS, MESSAGES, WORDS, Kind

Rows = Mapping[Kind, list[Row]]
"""The rows of a record, those first to which the others refer."""

_TABLES: Final = {
    RecordKind.PROFILE: LEARNERS,
    RecordKind.CARD: CARDS,
    RecordKind.MESSAGE: MESSAGES,
}
_IDS: Final = {RecordKind.CARD: card_id, RecordKind.MESSAGE: message_id}
_TIMES: Final = frozenset({"approved_at", "created_at", "timestamp"})


def place(draft: Draft, at: datetime) -> Rows:
    """Return the rows of a draft that does not go to quarantine.

    Args:
        draft: What was read.
        at: The time of the run, which stands for times that a record does not tell.
    """
    kind = draft.record.kind
    row = {name: _timed(name, value, at) for name, value in draft.row.items()}
    if kind is RecordKind.PROFILE:
        return {LEARNERS: [row], **dict(_lists(draft, at))}
    profile_id = str(draft.profile_id)
    row_id = _IDS[kind](profile_id, str(draft.source_id))
    return {_TABLES[kind]: [{**row, "id": row_id, "profile_id": profile_id}]}


def told(draft: Draft, kind: Kind) -> Mapping[str, Any]:
    """Return what a record says itself of the row that it is: no time that the run stands in for.

    Of words and grammar it says nothing but that they are there.
    """
    if kind is not _TABLES[draft.record.kind]:
        return {}
    return {name: value for name, value in draft.row.items() if _is_told(name, value)}


def _lists(draft: Draft, at: datetime) -> Iterator[tuple[Kind, list[Row]]]:
    learner = str(draft.profile_id)
    if draft.words:
        yield (
            WORDS,
            [
                {
                    "id": word_id(learner, language, word),
                    "profile_id": learner,
                    "language": language,
                    "word": word,
                    "added_at": at,
                }
                for language, word in draft.words
            ],
        )
    if draft.grammar:
        yield (
            GRAMMAR,
            [
                {
                    "id": grammar_id(learner, uri),
                    "profile_id": learner,
                    "grammar_uri": uri,
                    "added_at": at,
                }
                for uri in draft.grammar
            ],
        )


def _timed(name: str, value: Any, at: datetime) -> Any:
    return value if _is_told(name, value) else at


def _is_told(name: str, value: Any) -> bool:
    return value is not None or name not in _TIMES
