"""The connections that migrate: one at a time, never pooled, with the session each engine needs."""

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from bilayer.migrate.limits import Limits
from bilayer.urls import engine_name

BLOCKS_NOBODY: Final = re.compile(
    r"^\s*(create|drop|reindex|refresh|alter)\b.*\b(concurrently|validate\s+constraint)\b",
    re.IGNORECASE | re.DOTALL,
)
"""PostgreSQL's statements that may take as long as they need."""

CONNECT_SECONDS: Final = 10

_CONNECT_ARGS: Final[dict[str, dict[str, Any]]] = {
    # The driver must not open or close transactions of its own, or DDL would escape from them.
    "sqlite": {"isolation_level": None},
    "postgresql": {
        "connect_timeout": CONNECT_SECONDS,
        "fallback_application_name": "bilayer.migrate",
    },
    # PyMySQL's first ends with the TCP connection; a server may accept it and say nothing.
    "mysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": CONNECT_SECONDS},
}


def migration_engine(url: sa.URL, limits: Limits, *, is_writer: bool = True) -> sa.Engine:
    """Make an engine for one migrating process. Opens nothing.

    Args:
        url: As ``bilayer.urls.parse_url`` gives it.
        limits: How long statements wait and run.
        is_writer: On SQLite, whether transactions take the write lock when they begin, and whether
            a file that does not exist is made; who only reads finds an empty database instead. On
            PostgreSQL, whether sessions may be changed, which need a direct connection then.
    """
    name = engine_name(url.drivername)
    if name == "sqlite":
        url = _make_folder(url) if is_writer else _empty_if_missing(url)
    engine = sa.create_engine(
        url, poolclass=sa.NullPool, hide_parameters=True, connect_args=_CONNECT_ARGS[name]
    )
    if name == "sqlite":
        _begin_explicitly(engine, "BEGIN IMMEDIATE" if is_writer else "BEGIN")
    if name == "postgresql":
        _lift_limits_where_nobody_is_blocked(engine, limits)
    if name == "mysql":
        _let_statements_take_their_time(engine)
        _skip_indexes_that_exist(engine)
    session = _session(name, limits)
    if name == "postgresql" and not is_writer:
        # A pooler would hand what is set for a session to whoever comes next.
        _begin_explicitly(engine, session.replace("SET ", "SET LOCAL "))
    else:
        _prepare_each_session(engine, session)
    return engine


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the file of an SQLite URL; None if the database is in memory."""
    database = url.database or ""
    if database.startswith("file:"):
        database, _, query = database.removeprefix("file:").partition("?")
        if "mode=memory" in query or url.query.get("mode") == "memory":
            return None
        database = unquote(database)
    if database in ("", ":memory:"):
        return None
    return Path(database).resolve()


def _session(name: str, limits: Limits) -> str:
    lock, statement = limits.lock_timeout, limits.statement_timeout
    if name == "sqlite":
        # Foreign keys are off because rebuilding a table drops it, and dropping it would delete
        # its children's rows. Each revision is checked before it commits.
        return f"PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = {lock * 1000:.0f}"
    if name == "postgresql":
        return (
            f"SET lock_timeout = {lock * 1000:.0f};"
            f" SET statement_timeout = {statement * 1000:.0f}; SET timezone = 'UTC'"
        )
    # MySQL takes /*M! ... */ for a comment; its own limit is for SELECT only.
    return (
        "SET SESSION sql_mode = 'TRADITIONAL,NO_BACKSLASH_ESCAPES', time_zone = '+00:00',"
        f" default_storage_engine = InnoDB, lock_wait_timeout = {max(1, round(lock))},"
        f" innodb_lock_wait_timeout = {max(1, round(lock))}"
        f" /*M! , max_statement_time = {statement} */"
    )


def _prepare_each_session(engine: sa.Engine, statements: str) -> None:
    # First, because SQLAlchemy learns from its first connection how the server reads literals.
    @sa.event.listens_for(engine, "connect", insert=True)
    def prepare(connection: DBAPIConnection, _record: Any) -> None:
        cursor = connection.cursor()
        for statement in statements.split(";"):
            cursor.execute(statement)
        cursor.close()
        connection.commit()


def _begin_explicitly(engine: sa.Engine, statement: str) -> None:
    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)


def _lift_limits_where_nobody_is_blocked(engine: sa.Engine, limits: Limits) -> None:
    lifted = "SET lock_timeout = 0; SET statement_timeout = 0"
    usual = _session("postgresql", limits)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def choose(connection: sa.Connection, cursor: Any, statement: str, *_: Any) -> None:
        is_free = BLOCKS_NOBODY.match(statement) is not None
        if is_free != connection.info.get("bilayer_is_free", False):
            cursor.execute(lifted if is_free else usual)
            connection.info["bilayer_is_free"] = is_free


def _let_statements_take_their_time(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def lift(connection: Any, _record: Any) -> None:
        connection._read_timeout = None  # noqa: SLF001 - PyMySQL has no public way to change it


def _skip_indexes_that_exist(engine: sa.Engine) -> None:
    """Do what MySQL lacks and MariaDB has: ``CREATE INDEX IF NOT EXISTS``."""

    @sa.event.listens_for(engine, "before_execute", retval=True)
    def skip(connection: sa.Connection, element: Any, values: Any, one: Any, _options: Any) -> Any:
        is_asked = isinstance(element, sa.schema.CreateIndex) and element.if_not_exists
        if is_asked and not getattr(connection.dialect, "is_mariadb", False):
            index = element.element
            element.if_not_exists = False
            if sa.inspect(connection).has_index(index.table.name, index.name):
                element = sa.text("SELECT 1")
        return element, values, one


def _make_folder(url: sa.URL) -> sa.URL:
    """Make the folder of a database, for nobody but its owner."""
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return url


def _empty_if_missing(url: sa.URL) -> sa.URL:
    """Return a database in memory for a file that is not there: SQLite would make the file."""
    path = sqlite_path(url)
    return url if path is None or path.exists() else sa.make_url(f"{url.drivername}://")
