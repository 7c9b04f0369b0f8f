"""The one write pipeline: every insert, update, delete, upsert and bulk write passes it.

Subscribers of a table add columns before a statement (``stamp``, ``prepare``) and see what changed
after it (``changed``), in the same transaction; what they write commits or vanishes with the
change. Rows that the database itself deletes through ON DELETE CASCADE, and ``executesql``, are
not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from bilayer.runtime.adapters.statements import all_equal
from bilayer.runtime.conditions import pinned
from bilayer.runtime.errors import Deadlock
from bilayer.runtime.images import RowImages
from bilayer.runtime.subscribers import Row, Subscriber
from bilayer.runtime.subscriptions import Subscriptions
from bilayer.runtime.transaction import Transaction

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.adapters.statements import Assignments, Condition

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
        """Begin a transaction, if there is none, for what subscribers write before a write."""
        return self._together() if self.subscriptions.is_prepared(table) else nullcontext()

    def _together(self) -> AbstractContextManager[object]:
        """Begin a transaction if there is none; a savepoint would cost two round trips."""
        return nullcontext() if self._adapter.session.depth else Transaction(self._adapter)

    # -- the writes

    def insert(self, table: Any, fields: Assignments) -> Any:
        """Insert one row; returns its key."""
        with self._begun(table):
            fields = self.subscriptions.complete(table, "insert", fields, {})
            if not self.subscriptions.is_watched(table):
                return self._adapter.send_insert(table, fields)
            with Transaction(self._adapter):
                key = self._adapter.send_insert(table, fields)
                self._publish_inserts(table, [key])
            return key

    def insert_returning(self, table: Any, fields: Assignments) -> Row:
        """Insert as ``insert`` does, and give the row as it is stored."""
        adapter = self._adapter
        if adapter.returning and not self.subscriptions.is_watched(table):
            with self._begun(table):
                fields = self.subscriptions.complete(table, "insert", fields, {})
                return adapter.send_insert_returning(table, fields)
        with self._together():
            key = self.insert(table, fields)
            return self._images.read(table, [self._key_of(table, key)])[0]

    def insert_many(
        self, table: Any, items: Sequence[Assignments], *, is_awaited: bool = True
    ) -> int:
        """Insert rows, all or none; returns how many."""
        if not items:
            return 0
        with self._begun(table):
            items = [self.subscriptions.complete(table, "insert", item, {}) for item in items]
            if not self.subscriptions.is_watched(table):
                return self._adapter.send_insert_many(table, items, is_awaited=is_awaited)
            with Transaction(self._adapter):
                keys = self._images.given_keys(table, items)
                if keys is None:
                    keys = [self._adapter.send_insert(table, item) for item in items]
                else:
                    self._adapter.send_insert_many(table, items)
                self._publish_inserts(table, keys)
            return len(items)

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
                return self._adapter.send_update(table, condition(), fields)
            with Transaction(self._adapter):
                return len(self._update_images(table, images(), fields))

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
            if self.subscriptions.is_watched(table):
                with Transaction(self._adapter):
                    return self._update_images(table, images(), fields)
            if self._adapter.returns_updates:
                return self._adapter.send_update_returning(table, condition(), fields)
            with self._together():
                return self._update_and_read(table, fields, condition, images, pinned)

    def _update_and_read(
        self,
        table: Any,
        fields: Assignments,
        condition: Callable[[], Condition],
        images: Callable[[], list[Row]],
        pinned: Mapping[str, Any],
    ) -> list[Row]:
        """Update where the engine does not tell what it has changed."""
        names = {column.name for column in self._adapter.key_columns(table)}
        if names <= pinned.keys():  # then there is one row at most, and the update locks it
            keys = self._images.moved(table, [dict(pinned)], fields)  # refuses before it is sent
            changed = self._adapter.send_update(table, condition(), fields)
            return self._images.read(table, keys) if changed else []
        return self._update_images(table, images(), fields)

    def delete(self, table: Any, query: Any) -> int:
        """Delete the rows of a query; returns how many."""
        adapter = self._adapter
        with self._begun(table):
            self.subscriptions.complete(table, "delete", [], pinned(query))
            if not self.subscriptions.is_watched(table):
                return adapter.send_delete(table, adapter.condition(table, query))
            with Transaction(adapter):
                before = self._images.lock(table, query)
                for where in self._images.conditions(table, self._images.keys(table, before)):
                    adapter.send_delete(table, where)
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
        with self._begun(table):
            names = {column.name for column in conflict}
            key = {field.name: value for field, value in fields if field.name in names}
            inserted = self.subscriptions.complete(table, "insert", fields, {})
            changed = (
                None
                if update is None
                else self.subscriptions.complete(table, "update", update, key)
            )
            if self.subscriptions.is_watched(table):
                self._upsert_watched(table, inserted, conflict, changed)
            else:
                self._adapter.send_upsert(table, inserted, conflict, changed)

    def _upsert_watched(
        self, table: Any, fields: Assignments, conflict: Sequence[Any], update: Assignments | None
    ) -> None:
        attempts = 1 if self._adapter.session.depth else _ATTEMPTS
        for attempt in range(attempts):
            try:
                with Transaction(self._adapter):
                    self._upsert_seen(table, fields, conflict, update)
            except Deadlock:  # MariaDB: two writers inserted the same key; nothing has happened
                if attempt + 1 == attempts:
                    raise
            else:
                return

    def _upsert_seen(
        self, table: Any, fields: Assignments, conflict: Sequence[Any], update: Assignments | None
    ) -> None:
        """Upsert in two steps, so that it is known which of the two happened."""
        query = all_equal(conflict, {field.name: value for field, value in fields})
        while True:
            before = self._images.lock(table, query)
            if before:
                if update is not None:
                    self._update_images(table, before, update)
                return
            if self._adapter.send_insert_absent(table, fields, conflict):
                after = self._images.lock(table, query)
                self.subscriptions.tell(table, "insert", [None], after)
                return

    # -- what watchers see

    def _update_images(self, table: Any, before: list[Row], fields: Assignments) -> list[Row]:
        """Update rows that are locked, show them to the watchers, and give them as they are."""
        moved = self._images.moved(table, before, fields)
        for where in self._images.conditions(table, self._images.keys(table, before)):
            self._adapter.send_update(table, where, fields)
        after = self._images.read(table, moved)
        if self.subscriptions.is_watched(table):
            self.subscriptions.tell(table, "update", before, after)
        return after

    def _publish_inserts(self, table: Any, keys: Sequence[Any]) -> None:
        after = self._images.read(table, [self._key_of(table, key) for key in keys])
        self.subscriptions.tell(table, "insert", [None] * len(keys), after)

    def _key_of(self, table: Any, key: Any) -> tuple[Any, ...]:
        """Give a key as it will be read back, of one that an insert has returned."""
        (first, *_) = self._adapter.key_columns(table)
        return self._images.key_of(table, key if isinstance(key, dict) else {first.name: key})
