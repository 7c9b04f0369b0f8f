"""SQLAlchemy Core on the same driver: statements made once, whose compiled form is cached.

The types are SQLAlchemy's own wherever they give the same values, because those cost least.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import mysql, postgresql, sqlite

from bilayer.types import UTCDateTime
from scripts.bench.runtime_raw import dump, set_sqlite
from scripts.bench.runtime_table import COLUMNS, Row

_INSERTS: Final[dict[str, Any]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
    "mysql": mysql.insert,
}
_KEY: Final = ("user_id", "id")


class Core:
    """SQLAlchemy Core, by connections of its pool."""

    name = "Core"

    def __init__(self, url: str, owner: UUID) -> None:
        self.owner = owner
        self._engine = sa.create_engine(url, json_serializer=dump, connect_args=_arguments(url))
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", lambda connection, _: set_sqlite(connection))
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._make_statements(self._engine.dialect.name.replace("mariadb", "mysql"))
        self._single = self._autocommit.connect()
        self._several = self._engine.connect()

    def _make_statements(self, engine: str) -> None:
        is_native = engine == "postgresql"
        instant = sa.DateTime(timezone=True) if is_native else UTCDateTime()
        table = _define(sa.Uuid(native_uuid=is_native), instant)
        columns = table.c
        owned = columns.user_id == sa.bindparam("user_id")
        self._row = sa.select(table).where(owned, columns.id == sa.bindparam("id"))
        self._rows = sa.select(table).where(owned).order_by(columns.id)
        self._insert = table.insert()
        is_meant = (columns[name] == sa.bindparam(f"the_{name}") for name in _KEY)
        changed: Row = {name: sa.bindparam(name) for name in ("payload", "updated_at", "version")}
        self._update = table.update().where(*is_meant).values(changed)
        upsert = _INSERTS[engine](table)
        if engine == "mysql":
            changes = {name: upsert.inserted[name] for name in COLUMNS if name not in _KEY}
            self._upsert = upsert.on_duplicate_key_update(changes)
        else:
            changes = {name: upsert.excluded[name] for name in COLUMNS if name not in _KEY}
            self._upsert = upsert.on_conflict_do_update(index_elements=_KEY, set_=changes)

    def row(self, key: Row) -> Row | None:
        """Read one row."""
        return self._read_row(self._single, key)

    def taken(self, key: Row) -> Row | None:
        """Read one row over a connection of the pool."""
        with self._autocommit.connect() as connection:
            return self._read_row(connection, key)

    def _read_row(self, connection: sa.Connection, key: Row) -> Row | None:
        found = connection.execute(self._row, key).one_or_none()
        return None if found is None else dict(zip(COLUMNS, found, strict=True))

    def rows(self, key: Row) -> list[Row]:
        """Read the rows of an owner."""
        found = self._single.execute(self._rows, {"user_id": key["user_id"]})
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]

    def insert(self, row: Row) -> None:
        """Insert."""
        self._single.execute(self._insert, row)

    def insert_many(self, rows: Sequence[Row]) -> None:
        """Insert by as few statements as Core makes of it."""
        with self._several.begin():
            self._several.execute(self._insert, rows)

    def update(self, change: Row) -> None:
        """Update by key."""
        self._change(self._single, change)

    def _change(self, connection: sa.Connection, change: Row) -> None:
        values = {name: value for name, value in change.items() if name not in _KEY}
        values["the_user_id"], values["the_id"] = change["user_id"], change["id"]
        connection.execute(self._update, values)

    def upsert(self, row: Row) -> None:
        """Insert or update."""
        self._single.execute(self._upsert, row)

    def transaction(self, writes: Sequence[Row]) -> None:
        """Write three times."""
        first, change, last = writes
        connection = self._several
        with connection.begin():
            connection.execute(self._insert, first)
            self._change(connection, change)
            connection.execute(self._insert, last)

    def close(self) -> None:
        """Close the pool."""
        self._single.close()
        self._several.close()
        self._engine.dispose()


def _define(uuid: Any, instant: Any) -> sa.Table:
    return sa.Table(
        "actions",
        sa.MetaData(),
        sa.Column("user_id", uuid, primary_key=True),
        sa.Column("id", uuid, primary_key=True),
        sa.Column("action_type", sa.String(50)),
        sa.Column("payload", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
        sa.Column("created_at", instant),
        sa.Column("updated_at", instant),
        sa.Column("is_deleted", sa.Boolean()),
        sa.Column("version", sa.BigInteger()),
    )


def _arguments(url: str) -> dict[str, Any]:
    is_native = sa.make_url(url).get_backend_name() == "postgresql"
    return {"options": "-c timezone=UTC"} if is_native else {}
