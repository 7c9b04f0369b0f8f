"""Writing rows as they are, past the pipeline: the one bypass, for copies.

PostgreSQL takes them by COPY, the others by INSERT of many rows. Values are checked all the same:
what a column could not give back is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bilayer.runtime.adapters.copying import spell_row
from bilayer.runtime.adapters.inserts import CELLS_PER_INSERT
from bilayer.runtime.adapters.verbatim import VerbatimStatements
from bilayer.runtime.database import Database
from bilayer.runtime.errors import InvalidValue
from bilayer.runtime.verbatim import Values


class VerbatimWriter:
    """Writes rows into one table, in the transaction of the caller.

    A row is encoded first, so that the caller knows how large it is and what is wrong with it.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._adapter: Any = database.dal._adapter
        self._statements = VerbatimStatements(self._adapter, database.dal[name])
        self._columns = self._statements.columns
        self._encoders = [self._adapter.encoder(field) for field in self._columns.fields]

    def encode(self, row: Values) -> Any:
        """Check the values of a row, and give it as it is sent.

        Raises:
            InvalidValue: A value does not fit its column; names both.
        """
        at = 0
        try:
            sent = []
            for at, value in enumerate(row):
                sent.append(None if value is None else self._encoders[at](value))
        except InvalidValue as error:
            field = self._columns.fields[at]
            failure = error.at(field.tablename, field.name)
        else:
            return self._join(sent)
        raise failure

    def size(self, sent: Any) -> int:
        """Tell about how many characters an encoded row has."""
        return sum(len(value) for value in sent if isinstance(value, str | bytes))

    def write(self, rows: Sequence[Any]) -> None:
        """Write encoded rows."""
        step = max(1, CELLS_PER_INSERT // len(self._columns.names))
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step]
            self._adapter.send_rows(self._columns, chunk, is_awaited=True)

    def delete_all(self) -> None:
        """Delete the rows of the table."""
        self._adapter.run(self._statements.delete, [])

    def _join(self, sent: list[Any]) -> Any:
        return sent


class CopyWriter(VerbatimWriter):
    """Writes rows into one table of PostgreSQL."""

    def size(self, sent: str) -> int:
        """Tell how many characters an encoded row has."""
        return len(sent)

    def write(self, rows: Sequence[str]) -> None:
        """Send encoded rows by one COPY."""
        self._adapter.copy_in(self._statements.copy, "".join(rows))

    def _join(self, sent: list[Any]) -> str:
        return spell_row(sent)


def verbatim_writer(database: Database, name: str) -> VerbatimWriter:
    """Make the writer of a table, as its engine takes rows best."""
    kind = CopyWriter if database.engine_name == "postgresql" else VerbatimWriter
    return kind(database, name)
