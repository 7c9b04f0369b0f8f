"""Who takes part in the writes of which table, and how they are asked and told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bilayer.runtime.adapters.parts import EXPRESSIONS
from bilayer.runtime.subscribers import Action, Change, Row, Subscriber

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.adapters.inserts import Assignments


_NOTHING: Final = (object(), None)


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
        values = dict(fields)
        for subscriber in stampers:
            values.update(subscriber.stamp(table, action, values))
        if preparers:
            known = Known(self._adapter, table, values if action == "insert" else pinned)
            for subscriber in preparers:
                values.update(subscriber.prepare(self._adapter.db, table, action, known))
        return values

    def complete_rows(self, table: Any, rows: Sequence[Row]) -> None:
        """Do the same for rows to insert, in their dicts."""
        stampers = self._stampers.get(table._dalname, ())
        preparers = self._preparers.get(table._dalname, ())
        if not stampers and not preparers:
            return
        db = self._adapter.db
        known = Known(self._adapter, table, {})
        for row in rows:
            for subscriber in stampers:
                row.update(subscriber.stamp(table, "insert", row))
            known.take(row)
            for subscriber in preparers:
                row.update(subscriber.prepare(db, table, "insert", known))

    def tell(
        self, table: Any, action: Action, before: Sequence[Row | None], after: Sequence[Row | None]
    ) -> None:
        """Show the watchers rows that were written.

        If one raises, the innermost ``transaction()`` is doomed, as by a statement that fails: a
        savepoint for each write would cost two round trips.
        """
        if not after:
            return
        name = table._dalname
        columns = self._adapter.key_names(table)
        changes = [
            Change(name, action, {each: (old or new or {})[each] for each in columns}, old, new)
            for old, new in zip(before, after, strict=True)
        ]
        session = self._adapter.session
        try:
            for subscriber in self._watchers[name]:
                subscriber.changed(self._adapter.db, changes)
        except BaseException:
            session.failed = session.depth > 0  # the write is done, and must not stay alone
            raise


class Known(Mapping[str, Any]):
    """Values as they will be read back, those of expressions left out; converted when asked for."""

    __slots__ = ("_adapter", "_last", "_table", "_values")

    def __init__(self, adapter: NativeAdapter, table: Any, values: Mapping[str, Any]) -> None:
        self._adapter = adapter
        self._table = table
        self._values = values
        self._last: dict[str, tuple[Any, Any]] = {}

    def take(self, values: Mapping[str, Any]) -> None:
        """Go on to another row, which may have some of the very same values."""
        self._values = values

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        given, converted = self._last.get(name, _NOTHING)
        if given is not value:
            if isinstance(value, EXPRESSIONS):
                raise KeyError(name)
            converted = self._adapter.canonical(self._table[name], value)
            self._last[name] = value, converted
        return converted

    def get(self, name: str, default: Any = None) -> Any:
        """Give a value; to raise and catch for each row that has none would cost more."""
        return super().get(name, default) if name in self._values else default

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self._values.items() if not isinstance(value, EXPRESSIONS))

    def __len__(self) -> int:
        return sum(1 for _ in self)
