"""JSON documents in SQL: the words each engine says in its own way; ``json_ops`` uses them."""

from __future__ import annotations

from typing import Any

from bilayer.runtime.adapters.parts import Env
from bilayer.runtime.pydal_compat import SQLDialect


class SafeDocuments(SQLDialect):  # type: ignore[misc] # PyDAL's classes are untyped
    """The part of a dialect that looks into documents."""

    adapter: Any

    def json_contains_text(self, document: str, wanted: str) -> str:
        """Render that one document contains another, given as JSON text."""
        raise NotImplementedError

    def json_equal(self, left: str, first: Any, second: Any, query_env: Env) -> str:
        """Render that two documents are equal, whatever the order of their keys.

        Args:
            left: The SQL of ``first``.
            first: A column or expression.
            second: A document or an expression.
            query_env: PyDAL's.
        """
        return f"({left} = {self._operand(first, second, query_env)})"

    def _operand(self, first: Any, second: Any, query_env: Env) -> str:
        raise NotImplementedError

    def json_holds(self, first: Any, document: Any, query_env: Env | None = None) -> str:
        """Render that a column contains a document."""
        wanted = self.adapter.codec("json").encode(document)
        return self.json_contains_text(self.expand(first, query_env=query_env or {}), wanted)

    def json_text(
        self, first: Any, path: tuple[str | int, ...], query_env: Env | None = None
    ) -> str:
        """Render the scalar at a path, as text."""
        raise NotImplementedError

    def json_merge(self, first: Any, patch: dict[str, Any], query_env: Env | None = None) -> str:
        """Render a document with a merge patch applied."""
        raise NotImplementedError
