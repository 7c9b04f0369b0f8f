"""SQL that was rendered once, with places for the values of each call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bilayer.runtime import tokens
from bilayer.runtime.adapters.operands import bounded
from bilayer.runtime.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Template:
    """SQL with placeholders, and where each parameter comes from.

    Attributes:
        sql: The text for the driver.
        slots: For each placeholder the name of its parameter with its encoder, or None with the
            fixed value.
    """

    sql: str
    slots: tuple[tuple[str | None, Any], ...]

    @classmethod
    def join(cls, separator: str, parts: Iterable[Template]) -> Template:
        """Put templates one behind the other."""
        parts = list(parts)
        slots = tuple(slot for part in parts for slot in part.slots)
        return cls(separator.join(part.sql for part in parts), slots)

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """Encode the values of one call.

        Raises:
            InvalidValue: A value does not fit; it names the column, or else the parameter.
        """
        found: list[Any] = []
        try:
            for name, given in self.slots:
                if name is None:
                    found.append(given)
                else:
                    value = values[name]
                    found.append(None if value is None else given(value))
        except InvalidValue as error:
            name, _ = self.slots[len(found)]
            is_placed = error.column is not None
            failure = error if is_placed else InvalidValue(f"parameter {name!r}: {error.reason}")
        else:
            return found
        raise failure


def make_template(adapter: Any, sql: str) -> Template:
    """Take the tokens out of SQL that PyDAL rendered."""
    texts, found = tokens.split(sql)
    marks: list[str] = []
    slots: list[tuple[str | None, Any]] = []
    for kind, payload in found:
        if kind == tokens.NAMED:
            name, field_type, length = payload.split("|")
            marks.append(adapter.mark_of(field_type))
            slots.append((name, bounded(adapter.codec(field_type).encode, int(length))))
        else:
            marks.append(adapter.mark(kind))
            slots.append((None, tokens.read(kind, payload)))
    return Template(adapter.join(texts, marks), tuple(slots))
