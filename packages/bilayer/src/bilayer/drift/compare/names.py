"""Which names of constraints mean something: those people gave, as far as engines keep them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bilayer.drift.constraints import Check, ForeignKey, Index, Unique

Constraint = Unique | Index | ForeignKey | Check
_MADE_UP: Final = {
    "postgresql": re.compile(r".*_(?:pkey|key|fkey|check|idx|excl)\d*"),
    "mysql": re.compile(r".*_ibfk_\d+|CONSTRAINT_\d+|PRIMARY|\d+", re.IGNORECASE),
    "sqlite": re.compile(r"sqlite_autoindex_.*"),
}
# PostgreSQL cuts names off at 63 bytes, MariaDB refuses more than 64 letters.
_LONGEST: Final = 59


def pair_names(
    left: Sequence[Constraint], right: Sequence[Constraint], engine: str
) -> list[tuple[Constraint, Constraint]]:
    """Pair what does the same under names that differ, where people gave both names."""
    lefts = [item for item in left if not _has_name(item, right)]
    rights = [item for item in right if not _has_name(item, left)]
    return [
        (item, other)
        for item, other in zip(lefts, rights, strict=False)
        if differs(item.name, other.name, engine)
        and not (_is_after_column(item, engine) or _is_after_column(other, engine))
        and getattr(item, "is_index", None) == getattr(other, "is_index", None)
    ]


def differs(name: str | None, other: str | None, engine: str) -> bool:
    """Tell whether two names differ that people gave."""
    if not name or not other or name.lower() == other.lower():
        return False
    if _MADE_UP[engine].fullmatch(name) or _MADE_UP[engine].fullmatch(other):
        return False
    is_cut_off = min(len(name), len(other)) >= _LONGEST
    return not (is_cut_off and name[: _LONGEST - 9] == other[: _LONGEST - 9])


def _has_name(item: Constraint, others: Sequence[Constraint]) -> bool:
    return any(other.name == item.name for other in others)


def _is_after_column(item: Constraint, engine: str) -> bool:
    """MariaDB names what has no name after a column, with a number at most."""
    if engine != "mysql" or not item.name:
        return False
    if isinstance(item, Check):
        return f"`{item.name}`" in item.expression
    return re.fullmatch(rf"{re.escape(item.columns[0])}(?:_\d+)?", item.name) is not None
