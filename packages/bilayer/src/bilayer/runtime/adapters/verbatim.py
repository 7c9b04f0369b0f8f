"""The statements that read a table in the order of its key, and write it as it is, for copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

ROWS_PER_PAGE: Final = 500
LARGE: Final = 16_384
"""Above this size (characters or bytes, as the engine counts) a value is read by itself."""
DOCUMENTS: Final = ("json", "jsonb", "list:string", "list:integer", "list:reference")

_UNBOUNDED: Final = (*DOCUMENTS, "text", "blob")


class VerbatimStatements:
    """The statements of one table, which are run with a list of parameters, be it an empty one.

    Attributes:
        columns: All of the table.
        keys: Those of the primary key.
        count: Counts the rows.
        first: Finds whether there are any.
        single: Reads the row of a key.
        delete: Deletes all rows.
        copy: Takes rows on PostgreSQL; no parameters go with it.
    """

    def __init__(self, adapter: Any, table: Any) -> None:
        self._adapter = adapter
        self._table = adapter.escape(table._rname)
        self.columns = adapter.column_set(table, table.fields)
        self.keys = adapter.key_columns(table)
        self._key_names = [adapter.escape(field._rname) for field in self.keys]
        self._key_marks = [adapter.mark_of(field.type) for field in self.keys]
        same = " AND ".join(map("{}={}".format, self._key_names, self._key_marks))
        fields = self.columns.fields
        self.count = f"SELECT count(*) FROM {self._table}"
        self.first = f"SELECT 1 FROM {self._table} LIMIT 1"
        self.single = f"SELECT {','.join(map(self._text, fields))} FROM {self._table} WHERE {same}"
        self.delete = f"DELETE FROM {self._table}"
        self.copy = f"COPY {adapter.unescape(self.columns.head)} FROM STDIN"
        self._listed = ",".join(map(self._bounded, fields))
        sizes = [self._size(field) for field in fields if field.type in _UNBOUNDED]
        self._is_large = " OR ".join(f"{size}>{LARGE}" for size in sizes) or "1=0"

    def page(self, key: Sequence[Any] | None) -> tuple[str, list[Any]]:
        """Render the reading of the rows behind a key, of the first ones if it is None.

        The last column is 1 where a value is left out because it is large.

        Args:
            key: The driver's parameters for a key.
        """
        where, parameters = ("", []) if key is None else self._behind(key)
        sql = (
            f"SELECT {self._listed},CASE WHEN {self._is_large} THEN 1 ELSE 0 END"
            f" FROM {self._table}{where} ORDER BY {','.join(self._key_names)} LIMIT {ROWS_PER_PAGE}"
        )
        return sql, parameters

    def _behind(self, key: Sequence[Any]) -> tuple[str, list[Any]]:
        names, marks = self._key_names, self._key_marks
        if self._adapter.dbengine != "mysql":
            return f" WHERE ({','.join(names)})>({','.join(marks)})", list(key)
        # MariaDB finds no range in a comparison of rows.
        parts: list[str] = []
        parameters: list[Any] = []
        for last in reversed(range(len(names))):
            equal = map("{}={}".format, names[:last], marks)
            parts.append(f"({' AND '.join([*equal, f'{names[last]}>{marks[last]}'])})")
            parameters += key[: last + 1]
        return f" WHERE {' OR '.join(parts)}", parameters

    def _bounded(self, field: Any) -> str:
        text = self._text(field)
        if field.type not in _UNBOUNDED:
            return text
        return f"CASE WHEN {self._size(field)}<={LARGE} THEN {text} END"

    def _text(self, field: Any) -> str:
        """Name a column; psycopg2 would make the same of NULL and of the document ``null``."""
        name: str = self._adapter.escape(field._rname)
        is_parsed = field.type in DOCUMENTS and self._adapter.dbengine == "postgres"
        return f"{name}::text" if is_parsed else name

    def _size(self, field: Any) -> str:
        function = "octet_length" if self._adapter.dbengine == "postgres" else "length"
        return f"{function}({self._text(field)})"
