"""Two migrated databases: one with rows of every kind, and an empty one on any engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.models import open_verbatim
from app.operations import transfer
from tests.migrations.rows import refill
from tests.operations.transfer.extremes import add_extremes
from tests.support.databases import Database, migrated_database
from tests.support.run import Run, sources


@dataclass
class Heard:
    """What a copy or a comparison told."""

    rows: int = 0
    done: int = 0
    tables: list[str] = field(default_factory=list)

    def begin(self, rows: int) -> None:
        """Hear how many rows there are."""
        self.rows = rows

    def advance(self, table: str, rows: int) -> None:
        """Hear that so many more rows of a table are done."""
        self.done += rows
        self.tables.append(table)


@pytest.fixture(scope="session")
def _targets(suite_run: Run) -> Iterator[dict[str, Database]]:
    found: dict[str, Database] = {}
    with ExitStack() as stack:
        for name in sources():
            url = stack.enter_context(migrated_database(suite_run, name))
            found[name] = Database.at(url)
        yield found


@pytest.fixture(params=tuple(sources()))
def target_url(request: pytest.FixtureRequest, _targets: dict[str, Database]) -> str:
    """URL of a migrated database without rows, on each engine in turn."""
    database = _targets[str(request.param)]
    database.empty()
    return database.url


@pytest.fixture
def sqlite_url(_targets: dict[str, Database]) -> str:
    """URL of a migrated SQLite database without rows."""
    _targets["sqlite"].empty()
    return _targets["sqlite"].url


@pytest.fixture
def source_url(database_url: str) -> str:
    """URL of a database with rows in every table, some of them extreme, on each engine in turn."""
    fill(database_url)
    return database_url


@pytest.fixture
def source_file(suite_run: Run, tmp_path: Path) -> Path:
    """A SQLite database in a folder of its own, with rows in every table."""
    file = tmp_path / "app.db"
    with migrated_database(suite_run, "sqlite") as url:
        shutil.copyfile(str(sa.make_url(url).database), file)
    fill(f"sqlite:///{file}")
    return file


def fill(url: str) -> None:
    """Give every table rows."""
    with open_verbatim(url) as database:  # as the service does, which puts SQLite into WAL mode
        database.dal.executesql("SELECT 1")
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        refill(connection)
        add_extremes(connection)


def copy(source: str, target: str, *, is_resumed: bool = False) -> dict[str, int]:
    """Copy, as the command does."""
    with transfer.open_from(source) as here, transfer.open_to(target) as there:
        return transfer.copy_tables(here, there, Heard(), is_resumed=is_resumed)


def compare(source: str, target: str) -> transfer.Comparison:
    """Compare, as the command does."""
    with transfer.open_from(source) as here, transfer.open_from(target, "TO") as there:
        return transfer.compare_tables(here, there, Heard())


def run_sql(url: str, *statements: str) -> None:
    """Run statements over one connection."""
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def ask(url: str, statement: str) -> Any:
    """Return the one value that a statement gives."""
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        return connection.exec_driver_sql(statement).scalar_one()
