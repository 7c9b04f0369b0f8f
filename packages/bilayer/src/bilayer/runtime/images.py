"""The rows that a write changes, as they are before and after it.

What a write gives is known, and need not be read: a codec lets nothing pass that a column would
change. Only what the database adds comes back with the statement, or is read by key where the
engine cannot tell. What triggers or generated columns make of an update is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bilayer.runtime.adapters.parts import EXPRESSIONS, Rendered, is_plain
from bilayer.runtime.errors import UnsupportedDefinition
from bilayer.runtime.subscribers import Row

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.adapters.column_sets import ColumnSet
    from bilayer.runtime.adapters.inserts import Assignments, Batch
    from bilayer.runtime.adapters.statements import Condition

_KEYS_PER_STATEMENT: Final = 5_000


class RowImages:
    """Writes rows of one database for the pipeline, and gives what they were and are."""

    def __init__(self, adapter: NativeAdapter) -> None:
        self._adapter = adapter

    # -- reading

    def lock(self, table: Any, query: Any) -> list[Row]:
        """Read the rows of a query and lock them until the transaction ends."""
        return self._adapter.dicts(query, [table.ALL], {"for_update": True})

    def read(
        self, table: Any, keys: Sequence[Sequence[Any]], columns: Sequence[Any] | None = None
    ) -> list[Row]:
        """Read rows by key, in the order of the keys; all columns if none are named."""
        found: list[Row] = []
        for chunk in _chunks(keys):
            query = self._adapter.keys_query(table, chunk)
            found += self._adapter.dicts(query, columns or [table.ALL], {})
        return self._in_order(table, keys, found)

    def _in_order(
        self, table: Any, keys: Sequence[Sequence[Any]], rows: Sequence[Row]
    ) -> list[Row]:
        """Sort rows: no engine promises the order in which it gives them back."""
        found = dict(zip(self._keys(table, rows), rows, strict=True))
        return [found[tuple(key)] for key in keys]

    # -- writing

    def insert(self, table: Any, fields: Assignments, *, is_awaited: bool = True) -> Row:
        """Insert a row and give it as it is stored."""
        adapter = self._adapter
        if fields and is_plain(fields.values()):
            columns = adapter.column_set(table, fields)
            parameters = columns.encode(fields)
            row = columns.read_back(fields, parameters)
            # Of a key that is given as NULL, MariaDB and SQLite make one.
            nulls = [name for name in adapter.key_names(table) if row.get(name, name) is None]
            if not (columns.missing or nulls):
                adapter.send_row(columns, parameters, is_awaited=is_awaited)
                return row
            if adapter.returning:
                made = adapter.column_set(table, (*columns.missing, *nulls))
                return row | adapter.returned(made, columns.insert, parameters)[0]
        elif adapter.returning:
            return adapter.send_insert_returning(table, fields)
        key = adapter.send_insert(table, fields)
        return self.read(table, [self._key_of(table, self._key_row(table, key))])[0]

    def insert_many(self, table: Any, rows: Sequence[Row], *, is_awaited: bool = True) -> list[Row]:
        """Insert rows and give them as they are stored, in their order if they give their keys."""
        adapter = self._adapter
        if len(rows) == 1 and is_plain(rows[0].values()):
            return [self.insert(table, rows[0], is_awaited=is_awaited)]
        batch = adapter.batch(table, rows)
        columns = batch.columns
        images = [
            dict(zip(columns.names, cells, strict=True))
            for cells in zip(
                *map(adapter.read_back_column, columns.fields, batch.values, batch.parameters),
                strict=True,
            )
        ]
        given = dict(zip(columns.names, batch.parameters, strict=True))
        if all(name in given and None not in given[name] for name in adapter.key_names(table)):
            if columns.missing:
                return self._insert_keyed(table, batch, images)
            adapter.send_batch(batch, is_awaited=is_awaited)
            return images
        if adapter.returning:
            return adapter.send_batch(batch, adapter.column_set(table, table.fields))
        return [self.insert(table, row) for row in rows]

    def _insert_keyed(self, table: Any, batch: Batch, images: list[Row]) -> list[Row]:
        """Insert rows of which the database makes some columns, none of the key."""
        keys = self._keys(table, images)
        wanted = self._with_key(table, batch.columns.missing)
        if self._adapter.returning:
            added = self._in_order(table, keys, self._adapter.send_batch(batch, wanted))
        else:
            self._adapter.send_batch(batch)
            added = self.read(table, keys, wanted.fields)
        return [image | more for image, more in zip(images, added, strict=True)]

    def update(
        self,
        table: Any,
        before: list[Row],
        fields: Assignments,
        where: Condition | None = None,
    ) -> list[Row]:
        """Update rows that are locked, and give them as they are then.

        Args:
            table: Where.
            before: The rows.
            fields: What is set.
            where: A condition that they alone meet; None takes their keys.

        Returns:
            The rows; none if they do not meet the condition any more.

        Raises:
            UnsupportedDefinition: A column of the key is set by an expression.
        """
        moved = self.moved(table, before, fields)
        assigned, known = self._known(table, fields)
        wheres = [where] if where else self.conditions(table, self._keys(table, before))
        unknown = [name for name in fields if name not in known]
        wanted = self._with_key(table, unknown)
        rows: list[Row] = []
        met = 0
        for each in wheres:
            if unknown and self._adapter.returns_updates:
                rows += self._adapter.send_update_returning(table, each, assigned, wanted)
                met = len(rows)
            else:
                met += self._adapter.send_update(table, each, assigned)
        if not met:  # the condition asks other tables too, whose rows nobody has locked
            return []
        if not unknown:
            return [row | known for row in before]
        if self._adapter.returns_updates:
            computed = self._in_order(table, moved, rows)
        else:
            computed = self.read(table, moved, wanted.fields)
        return [row | known | new for row, new in zip(before, computed, strict=True)]

    def delete(self, table: Any, query: Any) -> list[Row]:
        """Delete the rows of a query, and give them as they were."""
        adapter = self._adapter
        # MariaDB deletes through an alias only by a form that gives nothing back.
        if adapter.returns_deletes and table._dalname == table._tablename:
            return adapter.send_delete_returning(table, adapter.condition(table, query))
        before = self.lock(table, query)
        for where in self.conditions(table, self._keys(table, before)):
            adapter.send_delete(table, where)
        return before

    # -- keys and values

    def _keys(self, table: Any, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        names = self._adapter.key_names(table)
        return [tuple([row[name] for name in names]) for row in rows]

    def _key_row(self, table: Any, key: Any) -> Mapping[str, Any]:
        (first, *_) = self._adapter.key_names(table)
        return key if isinstance(key, dict) else {first: key}

    def _with_key(self, table: Any, names: Iterable[str]) -> ColumnSet:
        return self._adapter.column_set(table, [*self._adapter.key_names(table), *names])

    def _key_of(self, table: Any, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Give the primary key of a row as it will be read back."""
        columns = self._adapter.key_columns(table)
        return tuple(self._adapter.canonical(column, values[column.name]) for column in columns)

    def moved(self, table: Any, rows: Iterable[Row], fields: Assignments) -> list[tuple[Any, ...]]:
        """Give the primary keys that rows have when these columns have been set.

        Raises:
            UnsupportedDefinition: A column of the key is set by an expression.
        """
        names = self._adapter.key_names(table)
        given = {name: fields[name] for name in names if name in fields}
        if not is_plain(given.values()):
            raise UnsupportedDefinition(
                f"the primary key of {table} cannot be set by an expression"
            )
        new = {name: self._adapter.canonical(table[name], value) for name, value in given.items()}
        return self._keys(table, (row | new for row in rows) if new else rows)

    def _known(self, table: Any, fields: Assignments) -> tuple[Rendered, Row]:
        """Render what is set, and give its plain values, checked once, as they are read back."""
        adapter = self._adapter
        plain = {n: value for n, value in fields.items() if not isinstance(value, EXPRESSIONS)}
        columns = adapter.column_set(table, plain)
        parameters = columns.encode(plain)
        known = columns.read_back(plain, parameters)
        if len(plain) == len(fields):
            return Rendered(columns.assigned, parameters), known
        placed = {
            field.name: Rendered(adapter.mark_of(field.type), [parameter])
            for field, parameter in zip(columns.fields, parameters, strict=True)
        }
        return adapter.assigned_columns(table, {**fields, **placed}), known

    def conditions(self, table: Any, keys: Sequence[Any]) -> Iterable[Condition]:
        """Give conditions that together match the rows with these keys."""
        adapter = self._adapter
        return (
            adapter.condition(table, adapter.keys_query(table, chunk)) for chunk in _chunks(keys)
        )


def _chunks(keys: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (
        keys[start : start + _KEYS_PER_STATEMENT]
        for start in range(0, len(keys), _KEYS_PER_STATEMENT)
    )
