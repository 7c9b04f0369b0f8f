"""What a case of PyDAL is: something done to its tables, or to the schema under them."""

from __future__ import annotations

import dataclasses
from typing import Final

from scripts.bench.drift.edits import Edit, add
from scripts.bench.drift.runtime_schema import ENGINE_OF

STOCK: Final = ("sqlite", "postgres", "mysql")
ALL: Final = ("native", *STOCK)
LIVE: Final = ("models", "database")


@dataclasses.dataclass(frozen=True, slots=True)
class RuntimeCase:
    """Something done to PyDAL's tables or to the schema under them.

    Attributes:
        edit: Of PyDAL's text where ``sources`` is ``runtime``, else of the models'.
        wants: As ``Case.wants``; ``setup ...`` is of the pair setup; ``models ...`` and
            ``live ...`` are said of that pair only; ``native=-`` names an adapter.
        sources: What is mutated, each in turn; ``both`` at once.
        fails: The check also says that something could not be read.
        runtime_edit: Of PyDAL's text, where both are edited.
    """

    group: str
    name: str
    edit: Edit
    wants: tuple[str, ...]
    sources: tuple[str, ...]
    adapters: tuple[str, ...] = ALL
    engines: tuple[str, ...] = ("sqlite", "postgresql", "mysql")
    fails: bool = False
    runtime_edit: Edit | None = None

    def is_for(self, engine: str, adapter: str) -> bool:
        """Tell whether the case can be made with an adapter on an engine."""
        return adapter in self.adapters and engine in self.engines and engine in ENGINE_OF[adapter]


def change_fields(group: str, name: str, edit: Edit, *wants: str, on: tuple[str, ...] = ALL,
            fails: bool = False) -> RuntimeCase:  # fmt: skip
    """Mutate PyDAL's tables."""
    return RuntimeCase(group, name, edit, wants, ("runtime",), on, fails=fails)


def change_columns(group: str, name: str, edit: Edit, *wants: str, on: tuple[str, ...] = ALL,
             sources: tuple[str, ...] = LIVE) -> RuntimeCase:  # fmt: skip
    """Mutate the models, then a live database."""
    return RuntimeCase(group, name, edit, wants, sources, on)


def change_both(name: str, column: str, field: str, *wants: str, on: tuple[str, ...] = STOCK,
          group: str = "storage of values") -> RuntimeCase:  # fmt: skip
    """Add a column and a field over it."""
    return RuntimeCase(
        group, name, add("notes", f'sa.Column("extra", {column})'), wants, ("both",), on,
        runtime_edit=add("notes", f'Field("extra", {field})'),
    )  # fmt: skip
