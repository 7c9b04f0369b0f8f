"""Mutations of PyDAL's tables, and of the schemas under them, with every adapter."""

from __future__ import annotations

import contextlib
import dataclasses
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

import bilayer
from scripts.bench.drift.cases import Wanted, read
from scripts.bench.drift.edits import Edit
from scripts.bench.drift.runtime_case import RuntimeCase
from scripts.bench.drift.runtime_cases import CASES
from scripts.bench.drift.runtime_schema import (
    ENGINE_OF,
    MODELS,
    RUNTIME,
    choose,
    write_models,
    write_runtime,
)
from scripts.bench.drift.schema import SHORT
from scripts.bench.drift.scoring import Score, judge
from scripts.bench.drift.world import NAMES, load
from scripts.bench.frame import progress
from tests.support.databases import new_database
from tests.support.run import Run


@dataclasses.dataclass(frozen=True)
class Layers:
    """Both layers on one engine, through one adapter."""

    run: Run
    engine: str
    adapter: str
    folder: Path

    def check(
        self, live: str | None, *, models: Edit | None = None, runtime: Edit | None = None
    ) -> bilayer.Report:
        """Check models and, if there is one, a live database against PyDAL's tables."""
        text = choose(RUNTIME, self.adapter)
        module = load(self.folder / "runtime.py", write_runtime(runtime(text) if runtime else text))
        return bilayer.check(
            metadata=self.load_models(models),
            dal=module.define,
            url=live,
            dialect=self.engine,
            adapter=self.adapter,
            root=self.folder,
        )

    def load_models(self, edit: Edit | None = None) -> sa.MetaData:
        """Load the models, mutated or not."""
        text = choose(MODELS, self.adapter)
        text = write_models(edit(text) if edit else text, self.adapter)
        metadata: sa.MetaData = load(self.folder / "models.py", text).metadata
        return metadata

    @contextlib.contextmanager
    def live(self, edit: Edit | None = None) -> Iterator[str]:
        """Lend a database that the models made."""
        with new_database(self.run, NAMES[self.engine]) as url:
            engine = sa.create_engine(url, poolclass=sa.NullPool)
            self.load_models(edit).create_all(engine)
            yield url


def try_all(
    run: Run, engine: str, adapter: str, folder: Path, only: Sequence[str]
) -> Iterator[Score]:
    """Try every case of one adapter on one engine."""
    layers = Layers(run, engine, adapter, folder)
    chosen = [each for each in CASES if each.is_for(engine, adapter)]
    chosen = [each for each in chosen if not only or each.group in only]
    progress(f"{engine}, {adapter}: {len(chosen)} cases of PyDAL")
    with layers.live() as live:
        for each in chosen:
            for source in each.sources:
                yield _try_one(layers, each, source, live)


def adapters_of(engine: str) -> list[str]:
    """List the adapters for an engine."""
    return [adapter for adapter, engines in ENGINE_OF.items() if engine in engines]


def _try_one(layers: Layers, each: RuntimeCase, source: str, live: str) -> Score:
    blank = Score(each.group, each.name, layers.engine, f"{source} ({layers.adapter})")
    try:
        report = _check(layers, each, source, live)
    except Exception as error:  # noqa: BLE001 - a crash of the check is what is looked for
        lines = traceback.format_exception_only(error)
        return dataclasses.replace(blank, error=lines[-1].strip().splitlines()[0])
    if report.failures and not each.fails:
        return dataclasses.replace(blank, error="; ".join(str(each) for each in report.failures))
    verdict = judge(_expect(layers, each, source), report.findings)
    return dataclasses.replace(blank, **verdict)


def _check(layers: Layers, each: RuntimeCase, source: str, live: str) -> bilayer.Report:
    if source == "runtime":
        return layers.check(live, runtime=each.edit)
    if source == "models":
        return layers.check(live, models=each.edit)
    if source == "both":
        with layers.live(each.edit) as altered:
            return layers.check(altered, models=each.edit, runtime=each.runtime_edit)
    with layers.live(each.edit) as altered:
        return layers.check(altered)


def _expect(layers: Layers, each: RuntimeCase, source: str) -> list[Wanted]:
    pairs = {
        "runtime": ("models-runtime", "runtime-database"),
        "models": ("models-runtime",),
        "database": ("runtime-database",),
        "both": ("models-runtime", "runtime-database"),
    }
    # What a column's type is to SQLAlchemy, and its Python defaults, no database can tell.
    found = []
    for text in each.wants:
        word, _, rest = text.partition(" ")
        if word == "setup":
            found.append(_read(layers, rest, "setup"))
        elif word == "models":
            found += [_read(layers, rest, pair) for pair in pairs[source][:1]]
        elif word == "live":
            found += [_read(layers, rest, pair) for pair in pairs[source][1:]]
        else:
            found += [_read(layers, text, pair) for pair in pairs[source]]
    if source == "database":
        found = [one for one in found if one is not None and one.pair == "runtime-database"]
    return [one for one in found if one is not None]


def _read(layers: Layers, text: str, pair: str) -> Wanted | None:
    """Read an expectation; what is said of the adapter wins over what is said of the engine."""
    engine = SHORT[layers.engine]
    for name in (f"{layers.adapter}/{engine}", layers.adapter, engine):
        if f" {name}=" in text:
            return read(text, pair, name, is_left=False)
    return read(text, pair, "", is_left=False)
