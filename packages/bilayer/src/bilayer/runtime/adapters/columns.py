"""The part of an adapter that checks many values of one column, and knows how they will be read.

Runs no statement.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from itertools import repeat
from typing import Any, Final

from bilayer.runtime import tokens
from bilayer.runtime.adapters.column_sets import ColumnSet
from bilayer.runtime.adapters.operands import bounded, limit_of, too_long
from bilayer.runtime.adapters.values import TypedValues
from bilayer.runtime.errors import InvalidValue

_MOST_SETS: Final = 200
"""Combinations of one table's columns; whoever chooses them freely must not fill the memory."""


class ColumnValues(TypedValues):
    """Values of columns, on their way out, and as they will come in again."""

    def column_set(self, table: Any, names: Collection[str]) -> ColumnSet:
        """Give some columns of a table; made once, for a definition is fixed.

        Raises:
            InvalidValue: The table has no such column.
        """
        kept: dict[tuple[str, ...], ColumnSet] = table._column_sets
        key = tuple(names)
        found = kept.get(key)
        if found is None:
            if len(kept) >= _MOST_SETS:
                kept.clear()
            found = kept[key] = ColumnSet(self, table, names)
        return found

    def encoder(self, field: Any) -> Callable[[Any], Any]:
        """Give what checks a value of a column, never None, and makes it a driver's parameter."""
        return bounded(self.codec(field.type).encode, limit_of(field))

    def encoded_column(self, field: Any, values: Sequence[Any]) -> list[Any]:
        """Give the driver's parameters for many values of one column.

        Raises:
            InvalidValue: A value does not fit the column.
        """
        if _are_one(values):
            return [self.encoded(field, values[0])] * len(values)
        limit = limit_of(field)
        encode = self.codec(field.type).encode
        try:
            if limit and any(isinstance(value, str) and len(value) > limit for value in values):
                raise too_long(limit)
            return [None if value is None else encode(value) for value in values]
        except InvalidValue as error:
            failure = error.at(field.tablename, field.name)
        raise failure

    def placed_column(self, field: Any, values: Sequence[Any]) -> list[str]:
        """Give the tokens of many plain values of one column.

        Raises:
            InvalidValue: A value does not fit the column.
        """
        return list(map(tokens.write, self.encoded_column(field, values)))

    def canonical(self, field: Any, value: Any) -> Any:
        """Give a column's value as it will be read back: a UUID may be written as text.

        Raises:
            InvalidValue: The value does not fit the column.
        """
        return self.read_back(field, value, self.encoded(field, value))

    def read_back(self, field: Any, value: Any, parameter: Any) -> Any:
        """Do the same for a value whose driver's parameter is known."""
        convert = self.codec(field.type).canonical
        return parameter if value is None or convert is None else convert(value)

    def read_back_column(
        self, field: Any, values: Sequence[Any], parameters: list[Any]
    ) -> list[Any]:
        """Do the same for many values of one column."""
        convert = self.codec(field.type).canonical
        if convert is None:
            return parameters
        if _are_one(values):
            return [self.read_back(field, values[0], parameters[0])] * len(values)
        return [None if value is None else convert(value) for value in values]


def _are_one(values: Sequence[Any]) -> bool:
    """Tell whether many values are one object, as an owner or a time that is stamped."""
    return all(map(operator.is_, values, repeat(values[0])))
