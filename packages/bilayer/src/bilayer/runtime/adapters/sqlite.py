"""SQLite: the embedded default. One writer at a time, in WAL mode."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime.adapters.base import NativeAdapter
from bilayer.runtime.adapters.dialect import Env, SafeDialect, json_path
from bilayer.runtime.adapters.values import COMMON_CODECS
from bilayer.runtime.codecs import (
    Codec,
    decode_date,
    decode_instant,
    decode_time,
    decode_uuid,
    encode_boolean,
    encode_bytes,
    encode_date,
    encode_double,
    encode_instant_text,
    encode_json,
    encode_time,
    exact_decimal,
    parse_uuid,
)
from bilayer.runtime.errors import (
    CheckViolation,
    ConnectionLost,
    DatabaseError,
    ForeignKeyViolation,
    LockTimeout,
    NotNullViolation,
    ReadOnly,
    StatementTimeout,
    UniqueViolation,
    UnsafeSettings,
    UnsupportedDefinition,
)
from bilayer.runtime.options import ConnectOptions
from bilayer.runtime.pydal_compat import SQLiteDialect, adapters, dialects
from bilayer.types import MAX_EXACT_DIGITS

_KEY_IN_TABLE: Final = re.compile(
    r'CONSTRAINT\s+"?(\w+)"?\s+(?:UNIQUE|PRIMARY\s+KEY)\s*\(([^)]*)\)', re.IGNORECASE
)
_UNIQUE_INDEX: Final = re.compile(
    r'CREATE\s+UNIQUE\s+INDEX\s+"?(\w+)"?\s+ON\s+\S+\s*\(([^)]*)\)', re.IGNORECASE
)


# ---------------------------------------------------------------- connecting


def create_engine(url: sa.URL, options: ConnectOptions) -> sa.Engine:
    """Make an engine whose connections have the settings safety needs.

    Raises:
        UnsupportedDefinition: The URL names a database in memory, which every connection of a
            pool would see as its own empty one.
    """
    if url.database in (None, "", ":memory:") or "mode=memory" in str(url.database):
        message = "a SQLite database needs a file; each connection to memory is another database"
        raise UnsupportedDefinition(message)
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=options.pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
        pool_recycle=options.pool_recycle,
        pool_pre_ping=False,  # a file does not go away
        pool_reset_on_return=None,
        connect_args={"check_same_thread": False, "timeout": options.lock_timeout},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        prepare(connection, options)

    @event.listens_for(engine, "reset")
    def _reset(connection: Any, _record: Any, _state: Any) -> None:
        if connection.in_transaction:
            connection.rollback()

    return engine


def prepare(connection: sqlite3.Connection, options: ConnectOptions) -> None:
    """Set and check what correctness depends on.

    Raises:
        UnsafeSettings: WAL cannot be had (a network file system), or foreign keys are compiled out.
    """
    connection.isolation_level = None
    run = connection.execute
    run(f"PRAGMA busy_timeout={int(options.lock_timeout * 1000)}")
    journal = run("PRAGMA journal_mode=WAL").fetchone()[0]
    run("PRAGMA synchronous=FULL")  # with NORMAL a power cut loses acknowledged commits
    run("PRAGMA foreign_keys=ON")
    run("PRAGMA trusted_schema=OFF")
    run("PRAGMA case_sensitive_like=ON")  # LIKE as on the other engines
    if str(journal).lower() != "wal" or run("PRAGMA foreign_keys").fetchone()[0] != 1:
        message = "SQLite needs WAL and foreign keys; is the file on a network file system?"
        raise UnsafeSettings(message)
    functions = (("REGEXP", 2, _matches), ("web2py_extract", 2, _extract))
    for name, arity, function in functions:
        connection.create_function(name, arity, function, deterministic=True)
    connection.create_function("json_holds", 2, _json_holds, deterministic=True)
    connection.create_function("LOWER", 1, _lower, deterministic=True)
    connection.create_function("UPPER", 1, _upper, deterministic=True)


def _matches(pattern: str, text: str | None) -> bool | None:
    return None if text is None else re.search(pattern, text) is not None


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _upper(text: Any) -> Any:
    return text.upper() if isinstance(text, str) else text


def _extract(part: str, text: str | None) -> float | int | None:
    """Take a part of a stored instant, date or time; ``epoch`` in seconds."""
    if text is None:
        return None
    if part == "epoch":
        return decode_instant(text).timestamp()
    has_date = "-" in text[:5]
    moment = dt.datetime.fromisoformat(text) if has_date else dt.time.fromisoformat(text)
    found: int = getattr(moment, part)
    return found


def _json_holds(document: str | None, wanted: str) -> bool | None:
    return None if document is None else _holds(json.loads(document), json.loads(wanted))


def _holds(document: Any, wanted: Any) -> bool:
    """Tell whether a document contains another, by the rules of PostgreSQL's ``@>``."""
    if isinstance(wanted, dict):
        return isinstance(document, dict) and all(
            key in document and _holds(document[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(document, list) and all(
            any(_holds(item, value) for item in document) for value in wanted
        )
    if isinstance(document, list):
        return any(_same(item, wanted) for item in document)
    return _same(document, wanted)


def _same(left: Any, right: Any) -> bool:
    return bool(left == right and isinstance(left, bool) == isinstance(right, bool))


# ---------------------------------------------------------------- values


def _decode_boolean(value: Any) -> bool:
    return bool(value)


def _scaled(precision: int, scale: int) -> Codec:
    """Store a decimal as the integer SQLite keeps exactly."""
    check = exact_decimal(precision, scale)

    def decode(value: Any) -> decimal.Decimal:
        return decimal.Decimal(str(value)).scaleb(-scale)

    return Codec(lambda value: int(check(value).scaleb(scale)), decode)


class SQLiteNativeDialect(SafeDialect, SQLiteDialect):  # type: ignore[misc] # PyDAL is untyped
    """PyDAL's SQLite dialect with bound values."""

    true_exp = "1"
    false_exp = "0"
    exact_decimal_products = False
    row_list = "VALUES "

    def select(self, *args: Any, **attributes: Any) -> str:
        """Render SELECT; the transaction holds the write lock, FOR UPDATE does not exist."""
        given = list(args)
        if len(given) > 8:  # noqa: PLR2004 - the place of for_update in PyDAL's signature
            given[8] = False
        attributes.pop("for_update", None)
        return str(super().select(*given, **attributes))

    def json_contains_text(self, document: str, wanted: str) -> str:
        """Use the function every connection gets."""
        return f"json_holds({document}, {self.adapter.adapt(wanted)})"

    def json_text(
        self, first: Any, path: tuple[str | int, ...], query_env: Env | None = None
    ) -> str:
        """Spell booleans as JSON does; SQLite would give 1 and 0."""
        place = f"{self.expand(first, query_env=query_env or {})}, {self.adapter.adapt(json_path(path))}"
        return (
            f"(CASE json_type({place}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
            f"ELSE CAST(json_extract({place}) AS TEXT) END)"
        )

    def json_merge(self, first: Any, patch: dict[str, Any], query_env: Env | None = None) -> str:
        """Use SQLite's own merge patch (RFC 7396)."""
        document = self.expand(first, query_env=query_env or {})
        return f"json_patch(COALESCE({document}, '{{}}'), {self.adapter.adapt(encode_json(patch))})"


@adapters.register_for("bilayer_sqlite")
class SQLiteAdapter(NativeAdapter):
    """The adapter of SQLite."""

    dbengine = "sqlite"
    drivers = ("sqlite3",)
    placeholder = "?"
    codecs: ClassVar[Mapping[str, Codec]] = {
        **COMMON_CODECS,
        "boolean": Codec(encode_boolean, _decode_boolean),
        "double": Codec(encode_double),
        "float": Codec(encode_double),
        "date": Codec(encode_date, decode_date),
        "time": Codec(encode_time, decode_time),
        "datetime": Codec(encode_instant_text, decode_instant),
        "blob": Codec(encode_bytes),
        "uuid": Codec(lambda value: parse_uuid(value).hex, decode_uuid),
    }

    def _initialize_(self) -> None:
        super()._initialize_()
        self.returning = sqlite3.sqlite_version_info >= (3, 35)

    def make_decimal_codec(self, precision: int, scale: int) -> Codec:
        """Scale to a 64-bit integer.

        Raises:
            UnsupportedDefinition: More digits than 64 bits always hold.
        """
        if precision > MAX_EXACT_DIGITS:
            message = f"SQLite holds at most {MAX_EXACT_DIGITS} exact digits"
            raise UnsupportedDefinition(message)
        return _scaled(precision, scale)

    def send(self, cursor: Any, sql: str, parameters: Any) -> Any:
        """Call the driver, which wants an empty tuple where there are no parameters."""
        return cursor.execute(sql, parameters or ())

    def cut(self, connection: Any) -> None:
        """Interrupt the running statement."""
        connection.interrupt()

    def begin(self, isolation: str | None, readonly: bool) -> None:  # noqa: ARG002, FBT001
        """Take the write lock at once: a later upgrade would fail instead of waiting."""
        if not readonly:
            self.run("BEGIN IMMEDIATE")
            return
        self.run("PRAGMA query_only=ON")
        self.run("BEGIN")

    def commit_transaction(self) -> None:
        """Commit, and allow writes again."""
        super().commit_transaction()
        self._allow_writes()

    def rollback_transaction(self) -> None:
        """Roll back what SQLite has not rolled back itself."""
        if self.session.connection.dbapi_connection.in_transaction:
            super().rollback_transaction()
        self._allow_writes()

    def _allow_writes(self) -> None:
        if self.session.readonly:
            self.run("PRAGMA query_only=OFF")

    def ended_transaction(self, error: DatabaseError, connection: Any) -> bool:  # noqa: ARG002
        """Ask SQLite, which rolls back by itself when a disk is full or a write fails."""
        return not connection.dbapi_connection.in_transaction

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:
        """Map SQLite's extended result codes."""
        code = getattr(caught, "sqlite_errorname", None) or ""
        detail = str(caught).rpartition(": ")[2]
        if code.startswith("SQLITE_CONSTRAINT"):
            return _constraint_error(code, detail, connection)
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return LockTimeout("the database is locked by another writer", code=code)
        if code == "SQLITE_INTERRUPT":
            return StatementTimeout("the statement ran too long and was stopped", code=code)
        if code.startswith("SQLITE_READONLY"):
            return ReadOnly("the database accepts no writes", code=code)
        if code.startswith(("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return ConnectionLost("the database file cannot be used", code=code)
        return DatabaseError(f"SQLite refused the statement ({code or 'unknown'})", code=code)


dialects.register_for(SQLiteAdapter)(SQLiteNativeDialect)


def _constraint_error(code: str, detail: str, connection: sqlite3.Connection) -> DatabaseError:
    if code in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        names = [name.rpartition(".") for name in detail.split(", ")]
        table, columns = names[0][0], [column for _, _, column in names]
        return UniqueViolation(
            "a row with this key exists",
            code=code,
            constraint=_constraint_name(connection, table, columns),
            table=table,
            column=columns[0] if len(columns) == 1 else None,
        )
    if code == "SQLITE_CONSTRAINT_NOTNULL":
        table, _, column = detail.rpartition(".")
        return NotNullViolation("a value is required", code=code, table=table, column=column)
    if code == "SQLITE_CONSTRAINT_CHECK":
        return CheckViolation("the row is not allowed", code=code, constraint=detail)
    if code == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return ForeignKeyViolation("the row points to nothing, or is pointed to", code=code)
    return DatabaseError(f"SQLite refused the statement ({code})", code=code)


def _constraint_name(connection: sqlite3.Connection, table: str, columns: list[str]) -> str | None:
    """Look up which constraint covers the columns; SQLite's message names only those."""
    query = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
    for (sql,) in connection.execute(query, (table,)):
        for pattern in (_KEY_IN_TABLE, _UNIQUE_INDEX):
            for name, listed in pattern.findall(sql):
                if [part.strip().strip('"') for part in listed.split(",")] == columns:
                    return str(name)
    return None
