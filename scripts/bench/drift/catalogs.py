"""Mutations of models, of migrations and of live databases, each in turn, and the no-ops."""

from __future__ import annotations

import dataclasses
import random
import traceback
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from scripts.bench.drift.baseline import Baseline
from scripts.bench.drift.cases import Case, select
from scripts.bench.drift.catalog_columns import TABLES, TYPES
from scripts.bench.drift.catalog_constraints import KEYS, LINKS, PENDING
from scripts.bench.drift.catalog_details import DETAILS
from scripts.bench.drift.catalog_objects import OBJECTS
from scripts.bench.drift.edits import CannotEdit, both
from scripts.bench.drift.noops import NOOPS
from scripts.bench.drift.scoring import Score, judge
from scripts.bench.drift.world import SOURCES, World
from scripts.bench.frame import progress

MUTATIONS: Final[tuple[Case, ...]] = (*TABLES, *TYPES, *DETAILS, *KEYS, *LINKS, *PENDING, *OBJECTS)
_LARGE: Final = ("tables", "pending", "schemas", "storage")
"""Classes that take what others change along with them."""
_BASE: Final = Case("the schema itself", "no-op", lambda text: text, ())


def try_all(world: World, only: Sequence[str], *, part: int = 0, parts: int = 1) -> Iterator[Score]:
    """Try every case on every source of one engine, and the base with nothing done to it.

    Args:
        world: The engine.
        only: Classes; all if there are none.
        part: Which of ``parts`` equal pieces is tried.
        parts: How many there are.
    """
    cases = select([_BASE, *NOOPS, *MUTATIONS], world.engine, only)[part::parts]
    with world.opened() as live:
        world.baseline = Baseline(world.load_models(), live)
        for number, each in enumerate(cases, 1):
            progress(f"{world.engine}: {number} of {len(cases)}, {each.group}, {each.name}")
            for source in SOURCES:
                yield try_one(world, each, source, live)


def try_combinations(world: World, count: int, seed: int) -> Iterator[Score]:
    """Make several mutations at once, chosen by a seed; none may hide another."""
    choice = random.Random(seed)  # noqa: S311 - the same each time is what is wanted
    pool = [each for each in select(MUTATIONS, world.engine, ()) if each.group not in _LARGE]
    tried = 0
    with world.opened() as live:
        while tried < count:
            combined = combine(choice.sample(pool, choice.randint(2, 5)), world)
            source = choice.choice(SOURCES)
            if combined is None or not _is_possible(world, combined):
                continue
            tried += 1
            yield try_one(world, combined, source, live)


def _is_possible(world: World, combined: Case) -> bool:
    """Ask the engine itself; what it takes, the check must not fail at."""
    try:
        with world.live(combined.edit):
            return True
    except sa.exc.SQLAlchemyError:
        return False


def combine(several: Sequence[Case], world: World) -> Case | None:
    """Make one case of several, if they are of different places and can be made together."""
    wants = [want for each in several for want in each.wants]
    places = [tuple(want.split()[1].split(".")) for want in wants]
    if len(set(places)) < len(places):
        return None
    edit = both(*(each.edit for each in several))
    try:
        edit(world.text)
    except CannotEdit:
        return None
    name = " + ".join(each.name for each in several)
    return Case(name, "combinations", edit, tuple(wants))


def try_one(world: World, each: Case, source: str, live: str) -> Score:
    """Mutate one source, check all three, and judge what is said."""
    blank = Score(each.group, each.name, world.engine, source)
    try:
        if source == "database":
            with world.live(each.edit) as altered:
                report = world.check({}, live=altered)
                blank = dataclasses.replace(blank, alembic=world.alembic_sees(altered))
        else:
            report = world.check({source: each.edit}, live=live)
    except Exception as error:  # noqa: BLE001 - a crash of the check is what is looked for
        lines = traceback.format_exception_only(error)
        return dataclasses.replace(blank, error=lines[-1].strip().splitlines()[0])
    if report.failures:
        return dataclasses.replace(blank, error="; ".join(str(each) for each in report.failures))
    verdict = judge(each.expect(world.engine, source), report.findings)
    return dataclasses.replace(blank, **verdict)
