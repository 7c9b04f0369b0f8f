"""What an import would do, told without doing it: each problem, what is done about it, counts."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from app.models import Row
from app.operations.importer.batches import batched
from app.operations.importer.records import Draft, Problem, Source
from app.operations.importer.settling import settle
from app.operations.importer.tally import Tally
from app.operations.importer.walking import Watching, walk_drafts
from app.usecases.learning.store import LEARNERS

Tell = Callable[[Problem], None]

_NOBODY: Final[Mapping[str, Row]] = {}


def plan(
    source: Source,
    profile_id: str | None,
    user_id: UUID,
    at: datetime,
    *,
    tell: Tell,
    watching: Watching,
    learners: Mapping[str, Row] = _NOBODY,
) -> Tally:
    """Return the counts an import would end with, from what is stored now. Writes nothing.

    Args:
        source: The files.
        profile_id: The learner of cards and messages.
        user_id: Whose learners.
        at: Now.
        tell: Takes each problem as it is found, those that keep nothing out too.
        watching: Who is told how far it is.
        learners: Those that are taken for being there, by their ids.
    """
    tally = Tally()
    coming = dict(learners)
    earlier = _Earlier(source)
    for batch in batched(walk_drafts(source, profile_id, watching)):
        before = earlier.drafts_like(batch)
        outcomes = settle(user_id, [*before, *batch], at, coming=coming)[len(before) :]
        for outcome in outcomes:
            for problem in (*outcome.draft.notices, *outcome.refused):
                tell(problem)
            coming.update((row["id"], row) for row in outcome.added.get(LEARNERS, ()))
        tally = tally.plus(outcomes)
        earlier.note(batch)
    return tally


class _Earlier:
    """Records whose ids come again in their file: what is not written cannot be found later."""

    def __init__(self, source: Source) -> None:
        self._repeated = source.repeated
        self._first: dict[tuple[str, str], Draft] = {}

    def drafts_like(self, batch: list[Draft]) -> list[Draft]:
        """Return the drafts from before that have an id of one of these."""
        keys = dict.fromkeys(self._keys(batch))
        return [self._first[key] for key in keys if key in self._first]

    def note(self, batch: list[Draft]) -> None:
        """Remember those whose ids may come again."""
        for draft in batch:
            for key in self._keys([draft]):
                self._first.setdefault(key, draft)

    def _keys(self, batch: list[Draft]) -> Iterator[tuple[str, str]]:
        for draft in batch:
            # Profiles have no other id than the one they are kept under.
            own = draft.source_id or draft.profile_id
            if own is not None and not draft.is_refused and hash(own) in self._repeated:
                yield draft.record.kind, own
