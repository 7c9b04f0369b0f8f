"""SQLite: its online backup API, which copies one snapshot while others write."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa

from app.models import open_verbatim
from app.operations.backup.engines.common import MARK, UNMARK, VERSION_TABLE, Snapshot
from app.operations.backup.errors import BackupError, Broken
from app.operations.backup.tools import Feed

_FILE: Final = "database.sqlite"
_PAGES: Final = 4096
_PATIENCE: Final = 30.0


class SQLite:
    """Backups of a file."""

    @contextmanager
    def snapshot(self, url: sa.URL, work: Path) -> Iterator[Snapshot]:
        """Copy the file, and lend the copy."""
        copy = work / "copy.sqlite"
        with _in_words():
            with _open(_path(url)) as source:
                _copy(source, copy)
            revision = _take_revision(copy)
        with open_verbatim(_url(copy)) as database, copy.open("rb") as file:  # noqa: SIM117 - the file is opened before it is locked
            with database.transaction(readonly=True):
                version = f"SQLite {sqlite3.sqlite_version}"
                yield Snapshot(database, file, _FILE, version, version, revision)

    def load(self, url: sa.URL, feed: Feed, work: Path, *, dumped_with: str) -> None:  # noqa: ARG002 - any SQLite reads the files of any other
        """Write the file somewhere, look at it, and put it in place: all of it or nothing."""
        arrived = work / "arrived.sqlite"
        with os.fdopen(_create(arrived), "wb") as file:
            feed(file)
        with _in_words(), _open(arrived) as source:
            [answer] = source.execute("PRAGMA integrity_check(1)").fetchone()
            if answer != "ok":
                raise Broken(f"SQLite says of the restored file: {answer}")
            source.execute(MARK)  # As in the file that it replaces.
            _copy(source, _path(url))
        arrived.unlink()

    @contextmanager
    def scratch(self, url: sa.URL, work: Path) -> Iterator[sa.URL]:  # noqa: ARG002 - a file needs no server
        """Lend a file."""
        yield _url(work / "scratch.sqlite")


def _path(url: sa.URL) -> Path:
    return Path(str(url.database))


def _url(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that exists."""
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)
    with closing(connection):
        yield connection


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """Copy one snapshot into a file, in one transaction of that file."""
    os.close(_create(path))
    # A copy begins anew whenever others have written, unless this connection reads already.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    with _open(path) as target:
        source.backup(target, pages=_PAGES, progress=_Patience())
    source.execute("COMMIT")


class _Patience:
    """Gives up when a file is locked all the time; SQLite's backup itself would wait for ever."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def __call__(self, status: int, _remaining: int, _total: int) -> None:
        if status not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _PATIENCE:
            raise BackupError("The database is locked: stop the service, which uses it.")


def _take_revision(path: Path) -> str:
    """Take Alembic's table out of a copy, make it one file, and return the revision."""
    with _open(path) as copy:
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()
        copy.execute(UNMARK)
        found = "SELECT count(*) FROM sqlite_master WHERE name = ?"
        if not copy.execute(found, (VERSION_TABLE,)).fetchone()[0]:
            return ""
        revisions = copy.execute("SELECT version_num FROM alembic_version").fetchall()
        copy.execute("DROP TABLE alembic_version")
    return ",".join(revision for (revision,) in revisions)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(f"SQLite refused: {error}.") from None
