"""Who takes part in the writes of which table, and how they are asked and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bilayer.runtime.adapters.parts import Rendered
from bilayer.runtime.pydal_compat import Expression, Query
from bilayer.runtime.subscribers import Action, Change, Row, Subscriber

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.adapters.statements import Assignments


class Subscriptions:
    """The subscribers of one database's tables, by what they do."""

    def __init__(self, adapter: NativeAdapter) -> None:
        self._adapter = adapter
        self._preparers: dict[str, tuple[Subscriber, ...]] = {}
        self._stampers: dict[str, tuple[Subscriber, ...]] = {}
        self._watchers: dict[str, tuple[Subscriber, ...]] = {}

    def add(self, subscriber: Subscriber, tables: Iterable[str]) -> None:
        """Let a subscriber take part in the writes of these tables."""
        kind = type(subscriber)
        for table in tables:
            for is_meant, known in (
                (kind.stamp is not Subscriber.stamp, self._stampers),
                (kind.prepare is not Subscriber.prepare, self._preparers),
                (kind.changed is not Subscriber.changed, self._watchers),
            ):
                if is_meant:
                    known[table] = (*known.get(table, ()), subscriber)

    def is_free(self, table: Any) -> bool:
        """Tell whether nobody takes part in the table's writes."""
        name = table._dalname
        return not (name in self._stampers or name in self._preparers or name in self._watchers)

    def is_prepared(self, table: Any) -> bool:
        """Tell whether a subscriber may write before the table is written."""
        return table._dalname in self._preparers

    def is_watched(self, table: Any) -> bool:
        """Tell whether a subscriber wants to see the table's rows."""
        return table._dalname in self._watchers

    def complete(
        self, table: Any, action: Action, fields: Assignments, pinned: Mapping[str, Any]
    ) -> Assignments:
        """Let subscribers prepare a write, and add what they add to it.

        Args:
            table: Where it goes.
            action: What it does.
            fields: What it gives.
            pinned: The columns that the condition of an update or delete holds to one value.
        """
        stampers = self._stampers.get(table._dalname, ())
        preparers = self._preparers.get(table._dalname, ())
        if not stampers and not preparers:
            return fields
        values = {field.name: value for field, value in fields}
        for subscriber in stampers:
            values.update(subscriber.stamp(table, action, values))
        if preparers:
            known = self._canonical(table, values if action == "insert" else pinned)
            for subscriber in preparers:
                values.update(subscriber.prepare(self._adapter.db, table, action, known))
        return [(table[name], value) for name, value in values.items()]

    def tell(
        self, table: Any, action: Action, before: Sequence[Row | None], after: Sequence[Row | None]
    ) -> None:
        """Show the watchers rows that were written."""
        if not after:
            return
        names = [column.name for column in self._adapter.key_columns(table)]
        changes = [
            Change(table._dalname, action, {n: (old or new or {})[n] for n in names}, old, new)
            for old, new in zip(before, after, strict=True)
        ]
        for subscriber in self._watchers[table._dalname]:
            subscriber.changed(self._adapter.db, changes)

    def _canonical(self, table: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give values as they will be read back, those of expressions left out."""
        return {
            name: self._adapter.canonical(table[name], value)
            for name, value in values.items()
            if not isinstance(value, Expression | Query | Rendered)
        }
