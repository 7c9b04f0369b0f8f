"""MariaDB and MySQL through PyMySQL."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar, Final, cast

from bilayer.runtime.adapters.base import NativeAdapter
from bilayer.runtime.adapters.inserts import Assignments
from bilayer.runtime.adapters.mysql_dialect import MySQLNativeDialect
from bilayer.runtime.adapters.statements import all_equal
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
    encode_time,
    exact_decimal,
    parse_uuid,
    read_date,
    read_time,
)
from bilayer.runtime.engines.mysql import LOST, refusal, translate
from bilayer.runtime.errors import (
    DatabaseError,
    Deadlock,
    SerializationFailure,
    UniqueViolation,
    UnsupportedDefinition,
)
from bilayer.runtime.pydal_compat import dialects
from bilayer.runtime.transaction import Transaction

_UNHEX: Final = "UNHEX(%s)"
_FAILS: Final = "JSON_EXTRACT('{{}}', CONCAT('x', ISNULL(VALUES({}))))"
"""A bad path of a document: an error, but only for the row it is computed for."""
_BAD_PATH: Final = ("4042", "3143")
"""That error's number on MariaDB and on MySQL."""
_UNIQUE_KEYS: Final = (
    "SELECT GROUP_CONCAT(column_name) FROM information_schema.statistics "
    "WHERE table_schema = DATABASE() AND table_name = %s AND non_unique = 0 GROUP BY index_name"
)


class MySQLAdapter(NativeAdapter):
    """The adapter of MariaDB and MySQL."""

    dbengine = "mysql"
    drivers = ("pymysql",)
    inserted = "VALUES({})"
    codecs: ClassVar[Mapping[str, Codec]] = {
        **COMMON_CODECS,
        "double": Codec(encode_double),
        "float": Codec(encode_double),
        "date": Codec(encode_date, decode_date, read_date),
        "time": Codec(encode_time, decode_time, read_time),
        "datetime": Codec(encode_instant_text, decode_instant, encode_instant),
        "blob": Codec(encode_bytes, bytes),
        "uuid": Codec(lambda value: parse_uuid(value).hex, decode_uuid, parse_uuid),
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
    def returns_deletes(self) -> bool:  # type: ignore[override] # as above
        """MariaDB's DELETE gives back rows, MySQL's does not."""
        return self.is_mariadb

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
        self.begin_or_discard(f"START TRANSACTION{' READ ONLY' if readonly else ''}")

    def is_disconnect(self, caught: Exception) -> bool:
        """Go by numbers: messages quote values."""
        number = caught.args[0] if caught.args else 0
        return number in LOST or isinstance(caught, self.driver.InterfaceError)

    def ended_transaction(self, error: DatabaseError, connection: Any) -> bool:  # noqa: ARG002
        """A deadlock rolls everything back; other errors undo their statement only."""
        return isinstance(error, Deadlock | SerializationFailure)

    def send_upsert(
        self,
        table: Any,
        fields: Assignments,
        conflict: Sequence[Any],
        update: Assignments | None,
    ) -> None:
        """Insert a row or change the one with the same key.

        ON DUPLICATE KEY UPDATE fires for any unique key and would change another row than the one
        the caller named. Then the guard, which otherwise assigns a column to itself, fails.

        Raises:
            UnsupportedDefinition: All columns of the table are set, and none is left to guard it.
        """
        self._require_unique_key(table, conflict)
        # MariaDB takes the first of two assignments, and the guard would undo the caller's.
        free = (c._rname for c in chain(conflict, table) if c.name not in (update or ()))
        guard = next(free, None)
        if guard is None:
            raise UnsupportedDefinition(f"an upsert cannot set all columns of {table._tablename}")
        same = " AND ".join(f"{c._rname} <=> VALUES({c._rname})" for c in conflict)
        guarded = f"{guard}=IF({same}, {guard}, {_FAILS.format(guard)})"
        assigned = self.assigned_on_conflict(table, fields, update or {})
        sets = f"{self.escape(guarded)},{assigned.sql}".rstrip(",")
        sql, parameters = self.insert_statement(table, fields)
        try:
            self.run(f"{sql} ON DUPLICATE KEY UPDATE {sets}", parameters + assigned.parameters)
        except DatabaseError as error:
            if error.code not in _BAD_PATH:
                raise
        else:
            return
        self.session.failed = False  # the server has undone the statement, and that alone
        self.send_insert(table, fields)  # names the other key, or succeeds if its row is gone

    def send_insert_absent(self, table: Any, fields: Assignments, conflict: Sequence[Any]) -> bool:
        """Insert a row unless one with the same key exists; tell whether it was inserted."""
        self._require_unique_key(table, conflict)
        query = all_equal(conflict, fields)
        try:
            with Transaction(self):
                self.send_insert(table, fields)
        except UniqueViolation:
            if self.dicts(query, self.key_columns(table), {"for_update": True}):
                return False
            raise
        return True

    def _require_unique_key(self, table: Any, conflict: Sequence[Any]) -> None:
        """Hold what the other engines' ON CONFLICT holds: without a key, two writers make two."""
        name = _unquoted(table._rname)
        key = (name, *sorted(_unquoted(column._rname) for column in conflict))
        if key in self._unique_keys:
            return
        found = self.rows(_UNIQUE_KEYS, [name])
        self._unique_keys.update((key[0], *sorted(names.split(","))) for (names,) in found)
        if key not in self._unique_keys:
            raise UnsupportedDefinition(f"{key[0]} has no unique key of {', '.join(key[1:])}")

    def refusal(self, caught: BaseException) -> DatabaseError | None:
        """Map a refused connection."""
        return refusal(caught)

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:
        """Map the driver's errors."""
        return translate(caught, connection)


def _unquoted(name: str) -> str:
    """Give a name as the server's catalogue has it."""
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


dialects.register_for(MySQLAdapter)(MySQLNativeDialect)
