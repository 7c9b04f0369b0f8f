"""What the SQL dialects of the three engines share: PyDAL's, with the unsafe parts replaced.

Where PyDAL would paste text or guess a type, these methods refuse or bind. Arithmetic and JSON
documents have modules of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from bilayer.runtime.adapters.arithmetic import SafeArithmetic
from bilayer.runtime.adapters.documents import SafeDocuments
from bilayer.runtime.adapters.operands import (
    JSON,
    operand_type,
    value_type,
)
from bilayer.runtime.adapters.parts import Env, Param
from bilayer.runtime.errors import InvalidValue, RawSQLRefused, UnsupportedDefinition
from bilayer.runtime.pydal_compat import Expression, PyDALField, Query, Select


class SafeDialect(SafeArithmetic, SafeDocuments):
    """Comparisons, lists, text search and arithmetic with bound, typed operands."""

    row_list: ClassVar[str] = ""

    def quote(self, val: str) -> str:
        """Quote an identifier; a quote inside it is doubled."""
        mark = self.quote_template[0]
        return str(self.quote_template % val.replace(mark, mark * 2))

    def alias(self, original: str, new: str) -> str:
        """Render a table's alias."""
        return f"{original} AS {self.quote(new)}"

    def cast(self, first: Any, second: str, query_env: Env | None = None) -> str:
        """Cast an expression, or text PyDAL has rendered already.

        Raises:
            InvalidValue: A decimal would be rounded, or read in another unit on SQLite.
        """
        if isinstance(first, str):
            return f"CAST({first} AS {second})"
        if str(operand_type(first)).startswith("decimal"):
            raise InvalidValue("a decimal cannot be cast exactly; convert it in Python")
        rendered = self.expand(first, query_env=query_env or {})
        return f"CAST({rendered} AS {second})"

    def _as(self, first: Any, second: str, query_env: Env | None = None) -> str:
        return f"{self.expand(first, query_env=query_env or {})} AS {self.quote(second)}"

    def belongs(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render IN; a text would be pasted by PyDAL, a None would never match."""
        env = query_env or {}
        if isinstance(second, str):
            raise RawSQLRefused("belongs() takes a list or a nested_select(), not text")
        if isinstance(second, Select):
            return str(super().belongs(first, second, query_env=env))
        if not second:
            return "(1=0)"
        if any(item is None for item in second):
            raise InvalidValue("None in belongs() never matches; add | (field == None)")
        if operand_type(first) in JSON:
            return self._balanced("OR", [self.eq(first, item, env) for item in second])
        if isinstance(first, PyDALField) and not any(map(_is_rendered, second)):
            items = self.adapter.placed_column(first, second)
        else:
            items = [self._operand(first, item, env) for item in second]
        return f"({self.expand(first, query_env=env)} IN ({','.join(items)}))"

    def _operand(self, first: Any, second: Any, query_env: Env) -> str:
        """Render the right side of a comparison by the type of the left."""
        field_type = operand_type(first)
        if isinstance(second, Expression | Query):
            self.adapter.check_family(field_type, second)
            return str(self.expand(second, query_env=query_env))
        if isinstance(first, PyDALField):
            return str(self.adapter.placed(first, second, query_env))
        return str(self.expand(second, field_type or value_type(second), query_env=query_env))

    def _binary_cmp(
        self, op: str, first: Any, second: Any, null_form: str | None, query_env: Env | None
    ) -> str:
        env = query_env or {}
        left = self.expand(first, query_env=env)
        if second is None:
            if null_form is None:
                raise InvalidValue(f"None cannot be compared by {op}")
            return f"({left} {null_form})"
        if operand_type(first) not in JSON:
            return f"({left} {op} {self._operand(first, second, env)})"
        if op not in ("=", "<>"):
            raise InvalidValue(f"documents have no order; {op} cannot compare them")
        return f"({'NOT ' if op == '<>' else ''}{self.json_equal(left, first, second, env)})"

    def _or(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        return self._chain("OR", first, second, query_env or {})

    def _and(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        return self._chain("AND", first, second, query_env or {})

    def _chain(self, word: str, first: Any, second: Any, env: Env) -> str:
        """Render a chain as a balanced tree: SQLite nests 100 parentheses, 1,000 operators."""
        name = f"_{word.lower()}"
        operands: list[str] = []
        pending = [second, first]
        while pending:
            item = pending.pop()
            if isinstance(item, Query) and getattr(item.op, "__name__", "") == name:
                pending += [item.second, item.first]
            else:
                operands.append(self.expand(item, query_env=env))
        return self._balanced(word, operands)

    def _balanced(self, word: str, operands: list[str]) -> str:
        if len(operands) == 1:
            return operands[0]
        half = len(operands) // 2
        left, right = self._balanced(word, operands[:half]), self._balanced(word, operands[half:])
        return f"({left} {word} {right})"

    # PyDAL 3.x renders comparisons elsewhere; naming them here keeps both lines on one path.
    def eq(self, first: Any, second: Any = None, query_env: Env | None = None) -> str:
        """Render equality; None becomes IS NULL."""
        return self._binary_cmp("=", first, second, "IS NULL", query_env)

    def ne(self, first: Any, second: Any = None, query_env: Env | None = None) -> str:
        """Render inequality; None becomes IS NOT NULL."""
        return self._binary_cmp("<>", first, second, "IS NOT NULL", query_env)

    def lt(self, first: Any, second: Any = None, query_env: Env | None = None) -> str:
        """Render less than."""
        return self._binary_cmp("<", first, second, None, query_env)

    def lte(self, first: Any, second: Any = None, query_env: Env | None = None) -> str:
        """Render less than or equal."""
        return self._binary_cmp("<=", first, second, None, query_env)

    def gt(self, first: Any, second: Any = None, query_env: Env | None = None) -> str:
        """Render greater than."""
        return self._binary_cmp(">", first, second, None, query_env)

    def gte(self, first: Any, second: Any = None, query_env: Env | None = None) -> str:
        """Render greater than or equal."""
        return self._binary_cmp(">=", first, second, None, query_env)

    # -- text search

    def like(
        self, first: Any, second: Any, escape: str | None = None, query_env: Env | None = None
    ) -> str:
        """Render LIKE; without ``escape`` a backslash stands for itself."""
        env = query_env or {}
        pattern = self._pattern(first, second, escape, env)
        return self.matches(self.expand(first, query_env=env), pattern)

    def ilike(
        self, first: Any, second: Any, escape: str | None = None, query_env: Env | None = None
    ) -> str:
        """Render LIKE without regard to case."""
        env = query_env or {}
        pattern = self._pattern(first, second, escape, env)
        folded = self.lower(second, env) if isinstance(second, Expression) else pattern.lower()
        return self.matches(self.lower(first, env), folded)

    def startswith(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render the search for a beginning."""
        self._text_search(first, second, None)
        return self.like(first, self._like_escaper_default(second) + "%", "\\", query_env)

    def endswith(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render the search for an end."""
        self._text_search(first, second, None)
        return self.like(first, "%" + self._like_escaper_default(second), "\\", query_env)

    def matches(self, text: str, pattern: str) -> str:
        """Render that a text matches a pattern in which the backslash escapes."""
        return f"({text} LIKE {pattern} ESCAPE '\\')"

    def _pattern(self, first: Any, second: Any, escape: str | None, query_env: Env) -> str:
        self._text_search(first, second, escape)
        pattern = str(self.expand(second, "string", query_env=query_env))
        if escape is None and not isinstance(second, Expression):
            return pattern.replace("\\", "\\\\")
        return pattern

    @staticmethod
    def _text_search(first: Any, second: Any, escape: str | None) -> None:
        """Check the operands of a search; PyDAL would paste the escape into the SQL."""
        if isinstance(second, Param):
            raise UnsupportedDefinition(
                "a text search takes no Param: its signs are escaped before"
            )
        if escape not in (None, "\\"):
            raise RawSQLRefused("escape must be a backslash: PyDAL pastes it into the SQL")
        if operand_type(first) in JSON:
            raise InvalidValue("a document is searched by json_contains() and json_text()")

    def contains(
        self,
        first: Any,
        second: Any,
        case_sensitive: bool = True,  # noqa: FBT001, FBT002 - PyDAL's signature
        query_env: Env | None = None,
    ) -> str:
        """Render the search for a part of a text, or for an item of a list."""
        env = query_env or {}
        if first.type.startswith("list:"):
            item = self.adapter.codec(first.type).encode([second])
            return self.json_contains_text(self.expand(first, query_env=env), item)
        if isinstance(second, Expression):
            raise RawSQLRefused("contains() takes a value here, not an expression")
        self._text_search(first, second, None)
        return str(super().contains(first, second, case_sensitive, env))

    # -- rows by their keys

    def keys_in(
        self, first: Any, keys: Sequence[Sequence[Any]], query_env: Env | None = None
    ) -> str:
        """Render that a row has one of these primary keys; ``first`` is a key column."""
        del query_env
        parts: list[str] = []
        several: list[tuple[str, list[str]]] = []
        for column, values in zip(
            self.adapter.key_columns(first.table), zip(*keys, strict=True), strict=True
        ):
            if all(value == values[0] for value in values):  # engines search one column better
                parts.append(f"{column.sqlsafe} = {self.adapter.placed(column, values[0])}")
            else:
                several.append((column.sqlsafe, self.adapter.placed_column(column, values)))
        if len(several) == 1:
            [(name, placed)] = several
            parts.append(f"{name} IN ({','.join(placed)})")
        elif several:
            names = ",".join(name for name, _ in several)
            rows = (f"({','.join(row)})" for row in zip(*(p for _, p in several), strict=True))
            parts.append(f"({names}) IN ({self.row_list}{','.join(rows)})")
        return f"({' AND '.join(parts)})"


def _is_rendered(item: Any) -> bool:
    """Tell whether an operand is no plain value."""
    return isinstance(item, Expression | Query | Param)
