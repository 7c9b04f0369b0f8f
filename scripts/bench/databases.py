"""New databases for benches, on the servers of the suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from scripts.bench.frame import CannotMeasure, progress
from tests.support.databases import migrated_database
from tests.support.run import Run, missing_engines

_QUESTIONS = {
    "postgresql": {
        "version": "SHOW server_version",
        "fsync": "SHOW fsync",
        "synchronous_commit": "SHOW synchronous_commit",
    },
    "mariadb": {"version": "SELECT version()", "fsync": "SELECT @@innodb_flush_log_at_trx_commit"},
    "sqlite": {"version": "SELECT sqlite_version()"},
}


@contextmanager
def begin_run() -> Iterator[Run]:
    """Lend the suite's servers until the block ends; they are started when they are asked for."""
    run = Run.begin()
    try:
        yield run
    finally:
        run.end()


def require_engines(engines: Sequence[str]) -> None:
    """Refuse engines that are not to be had.

    Raises:
        CannotMeasure: One is not.
    """
    missing = missing_engines()
    for engine in engines:
        if engine in missing:
            raise CannotMeasure(f"{engine}: {missing[engine]}")


@contextmanager
def new_database(run: Run, engine: str) -> Iterator[str]:
    """Lend the URL of a new database with all tables."""
    progress(f"{engine}: making a database")
    with migrated_database(run, engine) as url:
        yield url


def describe_server(url: str) -> dict[str, Any]:
    """Say which server it is, and whether it waits for its disk."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    name = "sqlite" if engine.dialect.name == "sqlite" else engine.dialect.name
    questions = _QUESTIONS["mariadb" if name in ("mysql", "mariadb") else name]
    with engine.connect() as connection:
        return {
            each: connection.exec_driver_sql(question).scalar_one()
            for each, question in questions.items()
        }
