"""What the SQL dialects of the three engines share: PyDAL's, with the unsafe parts replaced.

Where PyDAL would paste text, guess a type, or round an operand, these methods refuse or bind. Three
further words are added for JSON documents; ``json_ops`` builds expressions from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from bilayer.runtime.adapters.operands import (
    INTEGERS,
    NUMBERS,
    family,
    operand_type,
    result_type,
    value_type,
)
from bilayer.runtime.errors import InvalidValue, RawSQLRefused
from bilayer.runtime.pydal_compat import Expression, PyDALField, Query, Select, SQLDialect

Env = dict[str, Any]


class SafeDialect(SQLDialect):  # type: ignore[misc] # PyDAL's classes are untyped
    """Comparisons, lists, text search and arithmetic with bound, typed operands."""

    exact_decimals: ClassVar[bool] = True
    row_list: ClassVar[str] = ""
    adapter: Any

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
        items = ",".join(self._operand(first, item, env) for item in second)
        return f"({self.expand(first, query_env=env)} IN ({items}))"

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
        return f"({left} {op} {self._operand(first, second, env)})"

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
        """Render LIKE; only the backslash may escape, for the escape is pasted."""
        _require_backslash(escape)
        return str(super().like(first, second, escape=escape, query_env=query_env or {}))

    def ilike(
        self, first: Any, second: Any, escape: str | None = None, query_env: Env | None = None
    ) -> str:
        """Render LIKE without regard to case."""
        _require_backslash(escape)
        return str(super().ilike(first, second, escape=escape, query_env=query_env or {}))

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
        return str(super().contains(first, second, case_sensitive, env))

    # -- arithmetic

    def mul(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render a product."""
        return self._scaled("*", first, second, query_env or {})

    def div(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render a quotient."""
        return self._scaled("/", first, second, query_env or {})

    def mod(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render a remainder."""
        return self._scaled("%", first, second, query_env or {})

    def _scaled(self, op: str, first: Any, second: Any, env: Env) -> str:
        """Render an operation whose operands need not have the same scale."""
        self._require_numbers(first)
        if op == "/" and operand_type(first) in INTEGERS:
            raise InvalidValue("the quotient of integers would be cut; compute it in Python")
        is_decimal = str(operand_type(first)).startswith("decimal")
        is_exact = self.exact_decimals or (op == "*" and type(second) is int)
        if is_decimal and not is_exact:
            raise InvalidValue(f"{op} of decimals is not exact here; compute it in Python")
        if is_decimal and type(second) is int:
            operand = self.expand(second, "bigint", query_env=env)
        else:
            operand = self._operand(first, second, env)
        return f"({self.expand(first, query_env=env)} {op} {operand})"

    def _require_numbers(self, expression: Any) -> None:
        kind = family(operand_type(expression))
        if kind not in (None, NUMBERS):
            raise InvalidValue(f"arithmetic needs numbers, not {kind}")

    def add(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render a sum, or the joining of two texts."""
        if self.adapter.family_of(operand_type(first)) == "text":
            return str(self.concat(first, second, query_env=query_env or {}))
        return self._sum("+", first, second, query_env or {})

    def sub(self, first: Any, second: Any, query_env: Env | None = None) -> str:
        """Render a difference."""
        return self._sum("-", first, second, query_env or {})

    def _sum(self, op: str, first: Any, second: Any, env: Env) -> str:
        self._require_numbers(first)
        return f"({self.expand(first, query_env=env)} {op} {self._operand(first, second, env)})"

    def case(self, query: Any, true_false: tuple[Any, Any], query_env: Env | None = None) -> str:
        """Render CASE with two bound results of one family."""
        families = {self.adapter.family_of(result_type(v)) for v in true_false if v is not None}
        if len(families) > 1:
            raise InvalidValue("the two results of case() must be of one family of types")
        condition = self.expand(query, query_env=query_env or {})
        then, other = (
            "NULL" if value is None else self.typed(value, result_type(value))
            for value in true_false
        )
        return f"CASE WHEN {condition} THEN {then} ELSE {other} END"

    def typed(self, value: Any, field_type: str | None) -> str:
        """Render a value whose type no column tells."""
        return str(self.expand(value, field_type))

    def count(self, val: Any, distinct: Any = None, query_env: Env | None = None) -> str:
        """Render a count of rows (``*``) or of values."""
        is_star = isinstance(val, str) and val == "*"
        counted = val if is_star else self.expand(val, query_env=query_env or {})
        return f"COUNT({'DISTINCT ' if distinct else ''}{counted})"

    def aggregate(self, first: Any, what: str, query_env: Env | None = None) -> str:
        """Render an aggregate; sums and averages of numbers only, averages as doubles."""
        field_type = operand_type(first)
        rendered = self.expand(first, query_env=query_env or {})
        if what in ("SUM", "AVG") and family(field_type) not in (None, NUMBERS):
            raise InvalidValue(f"{what} needs numbers")
        if what == "AVG" and field_type in INTEGERS:
            rendered = self.as_double(rendered)
        return f"{what}({rendered})"

    def as_double(self, number: str) -> str:
        """Render a number as a double."""
        return number

    # -- rows by their keys

    def keys_in(
        self, first: Any, keys: Sequence[Sequence[Any]], query_env: Env | None = None
    ) -> str:
        """Render that a row has one of these primary keys; ``first`` is a key column."""
        del query_env
        columns = self.adapter.key_columns(first.table)
        names = ",".join(column.sqlsafe for column in columns)
        rows = ",".join(
            "(" + ",".join(map(self.adapter.placed, columns, key)) + ")" for key in keys
        )
        return f"(({names}) IN ({self.row_list}{rows}))"

    # -- JSON documents

    def json_contains_text(self, document: str, wanted: str) -> str:
        """Render that one document contains another, given as JSON text."""
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


def _require_backslash(escape: str | None) -> None:
    if escape not in (None, "\\"):
        raise RawSQLRefused("escape must be a backslash: PyDAL pastes it into the SQL")
