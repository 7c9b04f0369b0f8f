"""The live database: opened for reading only, whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

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

    Raises:
        LiveUnreadable: The database cannot be reached.
    """
    engine, is_own = _make_engine(target)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(_READ_ONLY[engine_name(engine.dialect.name)])
            connection.commit()
            yield connection
            connection.rollback()
            if not is_own:
                # A pooled connection would stay read-only in its owner's hands.
                connection.invalidate()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        message = f"the database could not be read: {reason}"
        raise LiveUnreadable(message) from error
    finally:
        if is_own:
            engine.dispose()


def read_versions(connection: sa.Connection, tables: Sequence[str]) -> tuple[str, ...]:
    """Read the revisions the database says it is at."""
    found: set[str] = set()
    for name in dict.fromkeys(tables):
        schema, _, bare = name.rpartition(".")
        if sa.inspect(connection).has_table(bare, schema=schema or None):
            table = sa.table(bare, sa.column("version_num"), schema=schema or None)
            found.update(connection.execute(sa.select(table.c.version_num)).scalars())
    return tuple(sorted(found))


def _make_engine(target: str | sa.URL | sa.Engine) -> tuple[sa.Engine, bool]:
    if isinstance(target, sa.Engine):
        return target, False
    url = parse_url(target)
    # Connecting would create a SQLite file that is not there.
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    if is_file and not Path(str(url.database)).is_file():
        message = "the database could not be read: there is no such SQLite file"
        raise LiveUnreadable(message)
    return sa.create_engine(url, poolclass=NullPool), True
