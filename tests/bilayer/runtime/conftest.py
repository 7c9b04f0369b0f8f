"""Gives each test the tables of ``schema.py``, empty, on each engine, through both layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import Database
from bilayer.urls import parse_url
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.subscribers import Witness
from tests.support.databases import new_database
from tests.support.run import Run


@pytest.fixture(scope="session")
def _open_core(suite_run: Run) -> Iterator[Callable[[str], sa.Engine]]:
    """Opens this worker's tables on an engine, once; tests come in any order of engines."""
    with ExitStack() as stack:

        @cache
        def open_core(engine: str) -> sa.Engine:
            url = stack.enter_context(new_database(suite_run, engine))
            schema.create_tables(url)
            core = sa.create_engine(parse_url(url))
            stack.callback(core.dispose)
            return core

        yield open_core


@pytest.fixture
def core(engine: str, _open_core: Callable[[str], sa.Engine]) -> sa.Engine:
    """SQLAlchemy Core on this worker's tables, which are empty."""
    core = _open_core(engine)
    with core.begin() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    return core


@pytest.fixture
def tables_url(core: sa.Engine) -> str:
    """URL of this worker's tables, which are empty."""
    return core.url.render_as_string(hide_password=False)


@pytest.fixture
def database(tables_url: str) -> Iterator[Database]:
    """The runtime on this worker's tables, which are empty."""
    with schema.connect(tables_url) as database:
        yield database


@pytest.fixture
def db(database: Database) -> Any:
    """The runtime's DAL, with the tables defined."""
    return database.dal


@pytest.fixture
def witness(database: Database) -> Witness:
    """A subscriber that watches every table."""
    watcher = Witness()
    database.subscribe(watcher, "owners", "things", "members")
    return watcher
