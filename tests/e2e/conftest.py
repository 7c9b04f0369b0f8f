"""A running server on each engine: one that tests share, and one of their own to hurt."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.backend import Backend, running
from tests.support.databases import migrated_database
from tests.support.run import Run


@pytest.fixture(scope="session")
def _shared() -> Iterator[tuple[dict[str, Backend], ExitStack]]:
    with ExitStack() as stack:
        yield {}, stack


@pytest.fixture
def backend(
    database_url: str,
    _shared: tuple[dict[str, Backend], ExitStack],
    tmp_path_factory: pytest.TempPathFactory,
) -> Backend:
    """``backend serve`` on a migrated, empty database, shared: leave it as it was."""
    servers, stack = _shared
    if database_url not in servers:
        folder = tmp_path_factory.mktemp("backend")
        servers[database_url] = stack.enter_context(running(database_url, folder))
    return servers[database_url]


@pytest.fixture
def own_backend(database_url: str, tmp_path: Path) -> Iterator[Backend]:
    """The same for one test alone, which may hurt it."""
    with running(database_url, tmp_path) as backend:
        yield backend


@pytest.fixture(scope="session")
def sqlite_backend(suite_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A shared server for tests of HTTP itself, to which the engine is nothing."""
    folder = tmp_path_factory.mktemp("backend")
    with migrated_database(suite_run, "sqlite") as url, running(url, folder) as backend:
        yield backend
