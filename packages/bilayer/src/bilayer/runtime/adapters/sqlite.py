"""SQLite: the embedded default. One writer at a time, in WAL mode."""

from __future__ import annotations

import decimal
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar

from bilayer.decimals import EXACT
from bilayer.runtime.adapters.base import NativeAdapter
from bilayer.runtime.adapters.dialect import SafeDialect
from bilayer.runtime.adapters.operands import limit_of
from bilayer.runtime.adapters.parts import Env
from bilayer.runtime.adapters.values import COMMON_CODECS
from bilayer.runtime.codecs import (
    Codec,
    decode_date,
    decode_instant,
    decode_time,
    decode_uuid,
    encode_bytes,
    encode_date,
    encode_double,
    encode_instant,
    encode_instant_text,
    encode_json,
    encode_time,
    exact_decimal,
    parse_uuid,
    read_date,
    read_time,
)
from bilayer.runtime.engines.sqlite import BufferedCursor, refusal, translate
from bilayer.runtime.errors import (
    DatabaseError,
    TransactionMisuse,
    UnsupportedDefinition,
)
from bilayer.runtime.pydal_compat import SQLiteDialect, dialects
from bilayer.runtime.session import Session
from bilayer.types import MAX_EXACT_DIGITS


def _scaled(precision: int, scale: int) -> Codec:
    """Store a decimal as the integer SQLite keeps exactly."""
    check = exact_decimal(precision, scale)

    def decode(value: Any) -> decimal.Decimal:
        return decimal.Decimal(str(value)).scaleb(-scale, EXACT)

    return Codec(lambda value: int(check(value).scaleb(scale, EXACT)), decode, check)


class SQLiteNativeDialect(SafeDialect, SQLiteDialect):  # type: ignore[misc] # PyDAL is untyped
    """PyDAL's SQLite dialect with bound values."""

    true_exp = "1"
    false_exp = "0"
    exact_decimals = False
    row_list = "VALUES "

    def select(self, *args: Any, **attributes: Any) -> str:
        """Render SELECT; the transaction holds the write lock, FOR UPDATE does not exist."""
        given = list(args)
        if len(given) > 8:  # noqa: PLR2004 - the place of for_update in PyDAL's signature
            given[8] = False
        attributes.pop("for_update", None)
        return str(super().select(*given, **attributes))

    def writing_alias(self, table: Any) -> str:
        """Write through an alias; PyDAL thinks that SQLite cannot."""
        return str(table.sql_fullref)

    def matches(self, text: str, pattern: str) -> str:
        """Match as the other engines do; SQLite's LIKE ignores the case of ASCII letters."""
        return f"bilayer_like({text}, {pattern})"

    def lower(self, val: Any, query_env: Env | None = None) -> str:
        """Fold all letters; SQLite's LOWER folds ASCII only."""
        return f"bilayer_lower({self.expand(val, query_env=query_env or {})})"

    def upper(self, first: Any, query_env: Env | None = None) -> str:
        """Fold all letters."""
        return f"bilayer_upper({self.expand(first, query_env=query_env or {})})"

    def json_contains_text(self, document: str, wanted: str) -> str:
        """Use the function every connection gets."""
        return f"json_holds({document}, {self.adapter.adapt(wanted)})"

    def json_text(
        self, first: Any, path: tuple[str | int, ...], query_env: Env | None = None
    ) -> str:
        """Use the function every connection gets: SQLite's own rounds large numbers."""
        document = self.expand(first, query_env=query_env or {})
        return f"json_text_at({document}, {self.adapter.adapt(encode_json(list(path)))})"

    def json_equal(self, left: str, first: Any, second: Any, query_env: Env) -> str:
        """Compare by value, not by text."""
        return f"json_equal({left}, {self._operand(first, second, query_env)})"

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
        # RETURNING gives whole numbers as the integers that it stores them as.
        "double": Codec(encode_double, float),
        "float": Codec(encode_double, float),
        "date": Codec(encode_date, decode_date, read_date),
        "time": Codec(encode_time, decode_time, read_time),
        "datetime": Codec(encode_instant_text, decode_instant, encode_instant),
        "blob": Codec(encode_bytes),
        "uuid": Codec(lambda value: parse_uuid(value).hex, decode_uuid, parse_uuid),
    }

    def _initialize_(self) -> None:
        super()._initialize_()
        self._in_use = self._is_unusable = False
        is_new = sqlite3.sqlite_version_info >= (3, 35)
        self.returning = self.returns_updates = self.returns_deletes = is_new

    def make_decimal_codec(self, precision: int, scale: int) -> Codec:
        """Scale to a 64-bit integer.

        Raises:
            UnsupportedDefinition: More digits than 64 bits always hold.
        """
        if precision > MAX_EXACT_DIGITS:
            raise UnsupportedDefinition(f"SQLite holds at most {MAX_EXACT_DIGITS} exact digits")
        return _scaled(precision, scale)

    def family_of(self, field_type: Any) -> str | None:
        """Keep decimals apart by scale: they are stored as integers of different units."""
        if isinstance(field_type, str) and field_type.startswith("decimal"):
            return f"decimals of scale {field_type.rstrip(')').rpartition(',')[2].strip()}"
        return super().family_of(field_type)

    def assigned(self, field: Any, expression: str) -> str:
        """Refuse what the column would not hold; SQLite stores anything."""
        bits = {"integer": 32, "bigint": 64, "id": 64}.get(field.type)
        if bits:
            return f"require_integer({expression}, {bits})"
        if str(field.type).startswith("decimal"):
            digits = str(field.type).partition("(")[2].partition(",")[0]
            return f"require_digits({expression}, {digits})"
        limit = limit_of(field)
        return f"require_length({expression}, {limit})" if limit else expression

    def open_cursor(self, connection: Any) -> Any:
        """Open a cursor that fetches at once."""
        return connection.cursor(BufferedCursor)

    def pin_for_fork(self) -> tuple[Any, ...]:
        """Close what is idle: SQLite keeps the locks of a process in its memory.

        A child would inherit them without having them; see "Carrying an open database connection
        across a fork" in https://www.sqlite.org/howtocorrupt.html.
        """
        if not self.session.depth:
            self.release()
        self.engine.dispose()
        parents = super().pin_for_fork()
        self._in_use = any(watch.pooled is not None for watch in parents[0])
        return parents

    def renew_after_fork(self) -> None:
        """Start anew in a child, unless SQLite was in use at the fork."""
        super().renew_after_fork()
        self._is_unusable = self._in_use

    def _checkout(self) -> Any:
        if self._is_unusable:
            raise TransactionMisuse(
                "this process was forked while SQLite was in use; fork before, or use spawn"
            )
        return super()._checkout()

    def seconds_for(self, sql: str, session: Session) -> float:
        """Wait for the writer no longer than there is time: an interrupt does not end that wait."""
        seconds = super().seconds_for(sql, session)
        info = session.connection.info
        if session.is_hurried or info.get("is_hurried"):
            milliseconds = int(min(seconds, self.adapter_args["lock_seconds"]) * 1000)
            session.connection.dbapi_connection.execute(f"PRAGMA busy_timeout={milliseconds}")
            info["is_hurried"] = session.is_hurried
        return seconds

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
        self.begin_or_discard("BEGIN")

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

    def refusal(self, caught: BaseException) -> DatabaseError | None:
        """Map a refused connection."""
        return refusal(caught)

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:
        """Map the driver's errors."""
        return translate(caught, connection)


dialects.register_for(SQLiteAdapter)(SQLiteNativeDialect)
