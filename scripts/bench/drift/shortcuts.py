"""What makes hundreds of checks take minutes: what is the same each time is made and read once.

A mutation changes one of three databases. The two others stay as they are between checks; the
check is handed them instead of making them anew, and what was read of them instead of reading it
again. Revisions run in this process, because a confined child for each check takes a second to
start. Everything that reads what was mutated, compares, judges, places and mends is the check's.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any
from unittest import mock

import sqlalchemy as sa
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from bilayer.drift import sources
from bilayer.drift.history import History, Revision
from bilayer.drift.readers import building
from bilayer.drift.readers import migrations as migrations_reader
from bilayer.drift.readers.database import read_catalog
from bilayer.drift.scratch.databases import Scratch
from bilayer.drift.snapshot import Schema

PURPOSES = ("models", "migrations")
"""What the check calls the scratch databases of the sources."""
_EMPTY = "DROP SCHEMA IF EXISTS archive CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"


class Kept:
    """The databases that nothing is done to, by what the check wants them for.

    Attributes:
        spare: A database of PostgreSQL for what is mutated: emptying one takes a part of the time
            that making one takes.
    """

    def __init__(self) -> None:
        self.urls: dict[str, str] = {}
        self.spare: str | None = None
        self._read: dict[str, Schema] = {}

    def is_kept(self, url: sa.URL | str) -> bool:
        """Tell whether a database is one of them."""
        return _text(url) in self.urls.values()

    def read(self, connection: sa.Connection) -> Schema:
        """Read a catalog; one that is kept only once."""
        url = _text(connection.engine.url)
        if url not in self._read and (found := self._same_file(connection)) is not None:
            url = found
        if url in self._read:
            return self._read[url]
        schema = read_catalog(connection)
        if url in self.urls.values():
            self._read[url] = schema
        return schema

    def empty_spare(self) -> str | None:
        """Empty the spare database, and give its URL if there is one."""
        if self.spare is not None:
            engine = sa.create_engine(self.spare, poolclass=sa.NullPool)
            with engine.begin() as connection:
                connection.exec_driver_sql(_EMPTY)
        return self.spare

    def _same_file(self, connection: sa.Connection) -> str | None:
        """Find a SQLite file under the address by which the check opens it for reading."""
        name = (connection.engine.url.database or "").removeprefix("file://")
        return next((url for url in self.urls.values() if url == f"sqlite:///{name}"), None)


@contextlib.contextmanager
def taken(
    kept: Kept, unmutated: Sequence[str], revisions: Sequence[ModuleType], metadata: sa.MetaData
) -> Iterator[None]:
    """Run the check's own code with what is kept, within the block."""
    create, build = Scratch.create, building.build

    def create_or_reuse(self: Scratch, purpose: str) -> sa.URL:
        url = kept.urls.get(purpose) if purpose in unmutated else kept.empty_spare()
        return create(self, purpose) if url is None else sa.make_url(url)

    def build_or_reuse(metadatas: Sequence[sa.MetaData], engine: sa.Engine) -> list[Any]:
        return [] if kept.is_kept(engine.url) else list(build(metadatas, engine))

    with (
        mock.patch.object(Scratch, "create", create_or_reuse),
        mock.patch.object(building, "build", build_or_reuse),
        mock.patch.object(sources, "read_catalog", kept.read),
        mock.patch.object(migrations_reader, "replaying", _replay_here(kept, revisions, metadata)),
    ):
        yield


def run_revision(url: sa.URL | str, *modules: ModuleType) -> None:
    """Run revisions as Alembic does, and stamp the first one."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            for module in modules:
                module.upgrade()
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('base')")


def _replay_here(
    kept: Kept, revisions: Sequence[ModuleType], metadata: sa.MetaData
) -> Callable[..., Any]:
    history = History(
        revisions=(Revision("base", (), str(revisions[0].__file__)),),
        heads=("base",),
        bases=("base",),
        env_ran=True,
        env_tables=tuple(metadata.tables),
        version_tables=("alembic_version",),
    )

    @contextlib.contextmanager
    def replaying(
        _config: Config, scratch: sa.URL, *_rest: Any, **_options: Any
    ) -> Iterator[Callable[..., History]]:
        def finish() -> History:
            if kept.is_kept(scratch):
                return history
            try:
                run_revision(scratch, *revisions)
            except sa.exc.SQLAlchemyError as error:
                return dataclasses.replace(history, error=str(error).splitlines()[0])
            return history

        yield finish

    return replaying


def _text(url: sa.URL | str) -> str:
    return sa.make_url(url).render_as_string(hide_password=False)
