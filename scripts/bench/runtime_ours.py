"""PyDAL through ``bilayer.runtime``: prepared, and as anybody writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from bilayer.runtime import DAL, Database, Field, Param, prepared, select, update
from scripts.bench.runtime_table import Row

_KEY: Final = ("user_id", "id")


def _define(db: DAL) -> None:
    """Define the twin of ``runtime_table.TABLE``."""
    db.define_table(
        "actions",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("action_type", "string", length=50, notnull=True),
        Field("payload", "json", notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True),
        Field("version", "bigint", notnull=True),
        primarykey=list(_KEY),
    )


def _is_row(db: DAL, user_id: Any, row_id: Any) -> Any:
    return (db.actions.user_id == user_id) & (db.actions.id == row_id)


_ROW: Final = prepared(
    lambda db: select(_is_row(db, Param("user_id"), Param("id")), db.actions.ALL)
)
_ROWS: Final = prepared(
    lambda db: select(db.actions.user_id == Param("user_id"), db.actions.ALL, orderby=db.actions.id)
)
_UPDATE: Final = prepared(
    lambda db: update(
        _is_row(db, Param("user_id"), Param("id")),
        payload=Param("payload"),
        updated_at=Param("updated_at"),
        version=Param("version"),
    )
)


class Plain:
    """PyDAL's own calls, each rendered anew."""

    name = "plain"

    def __init__(self, url: str, owner: UUID) -> None:
        self.owner = owner
        self._database = Database.connect(url)
        self._db = self._database.dal
        _define(self._db)

    def row(self, key: Row) -> Row | None:
        """Read one row."""
        db = self._db
        row: Row | None = db(_is_row(db, key["user_id"], key["id"])).one()
        return row

    def taken(self, key: Row) -> Row | None:
        """Read one row, and give the connection back."""
        row = self.row(key)
        self._database.release()
        return row

    def rows(self, key: Row) -> list[Row]:
        """Read the rows of an owner."""
        db = self._db
        rows: list[Row] = db(db.actions.user_id == key["user_id"]).dicts(orderby=db.actions.id)
        return rows

    def insert(self, row: Row) -> None:
        """Insert."""
        self._db.actions.insert(**row)

    def insert_many(self, rows: Sequence[Row]) -> None:
        """Insert."""
        self._db.actions.insert_many(rows)

    def update(self, change: Row) -> None:
        """Update by key."""
        values = {name: value for name, value in change.items() if name not in _KEY}
        self._db(_is_row(self._db, change["user_id"], change["id"])).update(**values)

    def upsert(self, row: Row) -> None:
        """Insert or update."""
        self._db.actions.upsert(row, conflict=_KEY)

    def transaction(self, writes: Sequence[Row]) -> None:
        """Write three times."""
        first, change, last = writes
        with self._database.transaction():
            self.insert(first)
            self.update(change)
            self.insert(last)

    def close(self) -> None:
        """Close the pool."""
        self._database.close()


class Prepared(Plain):
    """The fast path: statements that were compiled once, where there are such."""

    name = "prepared"

    def row(self, key: Row) -> Row | None:
        """Read one row."""
        return _ROW.one(self._db, **key)

    def rows(self, key: Row) -> list[Row]:
        """Read the rows of an owner."""
        return _ROWS.dicts(self._db, user_id=key["user_id"])

    def update(self, change: Row) -> None:
        """Update by key."""
        _UPDATE.run(self._db, **change)
