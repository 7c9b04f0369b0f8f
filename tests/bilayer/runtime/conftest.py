"""Gives each test the tables of ``schema.py``, empty, on each engine, through both layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import Database
from bilayer.urls import parse_url
from tests.bilayer.runtime import schema
from tests.support.databases import new_database
from tests.support.run import Run


@pytest.fixture(scope="session")
def _worker_core(suite_run: Run, engine: str) -> Iterator[sa.Engine]:
    with new_database(suite_run, engine) as url:
        schema.create_tables(url)
        core = sa.create_engine(parse_url(url))
        yield core
        core.dispose()


@pytest.fixture
def core(_worker_core: sa.Engine) -> sa.Engine:
    """SQLAlchemy Core on this worker's tables, which are empty."""
    with _worker_core.begin() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    return _worker_core


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
