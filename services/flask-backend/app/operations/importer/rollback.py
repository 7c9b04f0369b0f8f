"""An import undone: exactly the rows it added, and only while nobody has built on them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from app import clock
from app.actor import acting_as, migration_actor
from app.models import (
    Row,
    count_learner_rows,
    list_row_versions,
    lock_head,
    outdate_devices,
    remove_learning_rows,
    update_import_run,
)
from app.operations.importer.journal import Asked, require_run, steps_of, walk_items
from app.operations.importer.storing import Run
from app.operations.importer.turns import only_import
from app.operations.importer.walking import Watching
from app.usecases.learning.store import (
    CARDS,
    GRAMMAR,
    KINDS,
    LEARNED,
    LEARNERS,
    WORDS,
    Id,
    Kind,
)
from app.usecases.work import unit_of_work

MAX_TOLD: Final = 1000
"""How many obstacles are told one by one."""
_AT_ONCE: Final = 500
_SIZES: Final = {CARDS: 25}
"""A card may have megabytes, and is read for the audit log."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an import cannot be undone.

    Attributes:
        table: Of which table a row is.
        id: The row's; of a learner for rows that were added to it.
        what: ``changed``, ``missing`` or ``built_on``.
    """

    table: str
    id: str
    what: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of the wish to undo an import.

    Attributes:
        run: Its row in the journal.
        removed: How many rows of each table were removed.
        obstacles: Why nothing was removed; none: it was undone.
    """

    run: Row
    removed: dict[str, int]
    obstacles: Sequence[Obstacle] = ()


def roll_back(asked: Asked, watching: Watching) -> Undone:
    """Remove what an import has added, all of it at once; nothing if somebody has changed it.

    Raises:
        Refused: There is no such import, or another one is running.
    """
    with only_import(asked.user_id, watching.say):
        row = require_run(asked)
        if row["state"] == "rolled_back":
            return Undone(row, {})
        with acting_as(migration_actor(row["id"])):
            return _undo(asked.user_id, row, clock.now())


@unit_of_work
def _undo(user_id: UUID, row: Row, now: datetime) -> Undone:
    """Look at every row and then remove them, while nobody else writes rows of the account."""
    lock_head(user_id)
    obstacles = list(islice(_find_obstacles(Run.of(row)), MAX_TOLD))
    if obstacles:
        return Undone(row, {}, obstacles)
    removed: Counter[str] = Counter()
    for kind in (*LEARNED, LEARNERS):
        for some in _chunked(_added(user_id, row["id"], kind), _SIZES.get(kind, _AT_ONCE)):
            remove_learning_rows(kind.table, user_id, [one for one, _ in some])
            removed[kind.table] += len(some)
    if removed:
        outdate_devices(user_id, at=now)
    update_import_run(user_id, row["id"], state="rolled_back", updated_at=now, finished_at=now)
    return Undone(row | {"state": "rolled_back"}, dict(removed))


def _find_obstacles(run: Run) -> Iterator[Obstacle]:
    for kind in KINDS:
        for some in _chunked(_added(run.user_id, run.id, kind), _AT_ONCE):
            versions = list_row_versions(kind.table, run.user_id, [one for one, _ in some])
            for one, version in some:
                if versions.get(one) != version:
                    what = "changed" if one in versions else "missing"
                    yield Obstacle(kind.table, str(one), what)
    for (kind, learner), count in _count_of_new_learners(run).items():
        if count_learner_rows(kind.table, run.user_id, learner) != count:
            yield Obstacle(kind.table, learner, "built_on")


def _count_of_new_learners(run: Run) -> Mapping[tuple[Kind, str], int]:
    """Count what the import has given to learners that it has added, by table."""
    counts: Counter[tuple[Kind, str]] = Counter()
    learners: list[str] = []
    for item in walk_items(run.user_id, run.id):
        added = [rows for _, rows in steps_of(item)]
        new = [str(one) for rows in added for one in rows.get(LEARNERS, ())]
        learners += new
        for rows in added:
            for kind, ids in rows.items():
                is_of_profile = kind in (WORDS, GRAMMAR)
                for learner in new if is_of_profile else [str(run.profile_id)]:
                    counts[kind, learner] += len(ids)
    return {(kind, learner): counts[kind, learner] for learner in learners for kind in LEARNED}


def _added(user_id: UUID, run_id: UUID, kind: Kind) -> Iterator[tuple[Id, int]]:
    """Give what was added to a table, and the version it got."""
    for item in walk_items(user_id, run_id):
        for version, rows in steps_of(item):
            yield from ((one, version) for one in rows.get(kind, ()))


def _chunked(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while some := list(islice(items, size)):
        yield some
