"""MariaDB and MySQL through PyMySQL."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from bilayer.runtime.adapters.base import NativeAdapter
from bilayer.runtime.adapters.dialect import Env, SafeDialect, json_path
from bilayer.runtime.adapters.statements import Assignments, all_equal
from bilayer.runtime.adapters.values import COMMON_CODECS
from bilayer.runtime.codecs import (
    Codec,
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
from bilayer.runtime.engines.mysql import text_collation
from bilayer.runtime.errors import (
    CheckViolation,
    ConnectionLost,
    ConstraintViolation,
    DatabaseError,
    Deadlock,
    ForeignKeyViolation,
    LockTimeout,
    NotNullViolation,
    ReadOnly,
    SerializationFailure,
    StatementTimeout,
    UniqueViolation,
    UnsupportedDefinition,
)
from bilayer.runtime.pydal_compat import MySQLDialect, dialects
from bilayer.runtime.transaction import Transaction

_UNHEX: Final = "UNHEX(%s)"
_UNIQUE_KEYS: Final = (
    "SELECT GROUP_CONCAT(column_name) FROM information_schema.statistics "
    "WHERE table_schema = DATABASE() AND table_name = %s AND non_unique = 0 GROUP BY index_name"
)

# https://mariadb.com/kb/en/mariadb-error-code-reference/ ; 4025 is MariaDB's, 3819 MySQL's.
_CONSTRAINTS: Final[Mapping[int, tuple[type[ConstraintViolation], str, str]]] = {
    1062: (UniqueViolation, "a row with this key exists", r"for key '(?:[^'.]+\.)?([^']+)'$"),
    1451: (ForeignKeyViolation, "the row is pointed to", r"CONSTRAINT `([^`]+)`"),
    1452: (ForeignKeyViolation, "the row points to nothing", r"CONSTRAINT `([^`]+)`"),
    4025: (CheckViolation, "the row is not allowed", r"CONSTRAINT `([^`]+)`"),
    3819: (CheckViolation, "the row is not allowed", r"constraint '([^']+)'"),
}
_NOT_NULL: Final = (1048, 1364)
_OTHERS: Final[Mapping[int, tuple[type[DatabaseError], str]]] = {
    1213: (Deadlock, "a deadlock; retry the transaction"),
    1020: (SerializationFailure, "the row changed since it was read; retry the transaction"),
    1205: (LockTimeout, "a lock was not granted in time"),
    3572: (LockTimeout, "the row is locked"),
    1969: (StatementTimeout, "the statement ran too long and was stopped"),
    3024: (StatementTimeout, "the statement ran too long and was stopped"),
    1792: (ReadOnly, "the transaction accepts no writes"),
    1290: (ReadOnly, "the server accepts no writes"),
    1836: (ReadOnly, "the server accepts no writes"),
    1040: (ConnectionLost, "the server has no connection left"),
}


def _decode_boolean(value: Any) -> bool:
    return bool(value)


class MySQLNativeDialect(SafeDialect, MySQLDialect):  # type: ignore[misc] # PyDAL is untyped
    """PyDAL's MySQL dialect with bound values."""

    true_exp = "1"
    false_exp = "0"

    def cast(self, first: Any, second: str, query_env: Env | None = None) -> str:
        """Cast; CAST has words of its own for a few types."""
        words = {"LONGTEXT": "CHAR", "INTEGER": "SIGNED", "BIGINT": "SIGNED"}
        return super().cast(first, words.get(second, second), query_env)

    def insert_empty(self, table: str) -> str:
        """Insert a row of defaults."""
        return f"INSERT INTO {table} () VALUES ();"

    def json_contains_text(self, document: str, wanted: str) -> str:
        """Use JSON_CONTAINS."""
        return f"JSON_CONTAINS({document}, {self.adapter.adapt(wanted)})"

    def json_text(
        self, first: Any, path: tuple[str | int, ...], query_env: Env | None = None
    ) -> str:
        """Unquote the scalar; a JSON null is no text."""
        document = self.expand(first, query_env=query_env or {})
        found = f"JSON_EXTRACT({document}, {self.adapter.adapt(json_path(path))})"
        text = f"CASE JSON_TYPE({found}) WHEN 'NULL' THEN NULL ELSE JSON_UNQUOTE({found}) END"
        return f"(({text}) COLLATE {text_collation(mariadb=self.adapter.is_mariadb)})"

    def json_merge(self, first: Any, patch: dict[str, Any], query_env: Env | None = None) -> str:
        """Use the server's own merge patch (RFC 7396)."""
        document = self.expand(first, query_env=query_env or {})
        wanted = self.adapter.adapt(encode_json(patch))
        return f"JSON_MERGE_PATCH(COALESCE({document}, '{{}}'), {wanted})"


class MySQLAdapter(NativeAdapter):
    """The adapter of MariaDB and MySQL."""

    dbengine = "mysql"
    drivers = ("pymysql",)
    codecs: ClassVar[Mapping[str, Codec]] = {
        **COMMON_CODECS,
        "boolean": Codec(encode_boolean, _decode_boolean),
        "double": Codec(encode_double),
        "float": Codec(encode_double),
        "date": Codec(encode_date),
        "time": Codec(encode_time, decode_time),
        "datetime": Codec(encode_instant_text, decode_instant),
        "blob": Codec(encode_bytes, bytes),
        "uuid": Codec(lambda value: parse_uuid(value).hex, decode_uuid),
    }

    def _initialize_(self) -> None:
        super()._initialize_()
        self._unique_keys: set[tuple[str, ...]] = set()

    def make_decimal_codec(self, precision: int, scale: int) -> Codec:
        """Use DECIMAL as it is."""
        return Codec(exact_decimal(precision, scale))

    @property
    def returning(self) -> bool:  # type: ignore[override] # known only once connected
        """MariaDB's INSERT gives back keys since 10.5, MySQL's does not."""
        if not self.is_mariadb:
            return False
        return cast("tuple[int, ...]", self.engine.dialect.server_version_info) >= (10, 5)

    @property
    def is_mariadb(self) -> bool:
        """Tell which of the two the server is."""
        self._ready()
        dialect: Any = self.engine.dialect
        return bool(dialect.is_mariadb)

    def mark(self, kind: str) -> str:
        """Send bytes as hex digits: a literal of raw bytes is no valid utf8mb4."""
        return _UNHEX if kind == "b" else self.placeholder

    def mark_of(self, field_type: str) -> str:
        """Send bytes as hex digits."""
        return _UNHEX if field_type == "blob" else self.placeholder

    def send(self, cursor: Any, sql: str, parameters: Any) -> Any:
        """Call the driver."""
        if parameters:
            parameters = [p.hex() if isinstance(p, bytes) else p for p in parameters]
        return cursor.execute(sql, parameters)

    def cut(self, connection: Any) -> None:
        """Close the socket; PyMySQL's own timeout usually comes first."""
        with contextlib.suppress(OSError, AttributeError):
            connection._sock.shutdown(socket.SHUT_RDWR)

    def begin(self, isolation: str | None, readonly: bool) -> None:  # noqa: FBT001
        """Begin; an isolation level costs a statement of its own."""
        if isolation:
            self.run(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        self.run(f"START TRANSACTION{' READ ONLY' if readonly else ''}")

    def ended_transaction(self, error: DatabaseError, connection: Any) -> bool:  # noqa: ARG002
        """A deadlock rolls everything back; other errors undo their statement only."""
        return isinstance(error, Deadlock | SerializationFailure)

    def send_upsert(
        self,
        table: Any,
        fields: Assignments,
        conflict: Sequence[Any],
        update: Assignments | None,
    ) -> int:
        """Update, else insert, else update again.

        ON DUPLICATE KEY UPDATE fires for any unique key and would change another row than the one
        the caller named.
        """
        self._require_unique_key(table, conflict)
        query = all_equal(conflict, {field.name: value for field, value in fields})
        if update and self.send_update(table, self.condition(table, query), update):
            return 1
        try:
            with Transaction(self):
                self.send_insert(table, fields)
        except UniqueViolation:
            if self._kept_or_updated(table, query, update):
                return 1 if update else 0
            raise
        return 1

    def _require_unique_key(self, table: Any, conflict: Sequence[Any]) -> None:
        """Hold what the other engines' ON CONFLICT holds: without a key, two writers make two."""
        key = (table._raw_rname, *sorted(column._raw_rname for column in conflict))
        if key in self._unique_keys:
            return
        found = self.rows(_UNIQUE_KEYS, [table._raw_rname])
        self._unique_keys.update((key[0], *sorted(names.split(","))) for (names,) in found)
        if key not in self._unique_keys:
            raise UnsupportedDefinition(f"{key[0]} has no unique key of {', '.join(key[1:])}")

    def _kept_or_updated(self, table: Any, query: Any, update: Assignments | None) -> bool:
        """Finish an upsert whose row another writer inserted meanwhile."""
        if update:
            return self.send_update(table, self.condition(table, query), update) > 0
        return bool(self.dicts(query, self.key_columns(table), {"limitby": (0, 1)}))

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:  # noqa: ARG002
        """Map error numbers."""
        number = caught.args[0] if caught.args and isinstance(caught.args[0], int) else 0
        text = str(caught.args[1]) if len(caught.args) > 1 else ""
        code = str(number)
        if number in _CONSTRAINTS:
            kind, message, pattern = _CONSTRAINTS[number]
            return kind(message, code=code, constraint=_last(pattern, text))
        if number in _NOT_NULL:
            column = _last(r"'([^']+)'", text)
            return NotNullViolation("a value is required", code=code, column=column)
        if number in _OTHERS:
            other, message = _OTHERS[number]
            return other(message, code=code)
        return DatabaseError(f"MariaDB refused the statement ({code})", code=code)


dialects.register_for(MySQLAdapter)(MySQLNativeDialect)


def _last(pattern: str, text: str) -> str | None:
    """Find a name in a message; values stand before it and may look like one."""
    found = re.findall(pattern, text)
    return found[-1] if found else None
