"""The bench of the drift check: recall and precision over mutations and no-ops, truth, and cost."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from scripts.bench.drift import catalogs, cost, projects, runtime, truth, truth_scenes
from scripts.bench.drift.baseline import MODES
from scripts.bench.drift.scoring import Score, rate, tally
from scripts.bench.drift.world import NAMES, World
from scripts.bench.frame import Bench, Options, Result
from tests.support.run import Run

PARTS: Final = 4
"""How many pieces the catalogs of one engine are tried in; pieces run side by side."""
COMBINATIONS: Final = 25
"""How often several mutations are made at once, on each engine."""
SEED: Final = 20260521
_COST: Final = "cost"
_COMBINED: Final = "combinations"
_ENGINES: Final = {name: engine for engine, name in NAMES.items()}


def measure(run: Run, options: Options) -> Bench:
    """Try every case on every engine, and compare the cost with ``alembic check``."""
    bench = Bench("drift")
    if set(options.only) == {_COST}:
        bench.results += cost.measure(options)
        return bench
    engines = [_ENGINES[name] for name in options.engines]
    scores = try_side_by_side(run, engines, options.only)
    for engine in engines:
        listed = [score for score in scores if score.engine == engine]
        if listed:
            bench.results.append(_summarize(f"drift, {engine}", listed))
    bench.results.append(_summarize("drift, all engines", scores))
    if any(score.alembic is not None for score in scores):
        bench.results.append(_summarize_alembic(scores))
    if not options.only or _COST in options.only:
        bench.results += cost.measure(options)
    return bench


def try_side_by_side(run: Run, engines: Sequence[str], only: Sequence[str]) -> list[Score]:
    """Try the cases in as many processes as there are processors."""
    servers = [NAMES[engine] for engine in engines if engine != "sqlite"]
    urls = {name: run.server(name).url for name in servers}
    state = json.dumps({"folder": str(run.folder), "urls": urls})
    tasks = [("catalogs", engine, part) for engine in engines for part in range(PARTS)]
    tasks += [("runtime", engine, 0) for engine in engines]
    if not only or _COMBINED in only:
        tasks += [("combinations", engine, 0) for engine in engines]
    if "postgresql" in engines and (not only or "truth" in only):
        tasks += [("truth", "postgresql", place) for place in range(len(truth.ADAPTERS))]
    if "sqlite" in engines and (not only or projects.GROUP in only):
        tasks.append(("projects", "sqlite", 0))
    workers = len(os.sched_getaffinity(0))
    # A forked child would inherit connections and the locks of threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_try_part, state, *task, tuple(only)) for task in tasks]
        return [score for future in futures for score in future.result()]


def _try_part(state: str, kind: str, engine: str, part: int, only: Sequence[str]) -> list[Score]:
    run = Run.join(state)
    with tempfile.TemporaryDirectory(prefix="bench_drift_") as name:
        folder = Path(name)
        if kind == "catalogs":
            return list(catalogs.try_all(World(run, engine, folder), only, part=part, parts=PARTS))
        if kind == "combinations":
            return list(catalogs.try_combinations(World(run, engine, folder), COMBINATIONS, SEED))
        if kind == "projects":
            return list(projects.try_all())
        if kind == "truth":
            scenes = truth_scenes.try_all(run) if part == 0 else ()
            return [*scenes, *truth.try_all(run, truth.ADAPTERS[part])]
        return [
            score
            for adapter in runtime.adapters_of(engine)
            for score in runtime.try_all(run, engine, adapter, folder, only)
        ]


def _summarize(name: str, scores: Sequence[Score]) -> Result:
    total = rate(scores)
    classes = tally(scores, "group")
    wrong = [score for score in scores if not score.is_right]
    figures: dict[str, Any] = {
        **total,
        "classes": classes,
        "misses": list(_tell(wrong)),
    }
    sentence = (
        f"{name}: recall {total['recall']} %, precision {total['precision']} %,"
        f" {total['cases']} cases, {total['trials']} trials"
    )
    if not scores:
        sentence = f"{name}: --only names no class that there is"
    elif not name.endswith("engines"):
        sentence = "\n  ".join([sentence, *_draw_table(classes), *figures["misses"]])
    # Nothing tried is nothing shown: --only named no class that there is.
    is_complete = bool(scores) and total["recall"] == total["precision"] == 100  # noqa: PLR2004 - per cent
    return Result(name, figures, sentence, is_complete)


def _draw_table(classes: dict[str, dict[str, Any]]) -> Iterable[str]:
    """Write recall and precision of each class, one a line."""
    width = max((len(name) for name in classes), default=0)
    for name, each in classes.items():
        figures = f"{each['recall']:5.1f} {each['precision']:5.1f}"
        yield f"{name:{width}}  {figures}  {each['cases']:3} cases, {each['trials']:4} trials"


def _summarize_alembic(scores: Sequence[Score]) -> Result:
    """Say how many mutations of live databases Alembic itself sees, and how many no-ops."""
    asked = [score for score in scores if score.alembic is not None]
    figures: dict[str, Any] = {}
    for mode in MODES:
        seen = [score for score in asked if score.alembic and score.alembic[mode]]
        figures[mode] = {
            "mutations": sum(score.group != "no-op" for score in seen),
            "false alarms": sum(score.group == "no-op" for score in seen),
        }
    figures["of mutations"] = sum(score.group != "no-op" for score in asked)
    figures["of no-ops"] = sum(score.group == "no-op" for score in asked)
    told = "; ".join(
        f"{mode} {figures[mode]['mutations']} of {figures['of mutations']} mutations,"
        f" {figures[mode]['false alarms']} of {figures['of no-ops']} no-ops"
        for mode in MODES
    )
    name = "drift, alembic on the same live databases"
    return Result(name, figures, f"{name}: sees {told}", None)


def _tell(scores: Iterable[Score]) -> Iterable[str]:
    for score in scores:
        if score.error:
            yield f"{score.title}: {score.error}"
        yield from (f"{score.title}: missed {each}" for each in score.missed)
        yield from (f"{score.title}: false alarm {each}" for each in score.wrong)
