"""Mutations of models, of migrations and of live databases, each in turn, and the no-ops."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator, Sequence
from typing import Final

from scripts.bench.drift.cases import Case, select
from scripts.bench.drift.catalog_columns import TABLES, TYPES
from scripts.bench.drift.catalog_constraints import KEYS, LINKS, PENDING
from scripts.bench.drift.catalog_details import DETAILS
from scripts.bench.drift.catalog_objects import OBJECTS
from scripts.bench.drift.noops import NOOPS
from scripts.bench.drift.scoring import Score, judge
from scripts.bench.drift.world import SOURCES, World
from scripts.bench.frame import progress

MUTATIONS: Final[tuple[Case, ...]] = (*TABLES, *TYPES, *DETAILS, *KEYS, *LINKS, *PENDING, *OBJECTS)
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
        for number, each in enumerate(cases, 1):
            progress(f"{world.engine}: {number} of {len(cases)}, {each.group}, {each.name}")
            for source in SOURCES:
                yield try_one(world, each, source, live)


def try_one(world: World, each: Case, source: str, live: str) -> Score:
    """Mutate one source, check all three, and judge what is said."""
    blank = Score(each.group, each.name, world.engine, source)
    try:
        if source == "database":
            with world.live(each.edit) as altered:
                report = world.check({}, live=altered)
        else:
            report = world.check({source: each.edit}, live=live)
    except Exception as error:  # noqa: BLE001 - a crash of the check is what is looked for
        lines = traceback.format_exception_only(error)
        return dataclasses.replace(blank, error=lines[-1].strip().splitlines()[0])
    if report.failures:
        return dataclasses.replace(blank, error="; ".join(str(each) for each in report.failures))
    verdict = judge(each.expect(world.engine, source), report.findings)
    return dataclasses.replace(blank, **verdict)
