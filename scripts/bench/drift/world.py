"""Three catalogs of one schema, one of which may be mutated, and what the check says of them."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType

import sqlalchemy as sa
from alembic.config import Config

import bilayer
from scripts.bench.drift.baseline import Baseline
from scripts.bench.drift.edits import Edit
from scripts.bench.drift.schema import TABLES, choose_lines, write_models, write_revision
from scripts.bench.drift.shortcuts import PURPOSES, Kept, run_revision, taken
from tests.support.databases import new_database
from tests.support.run import Run

NAMES = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mariadb"}
"""What the suite calls the engines."""
Source = str
SOURCES: tuple[Source, ...] = ("models", "migrations", "database")


class _Uncached(importlib.machinery.SourceFileLoader):
    """Reads the source each time: two mutations can have one size and be of one second."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - what importlib calls it with
        return self.source_to_code(self.get_data(self.path), self.path)


def load(path: Path, text: str) -> ModuleType:
    """Write a module and load it under a name of its own."""
    path.write_text(text)
    name = f"bench_drift_{path.stem}"
    loader = _Uncached(name, str(path))
    module = importlib.util.module_from_spec(
        importlib.machinery.ModuleSpec(name, loader, origin=str(path))
    )
    module.__file__ = str(path)
    sys.modules[name] = module  # Where the check looks for lines.
    loader.exec_module(module)
    return module


@dataclasses.dataclass
class World:
    """An engine, a server of it, and a folder for the sources."""

    run: Run
    engine: str
    folder: Path
    kept: Kept = dataclasses.field(default_factory=Kept)
    baseline: Baseline | None = None

    @property
    def server(self) -> str | None:
        """Where scratch databases are made."""
        return None if self.engine == "sqlite" else self.run.server(NAMES[self.engine]).url

    @property
    def text(self) -> str:
        """The tables, unmutated."""
        return choose_lines(TABLES, self.engine)

    @contextlib.contextmanager
    def opened(self) -> Iterator[str]:
        """Make the databases nothing is done to; give the URL of the live one."""
        with contextlib.ExitStack() as stack:
            live = stack.enter_context(self.live())
            models = stack.enter_context(new_database(self.run, NAMES[self.engine]))
            migrated = stack.enter_context(self.live())
            self.load_models().create_all(sa.create_engine(models, poolclass=sa.NullPool))
            self.kept.urls.update(live=live, migrations=migrated, models=models)
            if self.engine == "postgresql":
                self.kept.spare = stack.enter_context(new_database(self.run, "postgresql"))
            yield live

    def load_models(self) -> sa.MetaData:
        """Load the models, unmutated."""
        text = write_models(self.text, self.engine)
        metadata: sa.MetaData = load(self.folder / "models.py", text).metadata
        return metadata

    def alembic_sees(self, url: str) -> dict[str, bool] | None:
        """Tell whether Alembic's own comparison sees what was done to a database."""
        return self.baseline.sees(url) if self.baseline else None

    def check(self, edits: Mapping[Source, Edit], *fixes: str, live: str) -> bilayer.Report:
        """Check models, migrations and a live database.

        Args:
            edits: What is done to the models and to the migrations.
            fixes: Bodies of further revisions.
            live: The URL of the live database.
        """
        texts = {name: edits.get(name, _unchanged)(self.text) for name in PURPOSES}
        models = load(self.folder / "models.py", write_models(texts["models"], self.engine))
        revisions = self._write_revisions(write_revision(texts["migrations"], self.engine), fixes)
        changed = {*edits, *(["migrations"] if fixes else [])}
        unmutated = [name for name in PURPOSES if name not in changed]
        with taken(self.kept, unmutated, revisions, models.metadata):
            return bilayer.check(
                metadata=models.metadata,
                migrations=Config(),
                url=live,
                scratch_url=self.server,
                dialect=self.engine,
                root=self.folder,
            )

    @contextlib.contextmanager
    def live(self, edit: Edit | None = None) -> Iterator[str]:
        """Lend a live database that the revisions made, altered by hand or not."""
        text = (edit or _unchanged)(self.text)
        module = load(self.folder / "live.py", write_revision(text, self.engine))
        with contextlib.ExitStack() as stack:
            url = self.kept.empty_spare()
            url = url or stack.enter_context(new_database(self.run, NAMES[self.engine]))
            run_revision(url, module)
            yield url

    def _write_revisions(self, first: str, fixes: tuple[str, ...]) -> list[ModuleType]:
        modules = [load(self.folder / "base.py", first)]
        for number, fix in enumerate(fixes):
            body = "\n".join(f"    {line}" for line in fix.splitlines())
            text = f"import sqlalchemy as sa\nfrom alembic import op\ndef upgrade():\n{body}\n"
            modules.append(load(self.folder / f"fix{number}.py", text))
        return modules


def _unchanged(text: str) -> str:
    return text
