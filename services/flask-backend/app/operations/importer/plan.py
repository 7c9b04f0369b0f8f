"""What an import would do: each problem with its place, and what would become of it. No writing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from app import clock
from app.models import Row
from app.operations.importer.batches import batched
from app.operations.importer.journal import Asked, find_same, require_learner
from app.operations.importer.reading import open_source
from app.operations.importer.records import Problem, Source
from app.operations.importer.refusals import Refused
from app.operations.importer.settling import settle
from app.operations.importer.tally import Tally
from app.operations.importer.walking import Watching, walk_drafts
from app.usecases.learning.store import LEARNERS

MAX_TOLD: Final = 1000
"""How many problems are told one by one; all are counted."""


@dataclass(slots=True)
class Plan:
    """What would be done.

    Attributes:
        source: The files.
        same: The run that has brought these very files in already, if any.
        obstacle: Why the import would not begin, if so.
        tally: The counts that it would come to.
        problems: The first of what is worth knowing.
        found: How many those are.
    """

    source: Source
    same: Row | None = None
    obstacle: str | None = None
    tally: Tally = field(default_factory=Tally)
    problems: list[Problem] = field(default_factory=list)
    found: int = 0

    def note(self, problems: Iterable[Problem]) -> None:
        """Count problems, and keep the first."""
        for problem in problems:
            self.found += 1
            if len(self.problems) < MAX_TOLD:
                self.problems.append(problem)


def plan_import(asked: Asked, watching: Watching) -> Plan:
    """Read all files, look what is stored, and tell what would be done.

    Raises:
        UnreadableSource: A file is not what it must be.
        Refused: No folder is named.
    """
    if asked.folder is None:
        raise Refused("Name the folder of the files with --source.")
    watching.say("Reading the files.")
    source = open_source(asked.folder)
    plan = Plan(source)
    coming: dict[str, Row] = {}
    profile_id = asked.profile_id
    try:
        profile_id = require_learner(asked, source)
        plan.same = find_same(asked, source.manifest, profile_id)
    except Refused as refusal:
        plan.obstacle = str(refusal)
        coming[str(profile_id)] = {}  # What else there is to say of the records is said.
    for drafts in batched(walk_drafts(source, profile_id, watching)):
        outcomes = settle(asked.user_id, drafts, clock.now(), coming=coming)
        coming |= {row["id"]: row for one in outcomes for row in one.added.get(LEARNERS, ())}
        plan.tally = plan.tally.plus(outcomes)
        for outcome in outcomes:
            plan.note(outcome.refused)
            plan.note(outcome.draft.notices)
    return plan
