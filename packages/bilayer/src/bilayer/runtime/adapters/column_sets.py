"""Some columns of one table: how statements name them, and their values on both ways.

Made once for each combination of columns that is written, so that a write renders nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from bilayer.runtime.errors import InvalidValue
from bilayer.runtime.subscribers import Row

if TYPE_CHECKING:
    from bilayer.runtime.adapters.columns import ColumnValues


class ColumnSet:
    """Columns in the order of their table.

    Its SQL is for statements with parameters: without any, percent signs must be unescaped.

    Attributes:
        fields: The columns.
        names: Of the columns.
        missing: The names of the table's other columns.
        listed: The columns as RETURNING has them.
        head: The table and the columns as INSERT and COPY have them.
        marks: The placeholders of one row.
        insert: Inserts one row.
        assigned: What UPDATE sets.
        taken: What an upsert sets to the values of the row it would have inserted.
        plan: Reads rows of them.
    """

    def __init__(self, adapter: ColumnValues, table: Any, names: Collection[str]) -> None:
        self.fields = [field for field in table if field.name in names]
        self.names = [str(field.name) for field in self.fields]
        self.missing = tuple(field.name for field in table if field.name not in names)
        if len(self.names) < len(names):
            unknown = next(name for name in names if name not in self.names)
            raise InvalidValue("no such column", table._tablename, str(unknown))
        texts = [adapter.escape(field._rname) for field in self.fields]
        marks = [adapter.mark_of(field.type) for field in self.fields]
        self.listed = ",".join(texts)
        self.head = f"{adapter.escape(table._rname)}({self.listed})"
        self.marks = f"({','.join(marks)})"
        self.insert = f"INSERT INTO {self.head} VALUES {self.marks}"
        self.assigned = ",".join(map("{}={}".format, texts, marks))
        self.taken = ",".join(f"{text}={adapter.inserted.format(text)}" for text in texts)
        self.plan = adapter.reading_plan(self.fields)
        self._encoders = [(field.name, adapter.encoder(field)) for field in self.fields]
        codecs = [(field.name, adapter.codec(field.type)) for field in self.fields]
        self._canonical: list[tuple[str, Callable[[Any], Any]]] = [
            (name, codec.canonical) for name, codec in codecs if codec.canonical is not None
        ]

    def encode(self, values: Mapping[str, Any]) -> list[Any]:
        """Give the driver's parameters for plain values.

        Raises:
            InvalidValue: A value does not fit its column.
        """
        parameters: list[Any] = []
        try:
            for name, encode in self._encoders:
                value = values[name]
                parameters.append(None if value is None else encode(value))
        except InvalidValue as error:
            field = self.fields[len(parameters)]
            failure = error.at(field.tablename, field.name)
        else:
            return parameters
        raise failure

    def read_back(self, values: Mapping[str, Any], parameters: list[Any]) -> Row:
        """Give the values that ``encode`` made parameters of, as they will be read back."""
        row: Row = dict(zip(self.names, parameters, strict=True))
        for name, convert in self._canonical:
            if row[name] is not None:
                row[name] = convert(values[name])
        return row
