"""What the engines have in common: the words for what they do, and what SQL says for all of them.

``alembic_version`` is in no backup, by neither of its names: the manifest has the revision, and a
restored database gets it last, when it may serve.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Final, Protocol

import sqlalchemy as sa

from app.operations.backup.errors import BackupError
from app.operations.backup.sealing import Source
from app.operations.backup.tools import Feed
from bilayer.runtime import Database

VERSION_TABLE: Final = "alembic_version"
UNFINISHED: Final = "unfinished_restore"
"""What ``alembic_version`` is called while a restore fills a database. Its last statement gives the
table its name: so there is no moment at which all rows are there and the revision is not."""
MARK: Final = f"""CREATE TABLE {UNFINISHED} (
version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"""
UNMARK: Final = f"DROP TABLE IF EXISTS {UNFINISHED}"
_HIDE: Final = f"ALTER TABLE {VERSION_TABLE} RENAME TO {UNFINISHED}"
_SHOW: Final = f"ALTER TABLE {UNFINISHED} RENAME TO {VERSION_TABLE}"
_PATIENCE: Final = {
    "postgresql": "SET LOCAL lock_timeout = '3s'",
    "mysql": "SET SESSION lock_wait_timeout = 3",
}
"""How long the tables of somebody who still reads or writes are waited for; SQLite has 5 s."""


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


@contextmanager
def connecting(url: sa.URL) -> Iterator[sa.Connection]:
    """Lend a connection whose statements commit by themselves."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def list_tables(url: sa.URL) -> list[str]:
    """Name the tables of a database."""
    with connecting(url) as connection:
        return sa.inspect(connection).get_table_names()


def is_unfinished(tables: Collection[str]) -> bool:
    """Tell by its tables whether a database is what is left of a restore that was interrupted."""
    return UNFINISHED in tables and VERSION_TABLE not in tables


def begin_restore(url: sa.URL) -> None:
    """Take the revision away, so that nobody serves what is left, and then all other tables.

    Raises:
        BackupError: Somebody uses them.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            if patience := _PATIENCE.get(connection.dialect.name):
                connection.exec_driver_sql(patience)
            found = sa.MetaData()
            found.reflect(connection)
            if VERSION_TABLE in found.tables:
                connection.exec_driver_sql(UNMARK)
                connection.exec_driver_sql(_HIDE)
            elif UNFINISHED not in found.tables:
                connection.exec_driver_sql(MARK)
            kept = {VERSION_TABLE, UNFINISHED}
            doomed = [table for name, table in found.tables.items() if name not in kept]
            found.drop_all(connection, tables=doomed)
    except sa.exc.OperationalError as error:
        reason = str(error.orig).partition("\n")[0]
        cure = "Stop the service, which uses it, and run the same command again."
        raise BackupError(f"The database cannot be emptied: {reason}. {cure}") from None


def end_restore(url: sa.URL, revision: str) -> None:
    """Give a restored database its revision: from then on it is one as any other."""
    version = sa.table(UNFINISHED, sa.column("version_num"))
    with connecting(url) as connection:
        connection.execute(sa.delete(version))
        connection.execute(sa.insert(version).values(version_num=revision))
        connection.exec_driver_sql(_SHOW)


def empty(url: sa.URL) -> None:
    """Take all tables away."""
    begin_restore(url)
    with connecting(url) as connection:
        connection.exec_driver_sql(UNMARK)


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
