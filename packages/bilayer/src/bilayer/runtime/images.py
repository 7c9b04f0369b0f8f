"""The rows a write changes, as they are before and after it: read by key, in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bilayer.runtime.adapters.parts import Rendered
from bilayer.runtime.errors import UnsupportedDefinition
from bilayer.runtime.pydal_compat import Expression, Query
from bilayer.runtime.subscribers import Row

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.adapters.statements import Assignments, Condition

_KEYS_PER_STATEMENT: Final = 500


class RowImages:
    """Reads rows of one database for the write pipeline."""

    def __init__(self, adapter: NativeAdapter) -> None:
        self._adapter = adapter

    def lock(self, table: Any, query: Any) -> list[Row]:
        """Read the rows of a query and lock them until the transaction ends."""
        return self._adapter.dicts(query, [table.ALL], {"for_update": True})

    def read(self, table: Any, keys: Sequence[Sequence[Any]]) -> list[Row]:
        """Read rows by key, in the order of the keys."""
        found: dict[tuple[Any, ...], Row] = {}
        for chunk in _chunks(keys):
            query = self._adapter.keys_query(table, chunk)
            rows = self._adapter.dicts(query, [table.ALL], {})
            found.update(zip(self.keys(table, rows), rows, strict=True))
        return [found[tuple(key)] for key in keys]

    def keys(self, table: Any, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        """Give the primary keys of rows."""
        names = [column.name for column in self._adapter.key_columns(table)]
        return [tuple(row[name] for name in names) for row in rows]

    def moved(self, table: Any, rows: Iterable[Row], fields: Assignments) -> list[tuple[Any, ...]]:
        """Give the primary keys that rows have when these columns have been set.

        Raises:
            UnsupportedDefinition: A column of the key is set by an expression.
        """
        columns = self._adapter.key_columns(table)
        names = [column.name for column in columns]
        given = {field.name: value for field, value in fields if field.name in names}
        if any(isinstance(value, Expression | Query | Rendered) for value in given.values()):
            raise UnsupportedDefinition(
                f"the primary key of {table} cannot be set by an expression"
            )
        return [self.key_of(table, row | given) for row in rows]

    def key_of(self, table: Any, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Give the primary key of a row as it will be read back."""
        columns = self._adapter.key_columns(table)
        return tuple(self._adapter.canonical(column, values[column.name]) for column in columns)

    def conditions(self, table: Any, keys: Sequence[Any]) -> Iterable[Condition]:
        """Give conditions that together match the rows with these keys."""
        adapter = self._adapter
        return (
            adapter.condition(table, adapter.keys_query(table, chunk)) for chunk in _chunks(keys)
        )

    def given_keys(self, table: Any, items: Sequence[Assignments]) -> list[Any] | None:
        """Give the keys of rows to insert, None if the database makes some of them."""
        names = [column.name for column in self._adapter.key_columns(table)]
        rows = [{field.name: value for field, value in item} for item in items]
        if any(row.get(name) is None for row in rows for name in names):
            return None
        return [row[names[0]] if len(names) == 1 else row for row in rows]


def _chunks(keys: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (
        keys[start : start + _KEYS_PER_STATEMENT]
        for start in range(0, len(keys), _KEYS_PER_STATEMENT)
    )
