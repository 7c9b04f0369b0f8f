"""PyDAL's sets of rows, which also give plain dicts and the rows that they change."""

from __future__ import annotations

from typing import Any

from bilayer.runtime.defaults import changes
from bilayer.runtime.errors import InvalidValue, UnsupportedDefinition
from bilayer.runtime.pydal_compat import Set
from bilayer.runtime.subscribers import Row


class NativeSet(Set):  # type: ignore[misc]
    """The rows of a query."""

    def where(self, query: Any, ignore_common_filters: bool = False) -> NativeSet:  # noqa: FBT001, FBT002
        """Narrow the set; text is refused when it is rendered."""
        narrowed = super().where(query, ignore_common_filters)
        return NativeSet(self.db, narrowed.query)

    def dicts(self, *fields: Any, **attributes: Any) -> list[Row]:
        """Select as plain dicts with typed values: the way to read.

        Args:
            *fields: Columns, tables' ``ALL`` or named expressions; all columns if none.
            **attributes: PyDAL's: ``orderby``, ``limitby``, ``left``, ``join``, ``groupby``, ...
        """
        rows: list[Row] = self.db._adapter.dicts(self.query, fields, attributes)
        return rows

    def one(self, *fields: Any, **attributes: Any) -> Row | None:
        """Select the first row as a dict, None if there is none."""
        attributes.setdefault("orderby_on_limitby", False)
        rows = self.dicts(*fields, limitby=(0, 1), **attributes)
        return rows[0] if rows else None

    def update(self, **values: Any) -> int:
        """Update the rows; returns how many matched.

        Raises:
            InvalidValue: A value does not fit; nothing was changed.
            ValueError: None is given.
        """
        adapter = self.db._adapter
        table = adapter.get_table(self.query)
        if table._before_update or table._after_update:
            return int(super().update(**values))
        fields = changes(table, values)
        if not fields:
            raise ValueError("No fields to update")
        return int(adapter.pipeline.update(table, self.query, fields))

    def update_returning(self, **values: Any) -> list[Row]:
        """Update like ``update``; returns the rows that matched, as they are then.

        Raises:
            InvalidValue: A value does not fit, or none is given; nothing was changed.
        """
        adapter = self.db._adapter
        table = adapter.get_table(self.query)
        fields = changes(table, values)
        if not fields:
            raise InvalidValue("a column to change is needed", table._tablename)
        rows: list[Row] = adapter.update_returning(table, self.query, fields)
        return rows

    def isempty(self) -> bool:
        """Tell whether there is no row, without reading its columns."""
        adapter = self.db._adapter
        table = next(iter(adapter.tables(self.query).values()))
        return self.one(adapter.key_columns(table)[0]) is None

    def count(self, distinct: Any = None, cache: Any = None) -> int:
        """Count the rows; PyDAL's cached counts share one key and are refused."""
        if cache is not None:
            raise UnsupportedDefinition(
                "count(cache=) gives other queries' counts; cache the number yourself"
            )
        if isinstance(distinct, list | tuple) and len(distinct) > 1:
            raise UnsupportedDefinition("count(distinct=) takes one column on most engines")
        return int(super().count(distinct))
