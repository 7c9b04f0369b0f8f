"""What an import would do: each problem with its place, and what would become of it. No writing."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from app import clock
from app.models import Row
from app.operations.importer.journal import Asked, find_same, require_learner
from app.operations.importer.planning import plan as plan_records
from app.operations.importer.reading import open_source
from app.operations.importer.records import Action, Problem, Rule, Source
from app.operations.importer.refusals import Refused
from app.operations.importer.tally import Tally
from app.operations.importer.walking import Watching

MAX_TOLD: Final = 1000
"""How many problems of a rule are told one by one; all are counted."""


@dataclass(slots=True)
class Plan:
    """What would be done.

    Attributes:
        source: The files.
        same: The run that has brought these very files in already, if any.
        obstacle: Why the import would not begin, if so.
        tally: The counts that it would come to.
        problems: The first of each rule; those that keep something out come first.
        found: How many there are.
        met: How many of each rule.
    """

    source: Source
    same: Row | None = None
    obstacle: str | None = None
    tally: Tally = field(default_factory=Tally)
    problems: list[Problem] = field(default_factory=list)
    found: int = 0
    met: Counter[Rule] = field(default_factory=Counter)

    def note(self, problem: Problem) -> None:
        """Count a problem, and keep it if it is one of the first of its rule."""
        self.found += 1
        self.met[problem.rule] += 1
        if self.met[problem.rule] <= MAX_TOLD:
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
    learners: dict[str, Row] = {}
    profile_id = asked.profile_id
    try:
        profile_id = require_learner(asked, source)
        plan.same = find_same(asked, source.manifest, profile_id)
    except Refused as refusal:
        plan.obstacle = str(refusal)
        learners[str(profile_id)] = {}  # What else there is to say of the records is said.
    plan.tally = plan_records(
        source,
        profile_id,
        asked.user_id,
        clock.now(),
        tell=plan.note,
        watching=watching,
        learners=learners,
    )
    plan.problems.sort(key=lambda problem: problem.action is Action.NOTHING)
    return plan
