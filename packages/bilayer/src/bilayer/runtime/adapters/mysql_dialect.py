"""The SQL of MariaDB and MySQL, where it differs."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

from bilayer.runtime.adapters.dialect import SafeDialect
from bilayer.runtime.adapters.operands import json_path
from bilayer.runtime.adapters.parts import Env
from bilayer.runtime.codecs import JSON_NULL, encode_json
from bilayer.runtime.errors import InvalidValue
from bilayer.runtime.pydal_compat import Expression, MySQLDialect
from bilayer.types import text_collation

_DOUBLES_ROUND_FROM: Final = 2**53


class MySQLNativeDialect(SafeDialect, MySQLDialect):  # type: ignore[misc] # PyDAL is untyped
    """PyDAL's MySQL dialect with bound values."""

    true_exp = "1"
    false_exp = "0"

    def cast(self, first: Any, second: str, query_env: Env | None = None) -> str:
        """Cast; CAST has words of its own for a few types."""
        words = {"LONGTEXT": "CHAR", "INTEGER": "SIGNED", "BIGINT": "SIGNED"}
        return super().cast(first, words.get(second, second), query_env)

    def length(self, val: Any, query_env: Env | None = None) -> str:
        """Count characters; LENGTH counts bytes."""
        return f"CHAR_LENGTH({self.expand(val, query_env=query_env or {})})"

    def as_double(self, number: str) -> str:
        """Make a double of a number; an average of integers would have four digits."""
        return f"({number} + 0e0)"

    def insert_empty(self, table: str) -> str:
        """Insert a row of defaults."""
        return f"INSERT INTO {table} () VALUES ();"

    def json_contains_text(self, document: str, wanted: str) -> str:
        """Use JSON_CONTAINS."""
        return f"JSON_CONTAINS({document}, {self.adapter.adapt(wanted)})"

    def json_holds(self, first: Any, document: Any, query_env: Env | None = None) -> str:
        """Spell PostgreSQL's rules out; JSON_CONTAINS looks for items at any depth."""
        wanted = json.loads(encode_json(document))
        found = self.expand(first, query_env=query_env or {})
        if isinstance(wanted, dict | list):
            return self._held(found, wanted)
        return f"({self._held(found, wanted)} OR {self._held(found, [wanted])})"

    def json_equal(self, left: str, first: Any, second: Any, query_env: Env) -> str:
        """Compare step by step: MariaDB keeps text, and its JSON_EQUALS misreads exponents."""
        if not isinstance(second, Expression):
            with suppress(InvalidValue):  # a key that no path reaches
                return self._equals(left, json.loads(encode_json(second)))
        right = self._operand(first, second, query_env)
        same = f"JSON_EQUALS({left}, {right})" if self.adapter.is_mariadb else f"{left} = {right}"
        return f"IF({left} IS NULL OR {right} IS NULL, NULL, {same})"

    def _equals(self, found: str, wanted: Any) -> str:
        """Render that a document, given as SQL, equals one that is known."""
        if not isinstance(wanted, dict | list):
            return self._scalar(found, wanted)
        kind = "OBJECT" if isinstance(wanted, dict) else "ARRAY"
        steps = wanted.items() if isinstance(wanted, dict) else enumerate(wanted)
        parts = [f"JSON_TYPE({found}) = '{kind}'", f"JSON_LENGTH({found}) = {len(wanted)}"]
        for step, value in steps:
            path = self.adapter.adapt(json_path((step,)))
            parts.append(self._equals(f"JSON_EXTRACT({found}, {path})", value))
        return f"({' AND '.join(parts)})"

    def _scalar(self, found: str, wanted: Any) -> str:
        text = self.adapter.adapt(encode_json(JSON_NULL if wanted is None else wanted))
        if type(wanted) in (int, float) and abs(wanted) >= _DOUBLES_ROUND_FROM:
            spellings = (self.adapter.adapt(f"{int(wanted)}{end}") for end in ("", ".0"))
            return f"({found} IN ({', '.join(spellings)}))"
        contains = f"JSON_CONTAINS({found}, {text})"
        return f"(JSON_TYPE({found}) NOT IN ('OBJECT', 'ARRAY') AND {contains})"

    def _held(self, found: str, wanted: Any, depth: int = 0) -> str:
        """Render that a document, given as SQL, contains one that is known."""
        if isinstance(wanted, dict):
            parts = [f"JSON_TYPE({found}) = 'OBJECT'"]
            for key, value in wanted.items():
                path = self.adapter.adapt(json_path((key,)))
                parts.append(self._held(f"JSON_EXTRACT({found}, {path})", value, depth))
        elif isinstance(wanted, list):
            item = f"JSON_EXTRACT({found}, CONCAT('$[', j{depth}.n - 1, ']'))"
            items = f"JSON_TABLE({found}, '$[*]' COLUMNS (n FOR ORDINALITY)) AS j{depth}"
            parts = [f"JSON_TYPE({found}) = 'ARRAY'"]
            for value in wanted:
                held = self._held(item, value, depth + 1)
                parts.append(f"EXISTS (SELECT 1 FROM {items} WHERE {held})")
        else:
            return self._scalar(found, wanted)
        return f"({' AND '.join(parts)})"

    def json_text(
        self, first: Any, path: tuple[str | int, ...], query_env: Env | None = None
    ) -> str:
        """Unquote the scalar; a JSON null is no text."""
        document = self.expand(first, query_env=query_env or {})
        found = f"JSON_EXTRACT({document}, {self.adapter.adapt(json_path(path))})"
        conditions = [f"JSON_TYPE({found}) <> 'NULL'"]
        for length, step in enumerate(path):
            if isinstance(step, int):  # a position into an object would give the object
                above = self.adapter.adapt(json_path(path[:length]))
                conditions.append(f"JSON_TYPE(JSON_EXTRACT({document}, {above})) = 'ARRAY'")
        text = f"CASE WHEN {' AND '.join(conditions)} THEN JSON_UNQUOTE({found}) END"
        return f"(({text}) COLLATE {text_collation(mariadb=self.adapter.is_mariadb)})"

    def json_merge(self, first: Any, patch: dict[str, Any], query_env: Env | None = None) -> str:
        """Use the server's own merge patch (RFC 7396)."""
        document = self.expand(first, query_env=query_env or {})
        wanted = self.adapter.adapt(encode_json(patch))
        return f"JSON_MERGE_PATCH(COALESCE({document}, '{{}}'), {wanted})"
