"""The part of an adapter that turns tokens in PyDAL's SQL into bind parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from bilayer.runtime import tokens
from bilayer.runtime.errors import UnsupportedDefinition
from bilayer.runtime.pydal_compat import SQLAdapter


class BoundParameters(SQLAdapter):  # type: ignore[misc] # PyDAL's classes are untyped
    """Placeholders as the driver writes them.

    Attributes:
        placeholder: The driver's mark for a parameter.
        inserted: How an upsert names the value of a column that it would have inserted.
    """

    placeholder: ClassVar[str] = "%s"
    inserted: ClassVar[str] = "EXCLUDED.{}"

    def adapt(self, obj: str) -> str:
        """Carry text as a token; this is PyDAL's hook for quoting."""
        return tokens.write(obj)

    def bind(self, sql: str) -> tuple[str, list[Any]]:
        """Turn tokens into placeholders and parameters, other percent signs into literal ones."""
        texts, found = tokens.split(sql)
        if any(kind == tokens.NAMED for kind, _ in found):
            raise UnsupportedDefinition("a Param stands for a value in prepared() only")
        parameters = [tokens.read(kind, payload) for kind, payload in found]
        return self.join(texts, [self.mark(kind) for kind, _ in found]), parameters

    def join(self, texts: list[str], marks: list[str]) -> str:
        """Put placeholders between texts, in which percent signs stand for themselves."""
        pairs = zip(map(self.escape, texts), [*marks, ""], strict=True)
        return "".join(text + mark for text, mark in pairs)

    def escape(self, sql: str) -> str:
        """Let percent signs stand for themselves in a statement with parameters."""
        return sql.replace("%", "%%") if self.placeholder == "%s" else sql

    def unescape(self, sql: str) -> str:
        """Undo it, for a statement without parameters."""
        return sql.replace("%%", "%") if self.placeholder == "%s" else sql

    def one_message(self, statements: Iterable[tuple[str, Any]]) -> tuple[str, Any]:
        """Put statements, each with its parameters or None, one behind the other."""
        texts: list[str] = []
        parameters: list[Any] = []
        for sql, given in statements:
            texts.append(sql.replace("%", "%%") if given is None else sql)
            parameters += given or ()
        sql = "; ".join(texts)
        return (sql, parameters) if parameters else (self.unescape(sql), None)

    def mark(self, kind: str) -> str:  # noqa: ARG002 - engines that need it override this
        """Give the placeholder for a token of that kind."""
        return self.placeholder

    def mark_of(self, field_type: str) -> str:  # noqa: ARG002 - engines that need it override this
        """Give the placeholder for a value of that type."""
        return self.placeholder
