"""What revisions cost, for a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bilayer.drift.rehearsal.cost import Cost


def write_costs(costs: Sequence[Cost], *, width: int | None = None, color: bool = False) -> str:
    """Write a table: a line for each table a revision touches.

    Args:
        costs: What was measured.
        width: Columns of the terminal; ``None`` asks the terminal.
        color: Write ANSI colours.
    """
    buffer = io.StringIO()
    console = Console(
        file=buffer, width=width, force_terminal=color, no_color=not color, highlight=False
    )
    table = Table(title=f"On tables of {costs[0].rows:,} rows", title_justify="left", box=None)
    for name in ("revision", "took", "log", "grew", "table", "strongest lock", "reader", "writer"):
        is_number = name in ("took", "log", "grew", "reader", "writer")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for cost in costs:
        head = [
            cost.revision,
            f"{cost.seconds:.2f} s",
            _size(cost.wal_bytes),
            _size(cost.grown_bytes),
        ]
        for each in cost.tables:
            lock = (each.lock or "none seen") + (", rewritten" if each.is_rewritten else "")
            table.add_row(*head, each.table, lock, _wait(each.reader), _wait(each.writer))
            head = [""] * len(head)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _size(number: int) -> str:
    return f"{number / 2**20:.1f} MB"


def _wait(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
