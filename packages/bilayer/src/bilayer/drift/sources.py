"""The sources of one check: reads each once, and notes what could not be read.

Reads; compares nothing. Scratch databases are made here and dropped by whoever opened ``scratch``.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config

from bilayer.drift.defects import LostTarget, Unbuilt
from bilayer.drift.history import History
from bilayer.drift.live import LiveUnreadable, first_line, open_live, read_versions
from bilayer.drift.operations.reflecting import reflect_tables
from bilayer.drift.readers import building
from bilayer.drift.readers import migrations as migrations_reader
from bilayer.drift.readers import pydal as runtime_reader
from bilayer.drift.readers import sqlalchemy as models_reader
from bilayer.drift.readers.database import read_catalog
from bilayer.drift.readers.definitions import define, is_definition
from bilayer.drift.remedies import SCRATCH, explain_define, explain_replay, with_remedy
from bilayer.drift.report import Described, Failure
from bilayer.drift.schemas import split_name
from bilayer.drift.scratch.connecting import connect
from bilayer.drift.scratch.databases import Scratch, ScratchUnavailable
from bilayer.drift.snapshot import Runtime, Schema
from bilayer.errors import BilayerError
from bilayer.urls import EngineName


@dataclasses.dataclass(slots=True)
class Sources:
    """What was given to a check, and what was read of it.

    Attributes:
        dal: The DAL as given, or the one that holds the definitions of the function given.
        migrated_urls: The scratch databases of the migrations: up to the head first, then up to
            the revision of the live database, if it is behind.
        built: The models as the engine made them in a scratch database.
        migrated: The migrations' head, as the engine made it in a scratch database.
        defined_twice: Tables of which two metadata say different things.
        lost_targets: Foreign keys of the models that lead to no table.
        unbuilt: Tables of the models that cannot be built.
        versions: The revisions the live database says it is at; ``None`` if that is not known.
    """

    engine: EngineName
    metadatas: list[sa.MetaData]
    config: Config | None
    url: str | sa.URL | sa.Engine | None
    scratch: Scratch
    root: Path
    dal: Any = None
    models: Schema | None = None
    built: Schema | None = None
    migrated: Schema | None = None
    defined_twice: Sequence[str] = ()
    lost_targets: Sequence[LostTarget] = ()
    unbuilt: Sequence[Unbuilt] = ()
    runtime: Runtime | None = None
    history: History | None = None
    live: Schema | None = None
    versions: tuple[str, ...] | None = None
    migrated_urls: list[sa.URL] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    not_done: list[str] = dataclasses.field(default_factory=list)
    _finish: Callable[..., Schema | None] | None = None

    @contextlib.contextmanager
    def replaying(self) -> Iterator[None]:
        """Let a child replay the migrations while this process does other things."""
        if self.config is None or not self.scratch.is_available:
            yield
            return
        with self._replaying(self.config, "heads", "migrations") as self._finish:
            yield

    def read_runtime(self, dal: Any, adapter: str | None) -> None:
        """Read PyDAL's tables; a function is called with a DAL that only holds definitions."""
        if dal is None:
            return
        self.dal = dal
        if is_definition(dal):
            self.dal, error = define(dal)
            if error is not None:
                self.failures.append(Failure("runtime", explain_define(error)))
        try:
            self.runtime = runtime_reader.read_runtime(self.dal, self.engine, adapter)
        except Exception as error:  # noqa: BLE001 - a table with surprises is reported, not raised
            self._fail("runtime", error)

    def read_models(self) -> None:
        """Read the models as the engine would build them."""
        if not self.metadatas:
            return
        dialect = models_reader.load_dialect(self.engine)
        try:
            self.models = models_reader.read_models(self.metadatas, dialect)
            self.defined_twice = models_reader.list_defined_twice(self.metadatas, dialect)
            self.lost_targets = tuple(building.list_lost_targets(self.metadatas))
            if self.config is None or not self.scratch.is_available:
                self.unbuilt = building.list_unbuildable(self.metadatas, dialect)
        except Exception as error:  # noqa: BLE001 - odd types and constructs are reported
            self._fail("models", error)

    def build_both(self) -> tuple[Schema | None, Schema | None]:
        """Build the models; wait for the migrations to be replayed; read both."""
        self.built = self._build() if self.metadatas else None
        self.migrated = self._finish(is_whole=True) if self._finish is not None else None
        return self.built, self.migrated

    def replay_to(self, config: Config, revision: str) -> Schema | None:
        """Read what the migrations made up to a revision."""
        with self._replaying(config, revision, "behind") as finish:
            return finish(is_whole=False)

    def reflect_migrated(self, place: int) -> Sequence[sa.Table]:
        """Reflect what the migrations made; ``place`` is that of its URL."""
        names = self.migrated.tables if self.migrated is not None else ()
        schemas = {schema for name in names if (schema := split_name(name)[0])}
        return reflect_tables(self.migrated_urls[place], schemas)

    def read_live(self) -> None:
        """Read the live database and the revisions it says it is at."""
        if self.url is None:
            return
        tables = self.history.version_tables if self.history else ("alembic_version",)
        try:
            with open_live(self.url) as connection:
                self.live = _without(read_catalog(connection), tables)
                self.versions = self._read_versions(connection, tables)
        except LiveUnreadable as error:
            self.failures.append(Failure("database", str(error)))

    def describe(self) -> Described:
        """Give what each source says, for a report that shows them side by side."""
        models = self.models
        if self.built is not None:
            # What could not be built is shown as SQLAlchemy says it.
            tables = dict(models.tables) if models is not None else {}
            models = dataclasses.replace(self.built, tables=tables | dict(self.built.tables))
        return Described(self.engine, models, self.migrated, self.runtime, self.live)

    def _read_versions(
        self, connection: sa.Connection, tables: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        if self.history is None:
            return None
        try:
            return read_versions(connection, tables)
        except LiveUnreadable as error:
            self.failures.append(Failure("database", str(error)))
            self.not_done.append("migrations-database: the revision is not known")
            return None

    def _fail(self, source: str, error: Exception) -> None:
        self.failures.append(Failure(source, f"{type(error).__name__}: {error}"))

    @contextlib.contextmanager
    def _replaying(
        self, config: Config, target: str, purpose: str
    ) -> Iterator[Callable[..., Schema | None]]:
        """Replay in the background; what is given out waits, and reads what was made."""
        with contextlib.ExitStack() as stack:
            try:
                url = self.scratch.create(purpose)
                finish = stack.enter_context(migrations_reader.replaying(config, url, target))
            except BilayerError as error:
                source = "scratch" if isinstance(error, ScratchUnavailable) else "migrations"
                self.failures.append(Failure(source, str(error)))
                yield lambda **_: None
                return

            def read(*, is_whole: bool) -> Schema | None:
                return self._read_migrated(url, finish, is_whole=is_whole)

            yield read

    def _read_migrated(
        self, url: sa.URL, finish: Callable[[], History], *, is_whole: bool
    ) -> Schema | None:
        """Read what the migrations made; keep what a whole replay told about them."""
        try:
            history = finish()
        except BilayerError as error:
            self.failures.append(Failure("migrations", str(error)))
            return None
        if is_whole:
            self.history = history
        if history.error is not None:
            self.failures.append(Failure("migrations", explain_replay(history, self.root)))
            return None
        self.migrated_urls.append(url)
        schema = self._read(url, "migrations")
        return _without(schema, history.version_tables) if schema else None

    def _build(self) -> Schema | None:
        """Build the models in a new scratch database and read what the engine made of them."""
        try:
            url = self.scratch.create("models")
            self.unbuilt = building.build(self.metadatas, connect(url))
        except ScratchUnavailable as error:
            self.failures.append(Failure("scratch", str(error)))
            return None
        except BilayerError as error:
            self.failures.append(Failure("models", str(error)))
            return None
        self.failures += [Failure("models", str(each)) for each in self.unbuilt]
        return self._read(url, "models")

    def _read(self, url: sa.URL, source: str) -> Schema | None:
        engine = connect(url)
        try:
            with engine.connect() as connection:
                return read_catalog(connection)
        except sa.exc.SQLAlchemyError as error:
            self.failures.append(Failure(source, with_remedy(first_line(error), SCRATCH)))
            return None
        finally:
            engine.dispose()


def _without(schema: Schema, names: tuple[str, ...]) -> Schema:
    """Leave out Alembic's own tables."""
    kept = {name: table for name, table in schema.tables.items() if name not in names}
    return dataclasses.replace(schema, tables=kept)
