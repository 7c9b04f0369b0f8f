"""Databases for tests: empty ones, migrated ones, and how one is emptied between tests.

Alembic alone makes tables here, as everywhere.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tests.support.run import Run

ROOT = Path(__file__).parents[2]
_VERSION_TABLE = "alembic_version"


@dataclass(frozen=True)
class Database:
    """A migrated database that belongs to one worker."""

    url: str
    tables: tuple[str, ...]  # Children before the tables they refer to.

    @classmethod
    def at(cls, url: str) -> Database:
        """Read once which tables there are and in which order they can be emptied."""
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            ordered = sa.inspect(connection).get_sorted_table_and_fkc_names()
        names = [name for name, _ in reversed(ordered) if name and name != _VERSION_TABLE]
        return cls(url, tuple(names))

    def empty(self) -> None:
        """Delete every row. Most tables are empty, so one query finds the others."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        quote = engine.dialect.identifier_preparer.quote
        probes = [
            f"SELECT {position} WHERE EXISTS (SELECT 1 FROM {quote(table)})"
            for position, table in enumerate(self.tables)
        ]
        if not probes:
            return
        with engine.begin() as connection:
            filled = connection.exec_driver_sql(" UNION ALL ".join(probes)).scalars()
            for position in sorted(filled):
                connection.exec_driver_sql(f"DELETE FROM {quote(self.tables[position])}")


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision with the repository's own Alembic configuration."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    command.upgrade(config, revision)


@contextmanager
def new_database(run: Run, engine: str, *, template: str | None = None) -> Iterator[str]:
    """Lend the URL of a new database: without tables, or a copy of the template."""
    name = run.new_name()
    if engine == "sqlite":
        folder = run.folder / name
        folder.mkdir()
        if template is not None:
            shutil.copyfile(_file(run, template), _file(run, name))
        yield f"sqlite:///{_file(run, name)}"
        shutil.rmtree(folder, ignore_errors=True)
        return
    server = run.server(engine)
    url = server.create_database(name, template=template)
    try:
        yield url
    finally:
        server.drop_database(name)


@contextmanager
def migrated_database(run: Run, engine: str) -> Iterator[str]:
    """Lend the URL of a new database with all tables, copied where the engine can copy."""
    with new_database(run, engine, template=_template(run, engine)) as url:
        if engine == "mariadb":
            migrate(url)
        yield url


def drop_templates(run: Run) -> None:
    """Drop what the run's workers were copied from; a lent server outlives the run."""
    note = _note(run, "postgresql")
    if note.exists() and (name := note.read_text()):
        run.server("postgresql").drop_database(name)


def _template(run: Run, engine: str) -> str | None:
    """Name the run's migrated template; the first worker to ask makes it."""
    if engine == "mariadb":
        return None
    with _note(run, engine).open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        name = note.read()
        if not name:
            name = run.new_name()
            migrate(_create_template(run, engine, name))
            note.write(name)
    return name


def _create_template(run: Run, engine: str, name: str) -> str:
    if engine == "postgresql":
        return run.server(engine).create_database(name)
    _file(run, name).parent.mkdir()
    return f"sqlite:///{_file(run, name)}"


def _note(run: Run, engine: str) -> Path:
    return run.folder / f"template-{engine}"


def _file(run: Run, name: str) -> Path:
    return run.folder / name / "test.sqlite"
