"""The drift check: reads the sources that were given, compares them in pairs, and reports.

Decides what is compared with what; the comparisons are in ``compare``, the readings in
``readers``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config

from bilayer.drift.compare.catalogs import compare_catalogs
from bilayer.drift.compare.history import check_history
from bilayer.drift.compare.runtime import compare_runtime
from bilayer.drift.compare.setup import check_runtime
from bilayer.drift.findings import Difference, Finding
from bilayer.drift.live import LiveUnreadable, open_live, read_versions
from bilayer.drift.mend import Mender
from bilayer.drift.readers import migrations as migrations_reader
from bilayer.drift.readers import pydal as runtime_reader
from bilayer.drift.readers import sqlalchemy as models_reader
from bilayer.drift.readers.database import read_catalog
from bilayer.drift.report import Failure, Report
from bilayer.drift.scratch import Scratch, ScratchUnavailable, connect, scratch_databases
from bilayer.drift.snapshot import History, Runtime, Schema
from bilayer.drift.values import check_values
from bilayer.errors import BilayerError
from bilayer.urls import EngineName, engine_name, parse_url


def check(
    *,
    metadata: sa.MetaData | Sequence[sa.MetaData] | None = None,
    dal: Any = None,
    migrations: Config | None = None,
    url: str | sa.URL | sa.Engine | None = None,
    dialect: str | None = None,
    scratch_url: str | sa.URL | None = None,
    values: bool = False,
    adapter: str | None = None,
    ignore: Sequence[str] = (),
    root: Path | str | None = None,
) -> Report:
    """Compare every pair of the given sources on one engine.

    Args:
        metadata: The models: one or several ``MetaData``.
        dal: A ``pydal.DAL`` with its tables defined, or a function ``define(db)``.
        migrations: Alembic's configuration. Replayed in a scratch database only.
        url: The live database, a URL or an Engine. Read only.
        dialect: The engine to judge by where no ``url`` says it. Default: SQLite.
        scratch_url: A server on which scratch databases may be made. SQLite needs none.
        values: Write and read values through both layers, in a scratch database.
        adapter: How PyDAL's values travel: ``native`` for bilayer's runtime, or a stock adapter
            (``sqlite``, ``postgres``, ``postgres2``, ``postgres3``, ``mysql``). Default: what
            the DAL itself says.
        ignore: Patterns of what not to report: ``table``, ``table.column``, or one of these
            after a code, as in ``BL303:audit_*``.
        root: The folder locations are relative to. Default: the current one.

    Raises:
        BilayerError: An argument makes no sense, such as an unknown dialect or adapter.
    """
    if adapter is not None and adapter not in runtime_reader.ADAPTERS:
        message = f"unknown adapter {adapter!r}; use {', '.join(sorted(runtime_reader.ADAPTERS))}"
        raise BilayerError(message)
    metadatas = _listed(metadata)
    engine = _choose_engine(url, dialect)
    server = parse_url(scratch_url) if scratch_url is not None else None
    if engine == "sqlite":
        server = None
    with scratch_databases(engine, server) as scratch:
        run = _Run(engine, metadatas, migrations, url, scratch, Path(root or ".").resolve())
        run.read_runtime(dal, adapter)
        differences = list(run.compare())
        if values:
            differences += run.compare_values()
        findings = run.mend(differences)
    kept = [finding for finding in findings if not _is_ignored(finding, ignore)]
    return Report.of(kept, failures=run.failures, not_done=run.not_done, engines=(engine,))


def _listed(metadata: sa.MetaData | Sequence[sa.MetaData] | None) -> list[sa.MetaData]:
    if metadata is None:
        return []
    return [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)


def _choose_engine(url: str | sa.URL | sa.Engine | None, dialect: str | None) -> EngineName:
    if isinstance(url, sa.Engine):
        return engine_name(url.dialect.name)
    if url is not None:
        return engine_name(parse_url(url).drivername)
    return engine_name(dialect or "sqlite")


def _is_ignored(finding: Finding, patterns: Sequence[str]) -> bool:
    for pattern in patterns:
        code, _, place = pattern.rpartition(":")
        if code and code != finding.code:
            continue
        names = {finding.table or "", finding.place}
        if any(fnmatch.fnmatchcase(name, place) for name in names if name):
            return True
    return False


@dataclasses.dataclass(slots=True)
class _Run:
    """The sources of one check as they are read, and what could not be."""

    engine: EngineName
    metadatas: list[sa.MetaData]
    config: Config | None
    url: str | sa.URL | sa.Engine | None
    scratch: Scratch
    root: Path
    dal: Any = None
    models: Schema | None = None
    runtime: Runtime | None = None
    history: History | None = None
    live: Schema | None = None
    migrated_tables: list[sa.Table] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    not_done: list[str] = dataclasses.field(default_factory=list)

    def read_runtime(self, dal: Any, adapter: str | None) -> None:
        """Read PyDAL's tables; a function is called with a DAL that only holds definitions."""
        if dal is None:
            return
        db = dal
        if not hasattr(dal, "tables") and callable(dal):
            db, error = runtime_reader.define(dal)
            if error is not None:
                reason = f"the function that defines the tables stopped: {error!r}"
                self.failures.append(Failure("runtime", reason))
        self.dal = db
        try:
            self.runtime = runtime_reader.read_runtime(db, self.engine, adapter)
        except Exception as error:  # noqa: BLE001 - a table with surprises is reported, not raised
            self.failures.append(Failure("runtime", f"{type(error).__name__}: {error}"))

    def compare(self) -> Iterator[Difference]:
        """Yield the differences of every pair both sides of which could be read."""
        if self.metadatas:
            self.models = self._read_models()
        if self.runtime is not None:
            yield from check_runtime(self.runtime, self.models)
        if self.models is not None and self.runtime is not None:
            yield from compare_runtime("models-runtime", self.models, self.runtime)
        migrated = None
        if self.config is not None:
            migrated = yield from self._compare_migrations(self.config)
        if self.url is not None:
            yield from self._compare_live(migrated)

    def compare_values(self) -> list[Difference]:
        """Write and read values through both layers, where there are two and a database."""
        if self.runtime is None or not self.metadatas:
            self.not_done.append("values: needs both metadata and dal")
            return []
        if not self.scratch.is_available:
            self.not_done.append(f"values on {self.engine}: needs a scratch_url")
            return []
        differences, failures = check_values(self.metadatas, self.dal, self.runtime, self.scratch)
        self.failures += [Failure("values", reason) for reason in failures]
        return differences

    def mend(self, differences: Sequence[Difference]) -> list[Finding]:
        """Add locations and fixes."""
        schema = self.models or self.live or Schema(self.engine, {})
        mender = Mender(
            engine=self.engine,
            dialect=models_reader.load_dialect(self.engine),
            root=self.root,
            schema=schema,
            runtime=self.runtime,
            history=self.history,
            tables=models_reader.list_tables(self.metadatas),
            migrated=self.migrated_tables,
        )
        return [mender.mend(difference) for difference in differences]

    def _read_models(self) -> Schema | None:
        try:
            return models_reader.read_models(
                self.metadatas, models_reader.load_dialect(self.engine)
            )
        except Exception as error:  # noqa: BLE001 - odd types and constructs are reported
            self.failures.append(Failure("models", f"{type(error).__name__}: {error}"))
            return None

    def _compare_migrations(
        self, config: Config
    ) -> Iterator[Difference] | Any:  # Any: a generator that returns the schema it read
        if not self.scratch.is_available:
            pairs = "models-migrations" + (", migrations-database" if self.url else "")
            self.not_done.append(f"{pairs} on {self.engine}: needs a scratch_url")
            return None
        with contextlib.ExitStack() as stack:
            finish = self._start_replay(stack, config, "heads", "migrations")
            # Meanwhile, in this process:
            built = self._build() if self.metadatas else None
            migrated = self._finish_replay(finish, is_whole=True)
        if self.history is not None:
            yield from check_history(self.history, self.models)
        if built is not None and migrated is not None:
            yield from compare_catalogs("models-migrations", built, migrated)
        return migrated

    def _start_replay(
        self, stack: contextlib.ExitStack, config: Config, target: str, purpose: str
    ) -> Callable[[], tuple[sa.URL, History]] | None:
        """Start to replay the migrations into a new scratch database."""
        try:
            url = self.scratch.create(purpose)
        except ScratchUnavailable as error:
            self.failures.append(Failure("migrations", str(error)))
            return None
        finish = stack.enter_context(migrations_reader.replaying(config, url, target))
        return lambda: (url, finish())

    def _finish_replay(
        self, finish: Callable[[], tuple[sa.URL, History]] | None, *, is_whole: bool
    ) -> Schema | None:
        """Read what the migrations made; keep what a whole replay told about them."""
        if finish is None:
            return None
        try:
            url, history = finish()
        except BilayerError as error:
            self.failures.append(Failure("migrations", str(error)))
            return None
        if is_whole:
            self.history = history
        if history.error is not None:
            self.failures.append(Failure("migrations", history.error))
            return None
        schema = self._read(url, "migrations", keep_tables=True)
        return _without(schema, history.version_tables) if schema else None

    def _build(self) -> Schema | None:
        """Build the models in a new scratch database and read what the engine made of them."""
        try:
            url = self.scratch.create("models")
        except ScratchUnavailable as error:
            self.failures.append(Failure("models", str(error)))
            return None
        engine = connect(url)
        try:
            reasons = models_reader.build(self.metadatas, engine)
        finally:
            engine.dispose()
        self.failures += [Failure("models", reason) for reason in reasons]
        return self._read(url, "models")

    def _read(self, url: sa.URL, source: str, *, keep_tables: bool = False) -> Schema | None:
        engine = connect(url)
        try:
            with engine.connect() as connection:
                if keep_tables:
                    self._reflect(connection)
                return read_catalog(connection)
        except sa.exc.SQLAlchemyError as error:
            self.failures.append(Failure(source, str(error).splitlines()[0]))
            return None
        finally:
            engine.dispose()

    def _reflect(self, connection: sa.Connection) -> None:
        """Keep what the fixes for a live database are written from."""
        if self.url is None:
            return
        metadata = sa.MetaData()
        metadata.reflect(connection)
        self.migrated_tables = list(metadata.tables.values())

    def _compare_live(self, migrated: Schema | None) -> Iterator[Difference]:
        assert self.url is not None  # noqa: S101 - tells mypy what compare() has seen
        tables = self.history.version_tables if self.history else ("alembic_version",)
        try:
            with open_live(self.url) as connection:
                self.live = _without(read_catalog(connection), tables)
                versions = read_versions(connection, tables)
        except LiveUnreadable as error:
            self.failures.append(Failure("database", str(error)))
            return
        if migrated is not None and self.history is not None and self.config is not None:
            yield from self._compare_with_history(self.config, migrated, versions)
        if self.runtime is not None:
            yield from compare_runtime("runtime-database", self.live, self.runtime)

    def _compare_with_history(
        self, config: Config, migrated: Schema, versions: tuple[str, ...]
    ) -> Iterator[Difference]:
        """Compare the live database with what its own revision makes: behind is not altered."""
        assert self.live is not None  # noqa: S101 - as above
        assert self.history is not None  # noqa: S101 - as above
        heads = tuple(sorted(self.history.heads))
        known = {revision.revision for revision in self.history.revisions}
        at = ", ".join(versions) or "no revision"
        if not set(versions) <= known:
            message = f"the database is at {at}, which is not among the revisions"
            yield Difference(
                "BL117", "error", "migrations-database", message,
                left=", ".join(heads), right=at,
            )  # fmt: skip
        elif versions != heads:
            message = f"the database is at {at}, and the head is {', '.join(heads)}"
            yield Difference(
                "BL116", "warning", "migrations-database", message,
                left=", ".join(heads), right=at,
            )  # fmt: skip
            earlier = self._replay_to(config, versions)
            if earlier is None:
                return
            migrated = earlier
        yield from compare_catalogs("migrations-database", migrated, self.live)

    def _replay_to(self, config: Config, versions: tuple[str, ...]) -> Schema | None:
        if not versions:
            return Schema(self.engine, {})
        if len(versions) > 1:
            self.not_done.append("migrations-database: the database is at several revisions")
            return None
        with contextlib.ExitStack() as stack:
            finish = self._start_replay(stack, config, versions[0], "behind")
            return self._finish_replay(finish, is_whole=False)


def _without(schema: Schema, names: Sequence[str]) -> Schema:
    """Leave out Alembic's own tables."""
    kept = {name: table for name, table in schema.tables.items() if name not in set(names)}
    return Schema(schema.engine, kept)
