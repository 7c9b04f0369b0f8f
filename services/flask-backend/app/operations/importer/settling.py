"""What becomes of each record, seen what is stored already. Writes nothing."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.models import Row, find_learning_rows
from app.operations.importer.placing import Rows, place, told
from app.operations.importer.records import LANGUAGES, Action, Draft, Problem, RecordKind, Rule
from app.usecases.learning.store import LEARNERS, WORDS, Id, Kind

_SHORT: Final = 200
_FIELDS: Final = {language: name for name, language in LANGUAGES.items()}
_NOBODY: Final[Mapping[str, Row]] = {}

Found = dict[Kind, dict[Id, Row]]
"""What is stored, deleted rows too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a record.

    Attributes:
        draft: The record.
        status: ``added``, ``merged``, ``present`` or ``quarantined``.
        added: The rows that are not there yet.
        refused: What goes to quarantine.
    """

    draft: Draft
    status: str
    added: Rows = field(default_factory=dict)
    refused: Sequence[Problem] = ()


def settle(
    user_id: UUID, drafts: Sequence[Draft], at: datetime, *, coming: Mapping[str, Row] = _NOBODY
) -> list[Outcome]:
    """Return what becomes of drafts, in their order; each knows of those before it.

    Args:
        user_id: Whose learners they are of.
        drafts: The drafts.
        at: The time of the run.
        coming: Learners that would have been added by now, by their ids.
    """
    placed = [({} if draft.is_refused else place(draft, at)) for draft in drafts]
    learners = {str(draft.profile_id) for draft in drafts if not draft.is_refused}
    found = _find(user_id, placed, learners)
    for learner, row in coming.items():
        found[LEARNERS].setdefault(learner, row)
    return [_settle(draft, rows, found) for draft, rows in zip(drafts, placed, strict=True)]


def same(one: Any, other: Any) -> bool:
    """Compare as JSON does, for which 1, 1.0 and true are three values."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(value, other[name]) for name, value in one.items())
        )
    if isinstance(one, list):
        is_alike = isinstance(other, list) and len(one) == len(other)
        return is_alike and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def differing(draft: Draft, kind: Kind, row: Row) -> list[str]:
    """Name the columns in which a stored row is not what a record says."""
    return [
        name
        for name, value in told(draft, kind).items()
        if not (same(value, row[name]) if isinstance(value, dict | list) else value == row[name])
    ]


def _find(user_id: UUID, placed: Iterable[Rows], learners: Collection[str]) -> Found:
    """Read what there is of all rows at once."""
    ids: dict[Kind, dict[Id, None]] = {LEARNERS: dict.fromkeys(learners)}
    for rows in placed:
        for kind, some in rows.items():
            ids.setdefault(kind, {}).update((row["id"], None) for row in some)
    return {
        kind: {row["id"]: row for row in find_learning_rows(kind.table, user_id, some)}
        for kind, some in ids.items()
    }


def _settle(draft: Draft, rows: Rows, found: Found) -> Outcome:
    if draft.is_refused:
        return Outcome(draft, "quarantined", refused=draft.flaws)
    if reason := _obstacle(draft, rows, found):
        problem = _problem(draft, *reason, Action.QUARANTINE_RECORD)
        return Outcome(draft, "quarantined", refused=(problem, *draft.flaws))
    added: dict[Kind, list[Row]] = {}
    gone: list[Problem] = []
    for kind, some in rows.items():
        for row in some:
            stored = found[kind].setdefault(row["id"], row)
            if stored is row:
                added.setdefault(kind, []).append(row)
            elif stored.get("is_deleted") and kind is not LEARNERS:
                gone.append(_removed(draft, kind, row))
    refused = (*draft.flaws, *gone)
    if not added:
        return Outcome(draft, "present", refused=refused)
    is_new = next(iter(rows)) in added
    return Outcome(draft, "added" if is_new else "merged", added, refused)


def _obstacle(draft: Draft, rows: Rows, found: Found) -> tuple[Rule, str] | None:
    """Say why a record cannot go in as things are."""
    if draft.record.kind is not RecordKind.PROFILE:
        learner = found[LEARNERS].get(str(draft.profile_id))
        if learner is None or learner.get("is_deleted"):
            return Rule.NO_PROFILE, f"there is no learner {draft.profile_id} whose it could be"
    kind, (row, *_) = next(iter(rows.items()))
    stored = found[kind].get(row["id"])
    if stored is None:
        return None
    if stored.get("is_deleted"):
        return Rule.DIFFERENT_ALREADY_THERE, "it is stored already, and was deleted since"
    if names := differing(draft, kind, stored):
        what = ", ".join(names)
        return Rule.DIFFERENT_ALREADY_THERE, f"it is stored already with another {what}"
    return None


def _removed(draft: Draft, kind: Kind, row: Row) -> Problem:
    is_word = kind is WORDS
    name = _FIELDS[row["language"]] if is_word else "mastered_grammar"
    return Problem(
        draft.record.file,
        f"{draft.record.pointer}/{name}",
        json.dumps(row["word" if is_word else "grammar_uri"], ensure_ascii=False),
        Rule.DIFFERENT_ALREADY_THERE,
        "it is stored already, and was removed since",
        Action.QUARANTINE_ENTRY,
    )


def _problem(draft: Draft, rule: Rule, reason: str, action: Action) -> Problem:
    record = draft.record
    value = record.raw[:_SHORT].decode(errors="replace")
    return Problem(record.file, record.pointer, value, rule, reason, action)
