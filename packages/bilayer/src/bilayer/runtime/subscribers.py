"""Who takes part in the writes of a table, and what they are told. Sends no statement itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Row = dict[str, Any]
Action = Literal["insert", "update", "delete"]


class Change(NamedTuple):
    """One row that a write changed.

    Attributes:
        table: Name of the table.
        action: What happened to the row.
        key: Its primary key, column by column.
        before: The row as it was, None for an insert.
        after: The row as it is, None for a delete.
    """

    table: str
    action: Action
    key: Row
    before: Row | None
    after: Row | None


class Subscriber:
    """Something that takes part in the writes of some tables; override what is needed."""

    def stamp(self, table: Any, action: Action, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give columns to add to an insert or an update, before it is sent.

        Args:
            table: The PyDAL table.
            action: ``insert`` or ``update``; what is given for a ``delete`` is not used.
            values: What is written so far; a value may be an expression.
        """
        del table, action, values
        return {}

    def prepare(
        self, db: Any, table: Any, action: Action, known: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Do, in the same transaction, what must come before a write, and give columns to add.

        Args:
            db: The DAL.
            table: The PyDAL table.
            action: ``insert``, ``update`` or ``delete``; a delete has no use for columns.
            known: The columns whose value is certain before: of an insert all that it gives, of the
                others those that their condition holds to one value. Good for this call only.
        """
        del db, table, action, known
        return {}

    def changed(self, db: Any, changes: Sequence[Change]) -> None:
        """See the rows that were written, inside the same transaction."""


class Timestamps(Subscriber):
    """Keeps ``created_at`` and ``updated_at``, in the tables that have them.

    Args:
        clock: Gives the present instant, aware and in UTC.
    """

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        self._clock = clock

    def stamp(self, table: Any, action: Action, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set the instants a writer has not given itself."""
        names = ("created_at", "updated_at") if action == "insert" else ("updated_at",)
        missing = [name for name in names if name in table.fields and values.get(name) is None]
        return dict.fromkeys(missing, self._clock()) if missing else {}
