"""Rows as they are, for copies and their comparison: no subscriber, no default, no stamp.

A table is read in the order of its key, which is the same on every engine. What does not fit into
a page is read row by row, so that memory stays bounded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bilayer.runtime.adapters.verbatim import DOCUMENTS, ROWS_PER_PAGE, VerbatimStatements
from bilayer.runtime.codecs import JSON_NULL
from bilayer.runtime.database import Database
from bilayer.runtime.errors import InvalidValue

Values = list[Any]
"""The values of one row, in the order of the table's columns."""


class VerbatimTable:
    """One table of a database, whose rows are read as Python values.

    Statements run in the transaction of the caller, whose snapshot they see.

    Attributes:
        name: Of the table.
        columns: The names of its columns.
        key: The names of the columns of its primary key.
        documents: The positions of the columns that hold JSON documents.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._adapter: Any = database.dal._adapter
        self._statements = VerbatimStatements(self._adapter, database.dal[name])
        fields = self._statements.columns.fields
        self.name = name
        self.columns = tuple(self._statements.columns.names)
        self.key = tuple(str(field.name) for field in self._statements.keys)
        self.documents = frozenset(at for at, each in enumerate(fields) if each.type in DOCUMENTS)
        self._key_at = [self.columns.index(column) for column in self.key]
        decoders = enumerate(map(self._decoder, fields))
        self._decoders = [(at, decode) for at, decode in decoders if decode is not None]

    def key_of(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Give the values of a row's key."""
        return tuple([row[at] for at in self._key_at])

    def spell_key(self, key: Sequence[Any]) -> str:
        """Name a row by the values of its key, for people."""
        pairs = zip(self.key, key, strict=True)
        return ", ".join(f"{name} {value}" for name, value in pairs)

    def is_empty(self) -> bool:
        """Tell whether there is no row."""
        return not self._adapter.rows(self._statements.first, [])

    def count(self) -> int:
        """Count the rows."""
        return int(self._adapter.rows(self._statements.count, [])[0][0])

    def rows(self, after: Sequence[Any] | None = None) -> Iterator[Values]:
        """Yield the rows in the order of the key, those behind a key if one is given.

        Raises:
            InvalidValue: What is stored is no value of its column; names the key.
        """
        behind = None if after is None else self._encode_key(after)
        while True:
            page = self._adapter.rows(*self._statements.page(behind))
            row: Values = []
            for *found, is_large in page:
                row = self._decode(found)
                yield self._read_alone(row) if is_large else row
            if len(page) < ROWS_PER_PAGE:
                return
            behind = self._encode_key(self.key_of(row))

    def _read_alone(self, row: Values) -> Values:
        key = self._encode_key(self.key_of(row))
        (found,) = self._adapter.rows(self._statements.single, key)
        return self._decode(found)

    def _decoder(self, field: Any) -> Callable[[Any], Any] | None:
        if field.type in DOCUMENTS:
            return _decode_document
        decode: Callable[[Any], Any] | None = self._adapter.codec(field.type).decode
        return decode

    def _decode(self, found: Sequence[Any]) -> Values:
        row = list(found)
        at = 0
        try:
            for at, decode in self._decoders:
                if row[at] is not None:
                    row[at] = decode(row[at])
        except (ValueError, TypeError, AttributeError, RecursionError):
            reason = "what is stored is no value of this column"
        else:
            return row
        raise InvalidValue(
            f"{reason} ({self.spell_key(self.key_of(found))})", self.name, self.columns[at]
        )

    def _encode_key(self, key: Sequence[Any]) -> list[Any]:
        pairs = zip(self._statements.keys, key, strict=True)
        return [self._adapter.encoded(field, value) for field, value in pairs]


def _decode_document(text: Any) -> Any:
    document = json.loads(text)
    return JSON_NULL if document is None else document
