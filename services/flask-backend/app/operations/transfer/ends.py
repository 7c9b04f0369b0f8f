"""The two databases of a copy: opened, and refused where they are not fit for it.

No message holds a URL, which may hold a password.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from alembic.config import Config

from app.config import ALEMBIC_INI
from app.models import list_revisions, open_verbatim
from app.operations.transfer.refusals import EndRefused
from bilayer import migrate
from bilayer.errors import BilayerError
from bilayer.migrate.engines import sqlite_path
from bilayer.runtime import Database, ReadOnly
from bilayer.runtime.engines.sqlite_files import is_immutable
from bilayer.urls import parse_url

_NO_WAL: Final = (
    "the file was never served: it is not in WAL mode, and reading it would change it."
    " Run: sqlite3 FILE 'PRAGMA journal_mode=WAL'"
)
_HOW_TO_MAKE: Final = ": run `backend db upgrade` with DATABASE_URL set to it"
_IDENTITY: Final = {
    "postgresql": (
        "SELECT pg_postmaster_start_time()::text || ' ' || current_setting('port') || ' '"
        " || current_database() || ' ' || current_schema()"
    ),
    "mysql": "SELECT concat_ws(' ', @@hostname, @@port, @@datadir, DATABASE())",
}
"""What two addresses of one database have in common."""


@contextmanager
def open_from(url: str, name: str = "FROM") -> Iterator[Database]:
    """Open a database that is read, in a way that cannot change it, not even its file.

    Args:
        url: Where it is.
        name: What it is called in messages.

    Raises:
        EndRefused: It is not there, cannot be read, or is of another revision.
    """
    parsed = _require_place(url, name)
    with _only_reading(parsed) as unchanged, open_verbatim(unchanged) as database:
        _require_head(database, name)
        yield database


@contextmanager
def open_to(url: str) -> Iterator[Database]:
    """Open the database that is written; nobody else migrates it or copies into it meanwhile.

    Raises:
        EndRefused: It is not there, cannot be used, is of another revision, or is being migrated
            or copied into.
    """
    parsed = _require_place(url, "TO")
    with _only_writer(parsed), open_verbatim(parsed) as database:
        _require_head(database, "TO")
        yield database


def require_two(source: Database, target: Database) -> None:
    """Make sure that two addresses do not lead to one database.

    Raises:
        EndRefused: They do.
    """
    if source.engine_name == target.engine_name and _identity(source) == _identity(target):
        raise EndRefused("FROM and TO are the same database")


def _require_place(text: str, name: str) -> sa.URL:
    try:
        url = parse_url(text)
    except ValueError as error:
        raise EndRefused(f"{name}: {error}") from None
    if url.drivername != "sqlite":
        return url
    path = sqlite_path(url)
    if path is None:
        raise EndRefused(f"{name}: a SQLite database needs a file")
    if not path.is_file():
        raise EndRefused(f"{name}: there is no file {path}{_HOW_TO_MAKE}")
    return url


@contextmanager
def _only_reading(url: sa.URL) -> Iterator[sa.URL]:
    """Give the address by which SQLite does not even empty its log; servers know who only reads."""
    path = sqlite_path(url) if url.drivername == "sqlite" else None
    if path is None or is_immutable(str(path)):
        yield url
        return
    had_log = path.with_name(f"{path.name}-wal").exists()
    try:
        yield parse_url(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true")
    finally:
        if not had_log:
            _remove_log(path)


def _remove_log(path: Path) -> None:
    """Let SQLite remove the empty log that a reader leaves; it knows whether somebody uses it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT 1 FROM sqlite_master")


@contextmanager
def _only_writer(url: sa.URL) -> Iterator[None]:
    try:
        lock = migrate.migration_lock(url, migrate.Limits(wait=0))
        lock.__enter__()
    except migrate.LockNotAcquired:
        raise EndRefused("TO: somebody else migrates it or copies into it") from None
    except sa.exc.DBAPIError:
        raise EndRefused("TO: could not connect to the database") from None
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _require_head(database: Database, name: str) -> None:
    needed = migrate.head(Config(ALEMBIC_INI))
    try:
        found = list_revisions(database)
    except ReadOnly:
        raise EndRefused(f"{name}: {_NO_WAL}") from None
    except BilayerError as error:
        raise EndRefused(f"{name}: {error}") from None
    if found != [needed]:
        at = ", ".join(found) or "no revision"
        raise EndRefused(f"{name} is at {at}, this code needs {needed}{_HOW_TO_MAKE}")


def _identity(database: Database) -> object:
    if database.engine_name == "sqlite":
        file = Path(sqlite_path(database.engine.url) or "").stat()
        return file.st_dev, file.st_ino
    return database.dal.executesql(_IDENTITY[database.engine_name])
