"""Engines on scratch databases."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from bilayer.drift.waiting import connect_arguments


def connect(url: sa.URL, **options: Any) -> sa.Engine:
    """Make an engine that keeps no connection open, so that a database can be dropped."""
    arguments = connect_arguments(url)
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=arguments, **options)
    if engine.name == "sqlite":
        sa.event.listen(engine, "connect", hurry)
    return engine


def hurry(connection: Any, _record: Any) -> None:
    """Let SQLite wait for no disk and keep no journal there: what a crash loses is scratch."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
        # Refused where another connection of a stranger's env.py keeps a write-ahead log.
        with contextlib.suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode = MEMORY")
