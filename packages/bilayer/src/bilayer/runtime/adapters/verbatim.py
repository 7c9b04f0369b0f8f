"""The statements that read a table in the order of its key, and write it as it is, for copies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

ROWS_PER_PAGE: Final = 500
LARGE: Final = 16_384
"""Above this size (characters or bytes, as the engine counts) a value is read by itself."""
DOCUMENTS: Final = ("json", "jsonb", "list:string", "list:integer", "list:reference")

_UNBOUNDED: Final = (*DOCUMENTS, "text", "blob")


class VerbatimStatements:
    """The statements of one table.

    Attributes:
        fields: The columns.
        keys: Those of the primary key.
        count: Counts the rows.
        first: Finds whether there are any.
        single: Reads the row of a key.
        delete: Deletes all rows.
        copy: Takes rows on PostgreSQL.
    """

    def __init__(self, adapter: Any, table: Any) -> None:
        self._adapter = adapter
        self._table = table._rname
        self.fields = list(table)
        self.keys = adapter.key_columns(table)
        self._key_names = [str(field._rname) for field in self.keys]
        mark = adapter.placeholder
        same = " AND ".join(f"{name}={mark}" for name in self._key_names)
        texts = ",".join(self._text(field) for field in self.fields)
        self.count = f"SELECT count(*) FROM {self._table}"
        self.first = f"SELECT 1 FROM {self._table} LIMIT 1"
        self.single = f"SELECT {texts} FROM {self._table} WHERE {same}"
        self.delete = f"DELETE FROM {self._table}"
        names = ",".join(str(field._rname) for field in self.fields)
        self._head = f"{self._table}({names})"
        self.copy = f"COPY {self._head} FROM STDIN"
        self.insert = cache(self._insert)
        self._columns = ",".join(self._bounded(field) for field in self.fields)
        sizes = [self._size(field) for field in self.fields if field.type in _UNBOUNDED]
        self._is_large = " OR ".join(f"{size}>{LARGE}" for size in sizes) or "1=0"

    def page(self, key: Sequence[Any] | None) -> tuple[str, list[Any] | None]:
        """Render the reading of the rows behind a key, of the first ones if it is None.

        The last column is 1 where a value is left out because it is large.

        Args:
            key: The driver's parameters for a key.
        """
        where, parameters = ("", None) if key is None else self._behind(key)
        sql = (
            f"SELECT {self._columns},CASE WHEN {self._is_large} THEN 1 ELSE 0 END"
            f" FROM {self._table}{where} ORDER BY {','.join(self._key_names)} LIMIT {ROWS_PER_PAGE}"
        )
        return sql, parameters

    def _insert(self, rows: int) -> str:
        """Render the INSERT of that many rows."""
        marks = ",".join(self._adapter.mark_of(field.type) for field in self.fields)
        return f"INSERT INTO {self._head} VALUES {','.join([f'({marks})'] * rows)}"

    def _behind(self, key: Sequence[Any]) -> tuple[str, list[Any]]:
        mark = self._adapter.placeholder
        names = self._key_names
        if self._adapter.dbengine != "mysql":
            marks = ",".join([mark] * len(names))
            return f" WHERE ({','.join(names)})>({marks})", list(key)
        # MariaDB finds no range in a comparison of rows.
        parts: list[str] = []
        parameters: list[Any] = []
        for length in range(len(names), 0, -1):
            equal = [f"{name}={mark}" for name in names[: length - 1]]
            parts.append(f"({' AND '.join([*equal, f'{names[length - 1]}>{mark}'])})")
            parameters += key[:length]
        return f" WHERE {' OR '.join(parts)}", parameters

    def _bounded(self, field: Any) -> str:
        text = self._text(field)
        if field.type not in _UNBOUNDED:
            return text
        return f"CASE WHEN {self._size(field)}<={LARGE} THEN {text} END"

    def _text(self, field: Any) -> str:
        """Name a column; psycopg2 would make the same of NULL and of the document ``null``."""
        is_parsed = field.type in DOCUMENTS and self._adapter.dbengine == "postgres"
        return f"{field._rname}::text" if is_parsed else str(field._rname)

    def _size(self, field: Any) -> str:
        function = "octet_length" if self._adapter.dbengine == "postgres" else "length"
        return f"{function}({self._text(field)})"
