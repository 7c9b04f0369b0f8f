"""What the contestants of ``runtime`` read and write: one table, its rows, and how they call it.

The table has the columns of the service's history and its primary key, and nothing else: an index
or a foreign key more would cost the server time, which makes all contestants look alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import sqlalchemy as sa

from bilayer import types
from scripts.bench.frame import CannotMeasure

Row = dict[str, Any]

COLUMNS: Final = (
    *("user_id", "id", "action_type", "payload", "created_at", "updated_at", "is_deleted"),
    "version",
)
ROWS: Final = 100
"""As many of each owner are there to be read and updated."""
MANY: Final = 1_000
READER: Final = UUID(int=1 << 64)
"""Whose rows everybody reads."""

_BEGINNING: Final = dt.datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=dt.UTC)
_TEXT: Final = 'a dog\'s "wuff" \N{DOG FACE}, once more: ' * 3

TABLE: Final = sa.Table(
    "actions",
    sa.MetaData(),
    sa.Column("user_id", types.UUID(), primary_key=True),
    sa.Column("id", types.UUID(), primary_key=True),
    sa.Column("action_type", types.String(50), nullable=False),
    sa.Column("payload", types.JSONDocument(), nullable=False),
    sa.Column("created_at", types.UTCDateTime(), nullable=False),
    sa.Column("updated_at", types.UTCDateTime(), nullable=False),
    sa.Column("is_deleted", sa.Boolean(), nullable=False),
    sa.Column("version", sa.BigInteger(), nullable=False),
)


class Way(Protocol):
    """A contestant: one way to do the same, on a connection that it holds all the time.

    Attributes:
        name: Who it is, in the results.
        owner: Whose rows it writes.
    """

    name: str
    owner: UUID

    def row(self, key: Row) -> Row | None:
        """Read the row with this ``user_id`` and ``id``."""

    def taken(self, key: Row) -> Row | None:
        """Read it over a connection that is taken from the pool and given back."""

    def rows(self, key: Row) -> list[Row]:
        """Read the rows of this ``user_id``, in the order of ``id``."""

    def insert(self, row: Row) -> None:
        """Store a row."""

    def insert_many(self, rows: Sequence[Row]) -> None:
        """Store rows, all or none."""

    def update(self, change: Row) -> None:
        """Set ``payload``, ``updated_at`` and ``version`` of the row with the key given there."""

    def upsert(self, row: Row) -> None:
        """Store a row, or make the one with its key equal."""

    def transaction(self, writes: Sequence[Row]) -> None:
        """Insert the first, update by the second, insert the third; all or none."""

    def close(self) -> None:
        """Give up the connections."""


def make_row(owner: UUID, number: int) -> Row:
    """Make a row; the number says all that is in it."""
    at = _BEGINNING + dt.timedelta(milliseconds=number)
    return {
        "user_id": owner,
        "id": UUID(int=number + 1),
        "action_type": "TRANSLATE_DOG",
        "payload": {"text": _TEXT, "mood": number % 5, "share": 0.5, "seen": None},
        "created_at": at,
        "updated_at": at,
        "is_deleted": False,
        "version": number + 1,
    }


def make_change(owner: UUID, number: int) -> Row:
    """Make an update of one of the rows that are there."""
    row = make_row(owner, number)
    kept = ("user_id", "payload", "updated_at", "version")
    return {"id": UUID(int=number % ROWS + 1)} | {name: row[name] for name in kept}


class Stored:
    """The table, as somebody sees it who takes no part."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        TABLE.metadata.create_all(self._engine)
        self.fill([READER])

    def fill(self, owners: Sequence[UUID]) -> None:
        """Give owners the rows that are there to be read or updated, and no others."""
        rows = [make_row(owner, number) for owner in owners for number in range(ROWS)]
        with self._engine.begin() as connection:
            connection.execute(TABLE.delete().where(TABLE.c.user_id.in_(owners)))
            connection.execute(TABLE.insert(), rows)

    def require_same(self, owners: Sequence[UUID]) -> int:
        """Compare what owners have, whoever wrote it; tells how many rows that are.

        Raises:
            CannotMeasure: One has other rows than another.
        """
        others = [column for column in TABLE.c if column.name != "user_id"]
        first, *rest = ([sa.select(*others).where(TABLE.c.user_id == owner)] for owner in owners)
        with self._engine.connect() as connection:
            count = _count(connection, first[0])
            for (one,) in rest:
                differences = (first[0].except_(one), one.except_(first[0]))
                if _count(connection, one) != count or any(
                    _count(connection, each) for each in differences
                ):
                    raise CannotMeasure("two contestants have not written the same")
        return count


def _count(connection: sa.Connection, rows: Any) -> int:
    counted = sa.select(sa.func.count()).select_from(rows.subquery())
    return int(connection.execute(counted).scalar_one())
