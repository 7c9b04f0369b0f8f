"""Small things that statements are made of and read by. Know no adapter."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bilayer.runtime.pydal_compat import Expression, Query

Env = dict[str, Any]
"""What PyDAL passes along while it renders a statement."""


class Param:
    """A named parameter of a prepared statement, used where a value would stand."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not name.isidentifier():
            raise ValueError(f"a parameter's name must be an identifier: {name!r}")
        self.name = name

    def __repr__(self) -> str:
        return f"Param({self.name!r})"


@dataclass(frozen=True, slots=True)
class Rendered:
    """An expression that has been rendered already, with its parameters."""

    sql: str
    parameters: list[Any]


EXPRESSIONS: Final = (Expression, Query, Rendered)
_PLAIN: Final = frozenset(
    {
        *(type(None), str, bool, int, float, decimal.Decimal, bytes, dict, list, uuid.UUID),
        *(dt.datetime, dt.date, dt.time),
    }
)


def is_plain(values: Collection[Any]) -> bool:
    """Tell whether no value is an expression; most are of a type that says so at once."""
    if _PLAIN.issuperset(map(type, values)):
        return True
    return not any(isinstance(value, EXPRESSIONS) for value in values)


class SQLText(str):
    """Text that an adapter made and that may therefore stand in SQL."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """How rows of one list of fields become dicts; made once, used for every row.

    Attributes:
        names: The keys of the dicts, in the order of the columns.
        decoders: Keys whose values the driver gives in another form, with their decoder.
    """

    names: tuple[str, ...]
    decoders: tuple[tuple[str, Callable[[Any], Any]], ...]

    def dicts(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """Turn the driver's rows into dicts of Python values."""
        names = self.names
        if rows and len(rows[0]) != len(names):
            raise ValueError("the rows have other columns than the plan")
        found = [dict(zip(names, row)) for row in rows]  # noqa: B905 - one look is cheaper than many
        for name, decode in self.decoders:
            for row in found:
                value = row[name]
                if value is not None:
                    row[name] = decode(value)
        return found
