"""What each engine does in its own way: a snapshot, loading one, and a database to try it in."""

from __future__ import annotations

from typing import Final

from app.operations.backup.engines import mysql, postgresql, sqlite
from app.operations.backup.engines.common import (
    VERSION_TABLE,
    Engine,
    Snapshot,
    begin_restore,
    empty,
    end_restore,
    find_orphans,
    is_unfinished,
    list_tables,
)
from bilayer.urls import EngineName

ENGINES: Final[dict[EngineName, Engine]] = {
    "sqlite": sqlite.SQLite(),
    "postgresql": postgresql.PostgreSQL(),
    "mysql": mysql.MySQL(),
}

__all__ = [
    "ENGINES",
    "VERSION_TABLE",
    "Engine",
    "Snapshot",
    "begin_restore",
    "empty",
    "end_restore",
    "find_orphans",
    "is_unfinished",
    "list_tables",
]
