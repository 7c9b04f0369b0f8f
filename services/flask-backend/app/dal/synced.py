"""Which tables devices have a copy of, each declared in its runtime twin. Sends nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from bilayer.runtime import DAL

ROWS_AT_ONCE: Final = 1000
"""As many as one statement may name."""


@dataclass(frozen=True, slots=True)
class Synced:
    """How a table is synced.

    Attributes:
        name: The table's.
        shown: The columns a device gets; ``version`` is one.
        writable: Those it may set. None of them: the table can only be pulled.
        required: Those a new row must have.
        merged: Documents of which a change is a patch (RFC 7396) and no whole.
        id_column: What tells rows of an account apart: ``user_id`` where it has one row.
        is_deletable: Rows are marked as deleted, and their ids are passed on.
        is_append_only: A row that is stored is never changed.
        at_once: How many rows one statement reads at most, because of what their documents weigh.
    """

    name: str
    shown: tuple[str, ...]
    writable: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    id_column: str = "id"
    is_deletable: bool = False
    is_append_only: bool = False
    at_once: int = ROWS_AT_ONCE


def sync(
    table: Any,
    *,
    writable: Collection[str] = (),
    required: Collection[str] = (),
    merged: Collection[str] = (),
    hidden: Collection[str] = (),
    is_append_only: bool = False,
    at_once: int = ROWS_AT_ONCE,
) -> None:
    """Let devices have a copy of a table, and perhaps change it.

    The table has ``user_id`` in its key, ``version`` and ``updated_at``, and ``is_deleted`` if its
    rows can be deleted.

    Args:
        table: The table, just defined.
        writable: The columns a device may set; none: it can only be pulled.
        required: Those a new row must have.
        merged: Documents of which a change is a patch (RFC 7396) and no whole.
        hidden: Columns no device gets.
        is_append_only: A row that is stored is never changed.
        at_once: How many rows one statement reads at most.
    """
    unseen = {"user_id", "is_deleted", *hidden}
    table.synced = Synced(
        table._tablename,
        shown=tuple(name for name in table.fields if name not in unseen),
        writable=tuple(writable),
        required=tuple(required),
        merged=tuple(merged),
        id_column="id" if "id" in table.fields else "user_id",
        is_deletable="is_deleted" in table.fields,
        is_append_only=is_append_only,
        at_once=at_once,
    )


def synced_tables(db: DAL) -> dict[str, Synced]:
    """Give every table that is synced, by its name, in the order of the names."""
    found = {table: getattr(db[table], "synced", None) for table in sorted(db.tables)}
    return {name: synced for name, synced in found.items() if isinstance(synced, Synced)}
