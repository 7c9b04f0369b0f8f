"""Which backups are kept: the newest of each of the last days, weeks and months that have any."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from app.operations.backup.folder import time_of

_PERIODS: Final[tuple[tuple[int, Callable[[datetime], Any]], ...]] = (
    (7, lambda at: at.date()),
    (4, lambda at: at.isocalendar()[:2]),
    (12, lambda at: (at.year, at.month)),
)
"""How many days, weeks and months. Days without a backup do not count: who stops making backups
loses none."""


def choose_kept(names: Iterable[str], last_verified: str | None) -> set[str]:
    """Return the backups to keep.

    Args:
        names: Of all.
        last_verified: The one that was last known to restore, which is kept whatever its age.
    """
    newest_first = sorted(names, reverse=True)
    kept = {last_verified} & set(newest_first)
    for count, period in _PERIODS:
        newest: dict[Any, str] = {}
        for name in newest_first:
            newest.setdefault(period(time_of(name)), name)
        kept.update(list(newest.values())[:count])
    return {name for name in kept if name is not None}
