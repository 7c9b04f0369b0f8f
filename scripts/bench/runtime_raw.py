"""The drivers alone: SQL and conversions written by hand for this one table.

One cursor is kept for all statements. Nothing is checked, translated, watched or given back.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg2
import psycopg2.extras
import pymysql
import sqlalchemy as sa

from scripts.bench.runtime_table import COLUMNS, Row

dump: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""As the runtime writes documents, so that all send the same bytes."""

_OTHERS: Final = [name for name in COLUMNS if name not in ("user_id", "id")]
_NAMES: Final = ", ".join(COLUMNS)
_SELECT_ROW: Final = f"SELECT {_NAMES} FROM actions WHERE user_id = %s AND id = %s"  # noqa: S608 - names of ours
_SELECT_ROWS: Final = f"SELECT {_NAMES} FROM actions WHERE user_id = %s ORDER BY id"  # noqa: S608 - likewise
_INTO: Final = f"INSERT INTO actions ({_NAMES}) VALUES"
_INSERT: Final = f"{_INTO} ({', '.join(['%s'] * len(COLUMNS))})"
_UPDATE: Final = (
    "UPDATE actions SET payload = %s, updated_at = %s, version = %s WHERE user_id = %s AND id = %s"
)
_ON_CONFLICT: Final = "ON CONFLICT (user_id, id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _OTHERS
)
_ON_DUPLICATE: Final = "ON DUPLICATE KEY UPDATE " + ", ".join(
    f"{name} = VALUES({name})" for name in _OTHERS
)


class Raw:
    """A driver, called by hand; what all three have in common.

    Args:
        cursor: Of a connection that commits each statement.
        owner: Whose rows are written.
    """

    name = "raw"
    mark = "%s"
    upserting = _ON_CONFLICT
    beginning = "BEGIN"

    def __init__(self, cursor: Any, owner: UUID) -> None:
        self.owner = owner
        self.cursor = cursor
        statements = (_SELECT_ROW, _SELECT_ROWS, _INSERT, _UPDATE, f"{_INSERT} {self.upserting}")
        marked = [statement.replace("%s", self.mark) for statement in statements]
        self._row, self._rows, self._insert, self._update, self._upsert = marked

    def key_of(self, given: Row) -> tuple[Any, ...]:
        """Give a key as the driver takes it."""
        return (given["user_id"].hex, given["id"].hex)

    def instant(self, at: dt.datetime) -> Any:
        """Give a time as the driver takes it."""
        return at

    def made(self, row: Sequence[Any]) -> Row:
        """Make a dict of what the driver gives."""
        raise NotImplementedError

    def parameters(self, row: Row) -> tuple[Any, ...]:
        """Give a row as the driver takes it."""
        return (
            *self.key_of(row),
            row["action_type"],
            dump(row["payload"]),
            self.instant(row["created_at"]),
            self.instant(row["updated_at"]),
            row["is_deleted"],
            row["version"],
        )

    def row(self, key: Row) -> Row | None:
        """Read one row."""
        self.cursor.execute(self._row, self.key_of(key))
        found = self.cursor.fetchone()
        return None if found is None else self.made(found)

    taken = row

    def rows(self, key: Row) -> list[Row]:
        """Read the rows of an owner."""
        self.cursor.execute(self._rows, self.key_of(key)[:1])
        return list(map(self.made, self.cursor.fetchall()))

    def insert(self, row: Row) -> None:
        """Insert."""
        self.cursor.execute(self._insert, self.parameters(row))

    def insert_many(self, rows: Sequence[Row]) -> None:
        """Insert as the driver inserts many."""
        self.cursor.executemany(self._insert, list(map(self.parameters, rows)))

    def update(self, change: Row) -> None:
        """Update by key."""
        self.change(self.cursor, change)

    def change(self, cursor: Any, change: Row) -> None:
        """Update by a cursor."""
        set_to = (dump(change["payload"]), self.instant(change["updated_at"]), change["version"])
        cursor.execute(self._update, (*set_to, *self.key_of(change)))

    def upsert(self, row: Row) -> None:
        """Insert or update."""
        self.cursor.execute(self._upsert, self.parameters(row))

    def write(self, cursor: Any, writes: Sequence[Row]) -> None:
        """Write three times."""
        first, change, last = writes
        cursor.execute(self._insert, self.parameters(first))
        self.change(cursor, change)
        cursor.execute(self._insert, self.parameters(last))

    def transaction(self, writes: Sequence[Row]) -> None:
        """Write three times, all or nothing."""
        self.cursor.execute(self.beginning)
        self.write(self.cursor, writes)
        self.cursor.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self.cursor.connection.close()


class Psycopg2(Raw):
    """psycopg2, whose typecasters give all values as they are wanted."""

    def __init__(self, url: str, owner: UUID) -> None:
        address = sa.make_url(url).set(drivername="postgresql")
        dsn = address.render_as_string(hide_password=False)
        connection, self._several = (
            psycopg2.connect(dsn, options="-c timezone=UTC") for _ in range(2)
        )
        connection.autocommit = True
        psycopg2.extras.register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call] # untyped stub
        super().__init__(connection.cursor(), owner)

    def key_of(self, given: Row) -> tuple[Any, ...]:
        """Give text, which takes less than psycopg2's adapter of UUIDs."""
        return (str(given["user_id"]), str(given["id"]))

    def made(self, row: Sequence[Any]) -> Row:
        """Name the values."""
        return dict(zip(COLUMNS, row, strict=True))

    def rows(self, key: Row) -> list[Row]:
        """Name the values of all, without a call for each row."""
        self.cursor.execute(self._rows, self.key_of(key)[:1])
        return [dict(zip(COLUMNS, row, strict=True)) for row in self.cursor.fetchall()]

    def insert_many(self, rows: Sequence[Row]) -> None:
        """Insert by one statement."""
        many = list(map(self.parameters, rows))
        psycopg2.extras.execute_values(self.cursor, f"{_INTO} %s", many, page_size=len(many))

    def transaction(self, writes: Sequence[Row]) -> None:
        """Write three times, with the driver's own BEGIN and COMMIT."""
        with self._several, self._several.cursor() as cursor:
            self.write(cursor, writes)

    def close(self) -> None:
        """Close both connections."""
        super().close()
        self._several.close()


class PyMySQL(Raw):
    """PyMySQL."""

    upserting = _ON_DUPLICATE

    def __init__(self, url: str, owner: UUID) -> None:
        address = sa.make_url(url).translate_connect_args(username="user")
        connection = pymysql.connect(autocommit=True, **address)
        super().__init__(connection.cursor(), owner)

    def made(self, row: Sequence[Any]) -> Row:
        """Make UUIDs, a document, aware times and a boolean."""
        return {
            "user_id": UUID(row[0]),
            "id": UUID(row[1]),
            "action_type": row[2],
            "payload": json.loads(row[3]),
            "created_at": row[4].replace(tzinfo=dt.UTC),
            "updated_at": row[5].replace(tzinfo=dt.UTC),
            "is_deleted": bool(row[6]),
            "version": row[7],
        }


class SQLite(Raw):
    """sqlite3, with the settings that make a commit as lasting as ours."""

    mark = "?"
    beginning = "BEGIN IMMEDIATE"

    def __init__(self, url: str, owner: UUID) -> None:
        connection = sqlite3.connect(sa.make_url(url).database or "", isolation_level=None)
        set_sqlite(connection)
        super().__init__(connection.cursor(), owner)

    def instant(self, at: dt.datetime) -> str:
        """Write the text whose order is the order of time."""
        return at.replace(tzinfo=None).isoformat(" ", "microseconds")

    def made(self, row: Sequence[Any]) -> Row:
        """Make UUIDs, a document, times and a boolean."""
        return {
            "user_id": UUID(row[0]),
            "id": UUID(row[1]),
            "action_type": row[2],
            "payload": json.loads(row[3]),
            "created_at": dt.datetime.fromisoformat(row[4]).replace(tzinfo=dt.UTC),
            "updated_at": dt.datetime.fromisoformat(row[5]).replace(tzinfo=dt.UTC),
            "is_deleted": bool(row[6]),
            "version": row[7],
        }

    def insert_many(self, rows: Sequence[Row]) -> None:
        """Insert in one transaction."""
        self.cursor.execute(self.beginning)
        super().insert_many(rows)
        self.cursor.execute("COMMIT")


def set_sqlite(connection: sqlite3.Connection) -> None:
    """Set a connection as ours are."""
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


DRIVERS: Final = {"postgresql": Psycopg2, "mariadb": PyMySQL, "sqlite": SQLite}
