"""What revisions do, as plain frozen data: one ``Step`` for each operation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

Kind = Literal[
    "create_table",
    "drop_table",
    "rename_table",
    "add_column",
    "drop_column",
    "alter_column",
    "create_index",
    "drop_index",
    "add_constraint",
    "drop_constraint",
    "write_rows",
    "other",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One operation of a revision.

    Attributes:
        revision: Whose.
        path: Its file.
        line: The line that calls for the operation.
        kind: What it does.
        table: On which table; None if it is on none, or on one that cannot be told.
        facts: What it says, by name; see ``describe`` and ``raw_sql`` for each kind's.
        is_autocommitted: It runs in no transaction.
    """

    revision: str
    path: str
    line: int
    kind: Kind
    table: str | None
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_autocommitted: bool = False

    def get(self, name: str) -> Any:
        """Return a fact, None if the step does not say it."""
        return self.facts.get(name)


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """A revision, and what its upgrade does on one engine.

    Attributes:
        revision: Its id.
        path: Its file.
        down: The revisions before it, as it names them.
        steps: In the order in which they run.
        unread: Why they could not be told; None if they were.
        downgrade_line: Where its downgrade stands; 1 if it has none.
        is_reversible: The downgrade does something.
    """

    revision: str
    path: str
    down: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    unread: str | None = None
    downgrade_line: int = 1
    is_reversible: bool = True

    @property
    def made(self) -> frozenset[str]:
        """The tables it creates itself, which hold nothing that could be locked or lost."""
        return frozenset(
            step.table for step in self.steps if step.kind == "create_table" and step.table
        )

    def on_existing(self) -> tuple[Step, ...]:
        """Give the steps on tables that may hold rows already."""
        return tuple(step for step in self.steps if step.table not in self.made)
