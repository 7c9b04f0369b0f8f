"""The one write pipeline: every insert, update, delete, upsert and bulk write passes it.

Subscribers of a table add columns before a statement (``stamp``, ``prepare``) and see what changed
after it (``changed``), in the same transaction; what they write commits or vanishes with the
change, and one that raises undoes the block around the write. Rows that the database itself deletes
through ON DELETE CASCADE, and ``executesql``, are not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from bilayer.runtime.adapters.statements import all_equal
from bilayer.runtime.conditions import pinned
from bilayer.runtime.errors import Deadlock, UnsupportedDefinition
from bilayer.runtime.images import RowImages
from bilayer.runtime.subscribers import Row, Subscriber
from bilayer.runtime.subscriptions import Subscriptions
from bilayer.runtime.transaction import Transaction

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.adapters.inserts import Assignments
    from bilayer.runtime.adapters.statements import Condition

_ATTEMPTS: Final = 10


class WritePipeline:
    """Takes every write of one database to its statement, past the table's ``subscriptions``."""

    def __init__(self, adapter: NativeAdapter) -> None:
        self._adapter = adapter
        self._images = RowImages(adapter)
        self.subscriptions = Subscriptions(adapter)

    def subscribe(self, subscriber: Subscriber, tables: Iterable[str]) -> None:
        """Let a subscriber take part in the writes of these tables."""
        self.subscriptions.add(subscriber, tables)

    def _begun(self, table: Any) -> AbstractContextManager[object]:
        """Begin a transaction, if there is none, for what subscribers do beside a write."""
        known = self.subscriptions
        is_alone = not (known.is_prepared(table) or known.is_watched(table))
        return nullcontext() if is_alone else self._together()

    def _together(self) -> AbstractContextManager[object]:
        """Begin a transaction if there is none; a savepoint would cost two round trips."""
        return nullcontext() if self._adapter.session.depth else Transaction(self._adapter)

    # -- the writes

    def insert(self, table: Any, fields: Assignments) -> Any:
        """Insert one row; returns its key."""
        if self.subscriptions.is_free(table):
            return self._adapter.send_insert(table, fields)
        with self._begun(table):
            fields = self.subscriptions.complete(table, "insert", fields, {})
            if not self.subscriptions.is_watched(table):
                return self._adapter.send_insert(table, fields)
            row = self._insert_watched(table, fields)
        key = self._adapter.given_key(table, fields)
        if key is not None:
            return key
        made = {name: row[name] for name in self._adapter.key_names(table)}
        return made if len(made) > 1 else next(iter(made.values()))

    def insert_returning(self, table: Any, fields: Assignments, *, is_awaited: bool = True) -> Row:
        """Insert as ``insert`` does, and give the row as it is stored.

        Args:
            table: Where.
            fields: Its columns.
            is_awaited: False lets it go with the next statement, if it gives all its columns.
        """
        with self._begun(table):
            fields = self.subscriptions.complete(table, "insert", fields, {})
            if self.subscriptions.is_watched(table):
                return self._insert_watched(table, fields, is_awaited=is_awaited)
            if self._adapter.returning and is_awaited:
                return self._adapter.send_insert_returning(table, fields)
            with self._together():
                return self._images.insert(table, fields, is_awaited=is_awaited)

    def _insert_watched(self, table: Any, fields: Assignments, *, is_awaited: bool = True) -> Row:
        row = self._images.insert(table, fields, is_awaited=is_awaited)
        self.subscriptions.tell(table, "insert", [None], [row])
        return row

    def insert_many(self, table: Any, rows: list[Row], *, is_awaited: bool = True) -> int:
        """Insert rows, all or none; returns how many.

        Args:
            table: Where.
            rows: Their columns; subscribers add theirs to these very dicts.
            is_awaited: False lets them go with the next statement.

        Raises:
            UnsupportedDefinition: They have no columns, or not all of them the same.
        """
        if not rows:
            return 0
        with self._begun(table):
            self.subscriptions.complete_rows(table, rows)
            if not rows[0]:
                raise UnsupportedDefinition("insert_many() needs a column; insert() does not")
            if self.subscriptions.is_watched(table):
                after = self._images.insert_many(table, rows, is_awaited=is_awaited)
                self.subscriptions.tell(table, "insert", [None] * len(after), after)
            else:
                self._adapter.send_many(table, rows, is_awaited=is_awaited)
        return len(rows)

    def update(self, table: Any, query: Any, fields: Assignments) -> int:
        """Update the rows of a query; returns how many matched."""
        adapter = self._adapter
        return self.update_where(
            table,
            fields,
            condition=lambda: adapter.condition(table, query),
            images=lambda: self._images.lock(table, query),
            pinned=pinned(query),
        )

    def update_where(
        self,
        table: Any,
        fields: Assignments,
        *,
        condition: Callable[[], Condition],
        images: Callable[[], list[Row]],
        pinned: Mapping[str, Any],
    ) -> int:
        """Update by a rendered condition.

        Args:
            table: Where.
            fields: What is set.
            condition: Renders the condition.
            images: Reads and locks the rows it matches.
            pinned: The columns that it holds to one value.
        """
        with self._begun(table):
            fields = self.subscriptions.complete(table, "update", fields, pinned)
            if not self.subscriptions.is_watched(table):
                assigned = self._adapter.assigned_columns(table, fields)
                return self._adapter.send_update(table, condition(), assigned)
            where = condition() if self._key(table, pinned) else None
            return len(self._update_watched(table, images(), fields, where))

    def update_returning(
        self,
        table: Any,
        fields: Assignments,
        *,
        condition: Callable[[], Condition],
        images: Callable[[], list[Row]],
        pinned: Mapping[str, Any],
    ) -> list[Row]:
        """Update as ``update_where`` does, and give the rows that matched as they are then."""
        with self._begun(table):
            fields = self.subscriptions.complete(table, "update", fields, pinned)
            key = self._key(table, pinned)
            if self.subscriptions.is_watched(table):
                where = condition() if key else None
                return self._update_watched(table, images(), fields, where)
            if not (key or self._adapter.returns_updates):
                with self._together():
                    return self._images.update(table, images(), fields)
            assigned = self._adapter.assigned_columns(table, fields)
            if self._adapter.returns_updates:
                return self._adapter.send_update_returning(table, condition(), assigned)
            with self._together():
                keys = self._images.moved(table, [key or {}], fields)  # refuses before it is sent
                is_there = self._adapter.send_update(table, condition(), assigned)  # and locks it
                return self._images.read(table, keys) if is_there else []

    def _key(self, table: Any, pinned: Mapping[str, Any]) -> Row | None:
        """Give the key that a condition holds, which one row at most can meet then."""
        columns = self._adapter.key_columns(table)
        if not all(column.name in pinned for column in columns):
            return None
        return {c.name: self._adapter.canonical(c, pinned[c.name]) for c in columns}

    def _update_watched(
        self, table: Any, before: list[Row], fields: Assignments, where: Condition | None = None
    ) -> list[Row]:
        """Update rows that are locked, show them to the watchers, and give them as they are."""
        if not before:
            return []
        after = self._images.update(table, before, fields, where)
        self.subscriptions.tell(table, "update", before if after else [], after)
        return after

    def delete(self, table: Any, query: Any) -> int:
        """Delete the rows of a query; returns how many."""
        adapter = self._adapter
        with self._begun(table):
            self.subscriptions.complete(table, "delete", {}, pinned(query))
            if not self.subscriptions.is_watched(table):
                return adapter.send_delete(table, adapter.condition(table, query))
            before = self._images.delete(table, query)
            self.subscriptions.tell(table, "delete", before, [None] * len(before))
        return len(before)

    def upsert(
        self,
        table: Any,
        fields: Assignments,
        conflict: Sequence[Any],
        update: Assignments | None,
    ) -> None:
        """Insert a row, or update the one with the same key; None keeps it as it is."""
        is_alone = self._adapter.session.depth or not self.subscriptions.is_watched(table)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._begun(table):
                    self._upsert(table, fields, conflict, update)
            except Deadlock:  # MariaDB: two writers inserted the same key; nothing has happened
                if is_alone or attempt == _ATTEMPTS:
                    raise
            else:
                return

    def _upsert(
        self, table: Any, fields: Assignments, conflict: Sequence[Any], update: Assignments | None
    ) -> None:
        names = {column.name for column in conflict}
        key = {name: value for name, value in fields.items() if name in names}
        fields = self.subscriptions.complete(table, "insert", fields, {})
        if update is not None:
            update = self.subscriptions.complete(table, "update", update, key)
        if not self.subscriptions.is_watched(table):
            self._adapter.send_upsert(table, fields, conflict, update)
            return
        query = all_equal(conflict, key)
        while True:  # in two steps, so that it is known which of the two happened
            before = self._images.lock(table, query)
            if before:
                if update is not None:
                    self._update_watched(table, before, update)
                return
            if self._adapter.send_insert_absent(table, fields, conflict):
                after = self._images.lock(table, query)
                self.subscriptions.tell(table, "insert", [None], after)
                return
