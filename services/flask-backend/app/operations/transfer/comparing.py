"""Two databases compared row by row, down to microseconds and what documents hold.

Both are read once, in the order of their keys; neither is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from app.operations.transfer.documents import find_difference
from app.operations.transfer.news import ROWS_BETWEEN_NEWS, News
from bilayer.runtime import Database
from bilayer.runtime.verbatim import Values, VerbatimTable

SECRETS: Final = ("password_hash", "refresh_hash", "token_hash")
"""Columns of which it is told that they differ, and not what they hold."""
SHOWN: Final = 50
"""Differences that are told one by one if nobody says how many."""

_ROW: Final = "a row"
_SECRET: Final = ("a secret", "another one")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        table: The name of the table.
        key: The row's, as people read it.
        column: The name of the column, with the path inside of a document; None if the whole row
            is in one of the two only.
        here: The value in FROM; None where it has nothing.
        there: The same of TO.
    """

    table: str
    key: str
    column: str | None
    here: str | None
    there: str | None


@dataclass(slots=True)
class Counts:
    """How many rows of a table each of the two has, and how many of them differ."""

    here: int = 0
    there: int = 0
    differing: int = 0


@dataclass(slots=True)
class Comparison:
    """What came of it.

    Attributes:
        tables: The counts of each table.
        differences: The first ones.
        is_cut: There are more than those.
    """

    tables: dict[str, Counts] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    is_cut: bool = False

    @property
    def differing(self) -> int:
        """How many rows differ, or are in one of the two only."""
        return sum(counts.differing for counts in self.tables.values())

    def keep(self, found: list[Difference], shown: int) -> None:
        """Keep differences as long as there are no more than are shown."""
        room = shown - len(self.differences)
        self.differences += found[:room]
        self.is_cut = self.is_cut or len(found) > room


def compare_tables(
    source: Database, target: Database, news: News, *, shown: int = SHOWN
) -> Comparison:
    """Compare every table.

    Args:
        source: The one database.
        target: The other.
        news: Is told how far it is.
        shown: How many differences are kept; all are counted.
    """
    comparison = Comparison()
    with (
        source.transaction("REPEATABLE READ", readonly=True),
        target.transaction("REPEATABLE READ", readonly=True),
    ):
        pairs = [
            (VerbatimTable(source, name), VerbatimTable(target, name)) for name in source.dal.tables
        ]
        news.begin(sum(here.count() for here, _ in pairs))
        for here, there in pairs:
            _compare_table(here, there, comparison, news, shown)
    return comparison


def _compare_table(
    here: VerbatimTable, there: VerbatimTable, comparison: Comparison, news: News, shown: int
) -> None:
    counts = comparison.tables[here.name] = Counts()
    for left, right in _pairs(here, there):
        counts.here += left is not None
        counts.there += right is not None
        if left is not None and counts.here % ROWS_BETWEEN_NEWS == 0:
            news.advance(here.name, ROWS_BETWEEN_NEWS)
        found = _differences(here, left, right)
        counts.differing += bool(found)
        comparison.keep(found, shown)
    news.advance(here.name, counts.here % ROWS_BETWEEN_NEWS)


def _pairs(
    here: VerbatimTable, there: VerbatimTable
) -> Iterator[tuple[Values | None, Values | None]]:
    """Yield the rows of each key, None where one of the two has none."""
    lefts, rights = here.rows(), there.rows()
    left, right = next(lefts, None), next(rights, None)
    while left is not None or right is not None:
        ahead = _ahead(here, left, right)
        yield (None if ahead > 0 else left), (None if ahead < 0 else right)
        if ahead <= 0:
            left = next(lefts, None)
        if ahead >= 0:
            right = next(rights, None)


def _ahead(table: VerbatimTable, left: Values | None, right: Values | None) -> int:
    """Tell which of two rows comes first: -1 the left one, 1 the right one, 0 neither."""
    if left is None or right is None:
        return 1 if left is None else -1
    one, other = table.key_of(left), table.key_of(right)
    return 0 if one == other else -1 if one < other else 1


def _differences(
    table: VerbatimTable, left: Values | None, right: Values | None
) -> list[Difference]:
    if left is None or right is None:
        row: Values = left or right or []
        here, there = (None, _ROW) if left is None else (_ROW, None)
        return [Difference(table.name, table.spell_key(table.key_of(row)), None, here, there)]
    key = table.spell_key(table.key_of(left))
    found = []
    for at, (column, one, other) in enumerate(zip(table.columns, left, right, strict=True)):
        difference = find_difference(one, other, is_document=at in table.documents)
        if difference is not None:
            path, *values = ("", *_SECRET) if column in SECRETS else difference
            found.append(Difference(table.name, key, f"{column}{path}", *values))
    return found
