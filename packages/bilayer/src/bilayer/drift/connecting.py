"""Engines on scratch databases."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from bilayer.drift.waiting import connect_arguments


def connect(url: sa.URL, **options: Any) -> sa.Engine:
    """Make an engine that keeps no connection open, so that a database can be dropped."""
    arguments = connect_arguments(url)
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=arguments, **options)
    if engine.name == "sqlite":
        sa.event.listen(engine, "connect", _hurry)
    return engine


def _hurry(connection: Any, _record: Any) -> None:
    """Wait for no disk: what is lost in a crash is scratch."""
    connection.execute("PRAGMA synchronous = OFF")
