"""The live database: opened for reading only, whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from bilayer.drift.remedies import LIVE, with_remedy
from bilayer.drift.waiting import STATEMENT, connect_arguments, limit_statements
from bilayer.errors import BilayerError
from bilayer.urls import engine_name, parse_url

_READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}


class LiveUnreadable(BilayerError):
    """The live database could not be opened; the message never holds its URL."""


@contextlib.contextmanager
def open_live(target: str | sa.URL | sa.Engine) -> Iterator[sa.Connection]:
    """Open a connection on which the engine itself refuses to write.

    An Engine gives its URL only: its pool is its owner's. An SQLite database in memory is all the
    owner's connection has, and is borrowed with it.

    Raises:
        LiveUnreadable: The database cannot be reached, or does not answer in time.
    """
    try:
        opened = _borrow(target) if _is_in_memory(target) else _open_own(target)
        with opened as connection:
            yield connection
    except (SQLAlchemyError, ImportError) as error:
        reason = f"the database could not be read: {first_line(error)}"
        message = with_remedy(reason, LIVE)
        raise LiveUnreadable(message) from error


def read_versions(connection: sa.Connection, tables: Sequence[str]) -> tuple[str, ...]:
    """Read the revisions the database says it is at.

    Raises:
        LiveUnreadable: They may not be read.
    """
    found: set[str] = set()
    try:
        for name in dict.fromkeys(tables):
            schema, _, bare = name.rpartition(".")
            if sa.inspect(connection).has_table(bare, schema=schema or None):
                table = sa.table(bare, sa.column("version_num"), schema=schema or None)
                found.update(connection.execute(sa.select(table.c.version_num)).scalars())
    except SQLAlchemyError as error:
        reason = f"the table of revisions could not be read: {first_line(error)}"
        message = with_remedy(reason, LIVE)
        raise LiveUnreadable(message) from error
    return tuple(sorted(found))


def first_line(error: BaseException) -> str:
    """Shorten a driver's message, which may be empty, to a line without the statement."""
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


@contextlib.contextmanager
def _open_own(target: str | sa.URL | sa.Engine) -> Iterator[sa.Connection]:
    url = target.url if isinstance(target, sa.Engine) else parse_url(target)
    if url.get_backend_name() == "sqlite":
        url = _read_only_file(url)
    arguments = connect_arguments(url, answer=STATEMENT)
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=arguments)
    with engine.connect() as connection:
        connection.exec_driver_sql(_READ_ONLY[engine_name(engine.dialect.name)])
        limit_statements(connection)
        connection.commit()
        yield connection
        connection.rollback()


@contextlib.contextmanager
def _borrow(target: str | sa.URL | sa.Engine) -> Iterator[sa.Connection]:
    engine = target if isinstance(target, sa.Engine) else sa.create_engine(parse_url(target))
    with engine.connect() as connection:
        before = connection.exec_driver_sql("PRAGMA query_only").scalar_one()
        connection.exec_driver_sql("PRAGMA query_only = ON")
        try:
            yield connection
        finally:
            connection.exec_driver_sql(f"PRAGMA query_only = {before}")
    if not isinstance(target, sa.Engine):
        engine.dispose()


def _is_in_memory(target: str | sa.URL | sa.Engine) -> bool:
    url = target.url if isinstance(target, sa.Engine) else parse_url(target)
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ""
    is_named = name.startswith("file:") and (
        url.query.get("mode") == "memory" or name.removeprefix("file:").startswith(":memory:")
    )
    return name in ("", ":memory:") or is_named


def _read_only_file(url: sa.URL) -> sa.URL:
    """Name a SQLite file so that opening it neither makes it nor writes its log back."""
    name = str(url.database)
    if not name.startswith("file:"):
        path = Path(name)
        if not path.is_file():
            reason = "the database could not be read: there is no such SQLite file"
            message = with_remedy(reason, LIVE)
            raise LiveUnreadable(message)
        name = path.resolve().as_uri()
    # Reading makes a log for a database that has none, and leaves it behind.
    quiet = {"immutable": "1"} if _has_no_log(Path(unquote(urlsplit(name).path))) else {}
    return url.set(database=name, query={**url.query, "mode": "ro", "uri": "true", **quiet})


def _has_no_log(path: Path) -> bool:
    """A file keeps its changes in a log, and nobody has it open."""
    try:
        with path.open("rb") as file:
            versions = file.read(20)[18:]
    except OSError:
        return False  # SQLite will say so itself.
    return versions == b"\2\2" and not Path(f"{path}-wal").exists()
