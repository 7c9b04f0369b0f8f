"""What a fix does to the rows of a live database, said in a comment above it."""

from __future__ import annotations

from typing import Final

from bilayer.drift.findings import Difference

_CONVERSION: Final = "Can destroy data: values that do not fit are converted, rounded or refused."
_LOSSES: Final = {
    ("BL201", "no table"): "Destroys data: every row of the table.",
    ("BL202", "no column"): "Destroys data: every value of the column.",
}
_CONVERTING: Final = frozenset({"BL204", "BL205", "BL206", "BL207", "BL208", "BL216"})


def warn(fix: str, difference: Difference) -> str:
    """Put a warning above a fix that destroys data, or can."""
    loss = _LOSSES.get((difference.code, difference.left or ""))
    # PostgreSQL's enums are only ever given more words.
    if loss is None and difference.code in _CONVERTING and not fix.startswith("ALTER TYPE"):
        loss = _CONVERSION
    if loss is None:
        return fix
    # SQLite cannot alter a column in SQL; its fixes are Python.
    mark = "#" if fix.startswith(("op.", "with op.", "kept = op.", "sa.", "#")) else "--"
    return f"{mark} {loss}\n{fix}"
