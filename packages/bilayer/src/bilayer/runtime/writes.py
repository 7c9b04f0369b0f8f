"""The one write pipeline: every insert, update, delete, upsert and bulk write passes it.

Subscribers of a table add columns before a statement (``stamp``) and see what changed after it
(``changed``), in the same transaction; what they write commits or vanishes with the change. Rows
that the database itself deletes through ON DELETE CASCADE, and ``executesql``, are not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from bilayer.runtime.adapters.parts import Rendered
from bilayer.runtime.adapters.statements import all_equal
from bilayer.runtime.errors import Deadlock, UnsupportedDefinition
from bilayer.runtime.pydal_compat import Expression, Query
from bilayer.runtime.subscribers import Action, Change, Row, Subscriber
from bilayer.runtime.transaction import Transaction

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.adapters.statements import Assignments, Condition

_KEYS_PER_STATEMENT: Final = 500
_ATTEMPTS: Final = 10


class WritePipeline:
    """Takes every write of one database to its statement, past the table's subscribers."""

    def __init__(self, adapter: NativeAdapter) -> None:
        self._adapter = adapter
        self._stampers: dict[str, tuple[Subscriber, ...]] = {}
        self._watchers: dict[str, tuple[Subscriber, ...]] = {}

    def subscribe(self, subscriber: Subscriber, tables: Iterable[str]) -> None:
        """Let a subscriber take part in the writes of these tables."""
        for table in tables:
            if type(subscriber).stamp is not Subscriber.stamp:
                self._stampers[table] = (*self._stampers.get(table, ()), subscriber)
            if type(subscriber).changed is not Subscriber.changed:
                self._watchers[table] = (*self._watchers.get(table, ()), subscriber)

    def is_watched(self, table: Any) -> bool:
        """Tell whether a subscriber wants to see the table's rows."""
        return table._dalname in self._watchers

    def stamped(self, table: Any, action: Action, fields: Assignments) -> Assignments:
        """Add what the table's subscribers add to a write."""
        stampers = self._stampers.get(table._dalname)
        if not stampers:
            return fields
        values = {field.name: value for field, value in fields}
        for subscriber in stampers:
            values.update(subscriber.stamp(table, action, values))
        return [(table[name], value) for name, value in values.items()]

    # -- the writes

    def insert(self, table: Any, fields: Assignments) -> Any:
        """Insert one row; returns its key."""
        fields = self.stamped(table, "insert", fields)
        if not self.is_watched(table):
            return self._adapter.send_insert(table, fields)
        with Transaction(self._adapter):
            key = self._adapter.send_insert(table, fields)
            self._publish_inserts(table, [key])
        return key

    def insert_many(self, table: Any, items: Sequence[Assignments]) -> int:
        """Insert rows, all or none; returns how many."""
        if not items:
            return 0
        items = [self.stamped(table, "insert", item) for item in items]
        if not self.is_watched(table):
            return self._adapter.send_insert_many(table, items)
        with Transaction(self._adapter):
            keys = self._given_keys(table, items)
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
            images=lambda: self._images(table, query),
        )

    def update_where(
        self,
        table: Any,
        fields: Assignments,
        *,
        condition: Callable[[], Condition],
        images: Callable[[], list[Row]],
    ) -> int:
        """Update by a rendered condition; ``images`` reads and locks the rows it matches."""
        fields = self.stamped(table, "update", fields)
        if not self.is_watched(table):
            return self._adapter.send_update(table, condition(), fields)
        with Transaction(self._adapter):
            before = images()
            if before:
                self._update_images(table, before, fields)
        return len(before)

    def delete(self, table: Any, query: Any) -> int:
        """Delete the rows of a query; returns how many."""
        adapter = self._adapter
        if not self.is_watched(table):
            return adapter.send_delete(table, adapter.condition(table, query))
        with Transaction(adapter):
            before = self._images(table, query)
            for where in self._conditions(table, self._keys(table, before)):
                adapter.send_delete(table, where)
            self._publish(table, "delete", before, [None] * len(before))
        return len(before)

    def upsert(
        self,
        table: Any,
        fields: Assignments,
        conflict: Sequence[Any],
        update: Assignments | None,
    ) -> None:
        """Insert a row, or update the one with the same key; None keeps it as it is."""
        inserted = self.stamped(table, "insert", fields)
        changed = None if update is None else self.stamped(table, "update", update)
        if not self.is_watched(table):
            self._adapter.send_upsert(table, inserted, conflict, changed)
            return
        attempts = 1 if self._adapter.session.depth else _ATTEMPTS
        for attempt in range(attempts):
            try:
                with Transaction(self._adapter):
                    self._upsert_seen(table, inserted, conflict, changed)
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
            before = self._images(table, query)
            if before:
                if update is not None:
                    self._update_images(table, before, update)
                return
            if self._adapter.send_insert_absent(table, fields, conflict):
                after = self._images(table, query)
                self._publish(table, "insert", [None], after)
                return

    # -- images

    def _images(self, table: Any, query: Any) -> list[Row]:
        """Read the rows of a query and lock them until the transaction ends."""
        return self._adapter.dicts(query, [table.ALL], {"for_update": True})

    def _rows_of(self, table: Any, keys: Sequence[Sequence[Any]]) -> list[Row]:
        """Read rows by key, in the order of the keys."""
        found: dict[tuple[Any, ...], Row] = {}
        for chunk in _chunks(keys):
            query = self._adapter.keys_query(table, chunk)
            rows = self._adapter.dicts(query, [table.ALL], {})
            found.update(zip(self._keys(table, rows), rows, strict=True))
        return [found[tuple(key)] for key in keys]

    def _keys(self, table: Any, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        names = [column.name for column in self._adapter.key_columns(table)]
        return [tuple(row[name] for name in names) for row in rows]

    def _conditions(self, table: Any, keys: Sequence[Any]) -> Iterable[Condition]:
        adapter = self._adapter
        return (
            adapter.condition(table, adapter.keys_query(table, chunk)) for chunk in _chunks(keys)
        )

    def _given_keys(self, table: Any, items: Sequence[Assignments]) -> list[Any] | None:
        """Give the keys of rows to insert, None if the database makes some of them."""
        names = [column.name for column in self._adapter.key_columns(table)]
        rows = [{field.name: value for field, value in item} for item in items]
        if any(row.get(name) is None for row in rows for name in names):
            return None
        return [row[names[0]] if len(names) == 1 else row for row in rows]

    def _update_images(self, table: Any, before: list[Row], fields: Assignments) -> None:
        keys = self._keys(table, before)
        names = [column.name for column in self._adapter.key_columns(table)]
        given = {field.name: value for field, value in fields}
        if any(isinstance(given.get(name), Expression | Query | Rendered) for name in names):
            raise UnsupportedDefinition(
                f"the primary key of {table} cannot be set by an expression"
            )
        for where in self._conditions(table, keys):
            self._adapter.send_update(table, where, fields)
        columns = self._adapter.key_columns(table)
        moved = [
            tuple(
                self._adapter.canonical(column, given.get(column.name, old))
                for column, old in zip(columns, key, strict=True)
            )
            for key in keys
        ]
        self._publish(table, "update", before, self._rows_of(table, moved))

    def _publish_inserts(self, table: Any, keys: Sequence[Any]) -> None:
        columns = self._adapter.key_columns(table)
        tuples = [
            tuple(
                self._adapter.canonical(column, key[column.name] if isinstance(key, dict) else key)
                for column in columns
            )
            for key in keys
        ]
        self._publish(table, "insert", [None] * len(keys), self._rows_of(table, tuples))

    def _publish(
        self, table: Any, action: Action, before: Sequence[Row | None], after: Sequence[Row | None]
    ) -> None:
        if not after:
            return
        names = [column.name for column in self._adapter.key_columns(table)]
        changes = [
            Change(table._dalname, action, {n: (old or new or {})[n] for n in names}, old, new)
            for old, new in zip(before, after, strict=True)
        ]
        for subscriber in self._watchers[table._dalname]:
            subscriber.changed(self._adapter.db, changes)


def _chunks(keys: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (
        keys[start : start + _KEYS_PER_STATEMENT]
        for start in range(0, len(keys), _KEYS_PER_STATEMENT)
    )
