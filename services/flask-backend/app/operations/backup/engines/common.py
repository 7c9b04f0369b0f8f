"""What the engines have in common: the words for what they do, and what SQL says for all of them.

``alembic_version`` is in no backup: the manifest has the revision, and a restored database gets it
last, when it may serve.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Final, Protocol

import sqlalchemy as sa

from app.operations.backup.sealing import Source
from app.operations.backup.tools import Feed
from bilayer.runtime import Database

VERSION_TABLE: Final = "alembic_version"
UNFINISHED: Final = "unfinished_restore"
"""The table by which a database is known that a restore was filling when it was interrupted."""
SCRATCH: Final = "backup_scratch_"
_MARK: Final = sa.Table(UNFINISHED, sa.MetaData(), sa.Column("id", sa.Integer()))
_OURS: Final = re.compile(SCRATCH + r"[0-9a-f_]+")
_CONNECTING_SECONDS: Final = 60
"""After which a scratch database that nobody is connected to was left by somebody who died."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of a database, to be read in two ways.

    Attributes:
        database: In a transaction that sees the moment, for digests.
        source: The same moment, as the engine's tool writes it.
        file: What the tool's output is called.
        server: What the server calls itself.
        tool: What writes.
        revision: At which the database is.
    """

    database: Database
    source: Source
    file: str
    server: str
    tool: str
    revision: str


class Engine(Protocol):
    """What differs from engine to engine."""

    def snapshot(self, url: sa.URL, work: Path) -> AbstractContextManager[Snapshot]:
        """Lend a snapshot of a database, while others write to it.

        Args:
            url: The database, as whoever may read all of it.
            work: A folder for what must be somewhere until the block ends.
        """

    def load(self, url: sa.URL, feed: Feed, work: Path, *, dumped_with: str) -> None:
        """Load a dump into a database without tables."""

    def scratch(self, url: sa.URL, work: Path) -> AbstractContextManager[sa.URL]:
        """Lend an empty database beside another one, gone when the block ends."""


def new_scratch_name() -> str:
    """Name a scratch database, with the time by which its age is known, and whose it is."""
    return f"{SCRATCH}{int(time.time())}_{os.getpid()}_{secrets.token_hex(4)}"


def naming(statement: str, name: str) -> str:
    """Put the name of a scratch database, and no other, in the place of NAME in a statement."""
    if not _OURS.fullmatch(name):
        raise ValueError(f"{name!r} is no scratch database")
    return statement.replace("NAME", name)


def is_abandoned(name: str) -> bool:
    """Tell whether a scratch database nobody is connected to is nobody's any more."""
    stamp = name.removeprefix(SCRATCH).partition("_")[0]
    return stamp.isdigit() and time.time() - int(stamp) > _CONNECTING_SECONDS


@contextmanager
def connecting(url: sa.URL) -> Iterator[sa.Connection]:
    """Lend a connection whose statements commit by themselves."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def list_tables(url: sa.URL) -> list[str]:
    """Name the tables of a database, without Alembic's."""
    with connecting(url) as connection:
        names = sa.inspect(connection).get_table_names()
    return [name for name in names if name != VERSION_TABLE]


def begin_restore(url: sa.URL) -> None:
    """Let everybody see that what is in a database is not all of it."""
    with connecting(url) as connection:
        _MARK.create(connection)


def end_restore(url: sa.URL) -> None:
    """Let a restored database be one as any other."""
    with connecting(url) as connection:
        _MARK.drop(connection)


def empty(url: sa.URL) -> None:
    """Take all tables away, and before that the revision: nothing starts to serve what is left."""
    with connecting(url) as connection:
        found = sa.MetaData()
        found.reflect(connection)
        if VERSION_TABLE in found.tables:
            connection.execute(sa.delete(found.tables[VERSION_TABLE]))
            found.remove(found.tables[VERSION_TABLE])
        found.drop_all(connection)


def find_orphans(url: sa.URL) -> list[str]:
    """Describe each foreign key that rows refer to nothing by: loading may not have looked."""
    with connecting(url) as connection:
        inspector = sa.inspect(connection)
        counts = {
            f"{table}({', '.join(key['constrained_columns'])})": connection.scalar(
                _count_orphans(
                    table,
                    key["referred_table"],
                    list(
                        zip(key["constrained_columns"], key["referred_columns"], strict=True),
                    ),
                )
            )
            for table in inspector.get_table_names()
            for key in inspector.get_foreign_keys(table)
        }
    return [f"{count} rows of {key} refer to nothing" for key, count in counts.items() if count]


def _count_orphans(table: str, referred: str, pairs: list[tuple[str, str]]) -> sa.Select[int]:
    child = sa.table(table, *(sa.column(name) for name, _ in pairs)).alias("child")
    parent = sa.table(referred, *(sa.column(name) for _, name in pairs)).alias("parent")
    same = reduce(and_, (child.c[own] == parent.c[theirs] for own, theirs in pairs))
    refers = reduce(and_, (child.c[own].is_not(None) for own, _ in pairs))
    is_there = sa.exists(sa.select(sa.literal(1)).select_from(parent).where(same))
    return sa.select(sa.func.count()).select_from(child).where(refers, ~is_there)
