"""Sums, products, aggregates and CASE with operands that keep their exactness, or are refused."""

from __future__ import annotations

from typing import Any, ClassVar

from bilayer.runtime.adapters.operands import INTEGERS, NUMBERS, family, operand_type, result_type
from bilayer.runtime.adapters.parts import Env
from bilayer.runtime.errors import InvalidValue
from bilayer.runtime.pydal_compat import SQLDialect


class SafeArithmetic(SQLDialect):  # type: ignore[misc] # PyDAL's classes are untyped
    """The part of a dialect that computes.

    Attributes:
        exact_decimals: The engine has decimals; elsewhere they are scaled integers.
    """

    exact_decimals: ClassVar[bool] = True
    adapter: Any

    def _operand(self, first: Any, second: Any, query_env: Env) -> str:
        raise NotImplementedError

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
