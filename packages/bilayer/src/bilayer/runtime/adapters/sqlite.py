"""SQLite: the embedded default. One writer at a time, in WAL mode."""

from __future__ import annotations

import decimal
import re
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar, Final

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
from bilayer.runtime.engines.sqlite import BufferedCursor
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
    UnsupportedDefinition,
)
from bilayer.runtime.pydal_compat import SQLiteDialect, dialects
from bilayer.types import EXACT, MAX_EXACT_DIGITS

_KEY_IN_TABLE: Final = re.compile(
    r'CONSTRAINT\s+"?(\w+)"?\s+(?:UNIQUE|PRIMARY\s+KEY)\s*\(([^)]*)\)', re.IGNORECASE
)
_UNIQUE_INDEX: Final = re.compile(
    r'CREATE\s+UNIQUE\s+INDEX\s+"?(\w+)"?\s+ON\s+\S+\s*\(([^)]*)\)', re.IGNORECASE
)


def _decode_boolean(value: Any) -> bool:
    return bool(value)


def _scaled(precision: int, scale: int) -> Codec:
    """Store a decimal as the integer SQLite keeps exactly."""
    check = exact_decimal(precision, scale)

    def decode(value: Any) -> decimal.Decimal:
        return decimal.Decimal(str(value)).scaleb(-scale, EXACT)

    return Codec(lambda value: int(check(value).scaleb(scale, EXACT)), decode)


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
        document = self.expand(first, query_env=query_env or {})
        place = f"{document}, {self.adapter.adapt(json_path(path))}"
        return (
            f"(CASE json_type({place}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
            f"ELSE CAST(json_extract({place}) AS TEXT) END)"
        )

    def json_merge(self, first: Any, patch: dict[str, Any], query_env: Env | None = None) -> str:
        """Use SQLite's own merge patch (RFC 7396)."""
        document = self.expand(first, query_env=query_env or {})
        return f"json_patch(COALESCE({document}, '{{}}'), {self.adapter.adapt(encode_json(patch))})"


class SQLiteAdapter(NativeAdapter):
    """The adapter of SQLite."""

    dbengine = "sqlite"
    drivers = ("sqlite3",)
    placeholder = "?"
    locks_rows = False
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
            raise UnsupportedDefinition(f"SQLite holds at most {MAX_EXACT_DIGITS} exact digits")
        return _scaled(precision, scale)

    def open_cursor(self, connection: Any) -> Any:
        """Open a cursor that fetches at once."""
        return connection.cursor(BufferedCursor)

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
