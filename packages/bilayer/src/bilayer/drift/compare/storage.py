"""How one table is stored and guarded, on two sides of one engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bilayer.drift.findings import Difference, Pair
from bilayer.drift.snapshot import Table

Collations = tuple[str | None, str | None]
"""How the two databases compare text where nobody says it."""

_COLLATE: Final = "COLLATE="
_SECURITY: Final = "ROW LEVEL SECURITY"


def same_collation(left: str | None, right: str | None, usual: Collations) -> bool:
    """Tell whether two collations are one, or each the usual one of its database."""
    return left == right or (left, right) == usual


def compare_storage(
    pair: Pair, left: Table, right: Table, usual: Collations
) -> Iterator[Difference]:
    """Yield one difference for storage, and one for row level security."""
    lefts, rights = set(left.options), set(right.options)
    if same_collation(_collation(left), _collation(right), usual):
        lefts = {each for each in lefts if not each.startswith(_COLLATE)}
        rights = {each for each in rights if not each.startswith(_COLLATE)}
    lefts, rights = lefts - rights, rights - lefts
    yield from _compare(pair, "BL219", left, _storage(lefts), _storage(rights))
    yield from _compare(pair, "BL220", left, lefts - _storage(lefts), rights - _storage(rights))


def _compare(
    pair: Pair, code: str, table: Table, left: set[str], right: set[str]
) -> Iterator[Difference]:
    if not (left or right):
        return
    what = "row level security" if code == "BL220" else "the storage"
    sides = [", ".join(sorted(options)) or "not so" for options in (left, right)]
    message = f"{what} of table {table.name} differs"
    yield Difference(
        code, "warning", pair, message, table.name, left=sides[0], right=sides[1], item=table
    )


def _storage(options: set[str]) -> set[str]:
    return {each for each in options if not each.endswith(_SECURITY)}


def _collation(table: Table) -> str | None:
    return next(
        (each.removeprefix(_COLLATE) for each in table.options if each.startswith(_COLLATE)), None
    )
