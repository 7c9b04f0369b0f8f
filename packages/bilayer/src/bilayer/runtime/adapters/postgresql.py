"""PostgreSQL through psycopg2."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

import psycopg2.extensions
import psycopg2.extras

from bilayer.runtime.adapters.base import NativeAdapter
from bilayer.runtime.adapters.column_sets import ColumnSet
from bilayer.runtime.adapters.copying import CopiedRows, spell_row
from bilayer.runtime.adapters.postgresql_dialect import PostgreSQLDialect
from bilayer.runtime.adapters.values import COMMON_CODECS
from bilayer.runtime.codecs import (
    Codec,
    decode_instant,
    encode_boolean,
    encode_bytes,
    encode_date,
    encode_double,
    encode_instant,
    encode_json,
    encode_time,
    exact_decimal,
    list_codec,
    parse_uuid,
    read_date,
    read_json,
    read_time,
)
from bilayer.runtime.codecs import encode_text as text_of
from bilayer.runtime.codecs import integer as integer_of
from bilayer.runtime.engines.postgresql import refusal, translate
from bilayer.runtime.errors import (
    DatabaseError,
    TransactionAborted,
)
from bilayer.runtime.pydal_compat import dialects

_ROWS_WORTH_A_COPY: Final = 50
_MOST_AHEAD: Final = 100
"""Statements that wait for another one; a long loop must not fill the memory."""
_LARGEST_AHEAD: Final = 1 << 16
"""Bytes of the parameters of a statement that waits, for the same reason."""
_SAVEPOINTS: Final = ("SAVEPOINT ", "RELEASE ")
"""What cannot fail where it is sent."""
_NO_SAVEPOINT: Final = "3B001"


def _encode_uuid(value: Any) -> str:
    return str(value if type(value) is UUID else parse_uuid(value))


def _size(parameters: Iterable[Any]) -> int:
    """Tell how much memory parameters keep while they wait."""
    return sum(map(sys.getsizeof, parameters))


class PostgreSQLAdapter(NativeAdapter):
    """The adapter of PostgreSQL."""

    dbengine = "postgres"
    drivers = ("psycopg2",)
    returning = True
    returns_updates = True
    returns_deletes = True
    codecs: ClassVar[Mapping[str, Codec]] = {
        **COMMON_CODECS,
        "boolean": Codec(encode_boolean),
        "json": Codec(encode_json, canonical=read_json),
        "jsonb": Codec(encode_json, canonical=read_json),
        "list:string": list_codec(text_of, None),
        "list:integer": list_codec(integer_of(64), None),
        "list:reference": list_codec(integer_of(64), None),
        "double": Codec(encode_double),
        "float": Codec(encode_double),
        "date": Codec(encode_date, canonical=read_date),
        "time": Codec(encode_time, canonical=read_time),
        "datetime": Codec(encode_instant, decode_instant),
        "blob": Codec(encode_bytes, bytes),
        "uuid": Codec(_encode_uuid, canonical=parse_uuid),
    }

    def _initialize_(self) -> None:
        super()._initialize_()
        self._folding: str | None = None

    def make_decimal_codec(self, precision: int, scale: int) -> Codec:
        """Use NUMERIC as it is."""
        return Codec(exact_decimal(precision, scale))

    @property
    def folding(self) -> str:
        """The collation that knows all letters' cases, where the server was built with ICU."""
        if self._folding is None:
            found = self.rows("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'")
            self._folding = ' COLLATE "und-x-icu"' if found else ""
        return self._folding

    def cut(self, connection: Any) -> None:
        """Close the socket under libpq, which then reports a closed connection."""
        with contextlib.suppress(OSError, psycopg2.Error):
            peer = socket.socket(fileno=os.dup(connection.fileno()))
            with peer:
                peer.shutdown(socket.SHUT_RDWR)

    def begin(self, isolation: str | None, readonly: bool) -> None:  # noqa: FBT001
        """Begin together with the first statement, in one round trip."""
        session = self._ready()
        level = f" ISOLATION LEVEL {isolation}" if isolation else ""
        session.opening = f"BEGIN{level}{' READ ONLY' if readonly else ''}"

    def run_ahead(self, sql: str, parameters: Any) -> None:
        """Let the next statement take it along, in one round trip; the message is one string.

        The beginning must have been sent: it may be sent twice, and COMMIT may not.
        """
        session = self._ready()
        can_wait = session.depth and session.opening is None and not session.failed
        if (
            can_wait
            and len(session.ahead) < _MOST_AHEAD
            and _size(parameters or ()) < _LARGEST_AHEAD
        ):
            session.ahead.append((sql, parameters))
        else:
            self.run(sql, parameters)

    def send_rows(
        self, columns: ColumnSet, rows: Sequence[Sequence[Any]], *, is_awaited: bool
    ) -> None:
        """Send many by COPY, which cannot wait for a later statement."""
        if len(rows) < _ROWS_WORTH_A_COPY:
            super().send_rows(columns, rows, is_awaited=is_awaited)
        else:
            head = self.unescape(columns.head)
            self.copy_in(f"COPY {head} FROM STDIN", "".join(map(spell_row, rows)))

    def copy_in(self, sql: str, text: str) -> None:
        """Send the rows of a COPY, which is a message of its own."""
        self.settle()
        self.run(sql, CopiedRows(text))

    def send(self, cursor: Any, sql: str, parameters: Any) -> Any:
        """Call the driver."""
        if isinstance(parameters, CopiedRows):
            return parameters.send(cursor, sql)
        return cursor.execute(sql, parameters)

    def commit_transaction(self) -> None:
        """Commit.

        Raises:
            TransactionAborted: PostgreSQL rolled back instead, which it reports as success.
        """
        if self.session.opening is not None:
            return  # nothing was sent
        super().commit_transaction()
        if self.session.cursor.statusmessage == "ROLLBACK":
            raise TransactionAborted("the transaction had failed; PostgreSQL rolled it back")

    def rollback_transaction(self) -> None:
        """Roll back what was begun; what was not sent yet never is."""
        self.session.ahead = []
        if self.session.opening is None:
            super().rollback_transaction()

    def set_savepoint(self, name: str) -> None:
        """Let the first statement behind it take it along.

        What may fail must be done before it: rolling back to a savepoint that was never set fails.
        """
        if all(sql.startswith(_SAVEPOINTS) for sql, _ in self.session.ahead):
            self.run_ahead(f"SAVEPOINT {name}", None)
        else:
            super().set_savepoint(name)

    def release_savepoint(self, name: str) -> None:
        """Find out whether all is well that was done, or let the next statement take it along."""
        ahead = self.session.ahead
        if ahead and ahead[-1] == (f"SAVEPOINT {name}", None):
            ahead.pop()  # nothing was done
        elif all(sql.startswith(_SAVEPOINTS) for sql, _ in ahead):
            self.run_ahead(f"RELEASE SAVEPOINT {name}", None)
        else:
            super().release_savepoint(name)

    def rollback_to_savepoint(self, name: str) -> None:
        """Roll back what was sent, and let go of what was not."""
        ahead = self.session.ahead
        beginning = (f"SAVEPOINT {name}", None)
        if beginning in ahead:
            del ahead[ahead.index(beginning) :]
            return
        ahead.clear()
        try:
            self.run(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
        except DatabaseError as error:
            if error.code != _NO_SAVEPOINT:
                raise
            # The message that sets it could not be read. The error of that one is told; it dooms
            # the block around this one too.

    def refusal(self, caught: BaseException) -> DatabaseError | None:
        """Map a refused connection."""
        return refusal(caught)

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:
        """Map the driver's errors."""
        return translate(caught, connection)


dialects.register_for(PostgreSQLAdapter)(PostgreSQLDialect)
