"""Keys, uniques, indexes, foreign keys and checks of one table, on two sides of one engine."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from bilayer.drift.compare.names import differs
from bilayer.drift.compare.spelling import canonical_expression, canonical_index
from bilayer.drift.compare.states import compare_states
from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.findings import Difference, Pair
from bilayer.drift.snapshot import Table

_T = TypeVar("_T", Unique, Index, ForeignKey, Check)


def compare_constraints(
    pair: Pair, words: tuple[str, str], engine: str, left: Table, right: Table
) -> Iterator[Difference]:
    """Yield the differences between the constraints and indexes of two tables."""
    yield from _compare_primary_keys(pair, engine, left, right)
    yield from _compare_foreign_keys(pair, words, engine, left, right)
    reshaped = _list_reshaped(left, right)
    for item, other in reshaped:
        yield _shape_differs(pair, left.name, item, other)
    seen = {item.name for item, _ in reshaped}
    place = (pair, words, engine, left.name)
    yield from _Matching(*place, "BL302", "unique constraint").compare(
        _without(left.uniques, seen), _without(right.uniques, seen), _unique_signature
    )
    automatic = _list_automatic(engine, left, right)
    lefts = [index for index in _without(left.indexes, seen) if index.columns not in automatic]
    rights = [index for index in _without(right.indexes, seen) if index.columns not in automatic]
    numbers = _number_twins(lefts, rights) | _number_twins(rights, lefts)
    yield from _Matching(*place, "BL303", "index").compare(
        lefts, rights, lambda index: (*_index_signature(index), numbers[id(index)])
    )
    yield from _Matching(*place, "BL305", "check constraint").compare(
        left.checks, right.checks, lambda check: canonical_expression(check.expression)
    )


def describe(item: Unique | Index | ForeignKey | Check) -> str:
    """Write a constraint or an index down for a message."""
    name = f"{item.name} " if item.name else ""
    if isinstance(item, Unique):
        return f"{name}({', '.join(item.columns)}) {item.options}".rstrip()
    if isinstance(item, Index):
        return f"{name}{item.definition}"
    if isinstance(item, Check):
        return f"{name}CHECK ({item.expression})"
    actions = f" ON DELETE {item.ondelete}" if item.ondelete else ""
    actions += f" ON UPDATE {item.onupdate}" if item.onupdate else ""
    actions += f" {item.deferrable}" if item.deferrable else ""
    actions += f" {item.match}" if item.match else ""
    targets = f"{item.target}({', '.join(item.target_columns)})"
    return f"({', '.join(item.columns)}) -> {targets}{actions}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Matching:
    """How one sort of constraint is matched and reported."""

    pair: Pair
    words: tuple[str, str]
    engine: str
    table: str
    code: str
    noun: str

    def compare(
        self, left: Sequence[_T], right: Sequence[_T], signature: Callable[[_T], Hashable]
    ) -> Iterator[Difference]:
        """Match by meaning first; what is left over matches by name."""
        same = _group(right, signature)
        for key, items in _group(left, signature).items():
            if key in same:
                yield from compare_states(self.pair, self.engine, self.table, items, same[key])
        lefts, rights = _unmatched(left, right, signature)
        named = {item.name: item for item in rights if item.name}
        for item in lefts:
            other = named.pop(item.name, None) if item.name else None
            if other is not None:
                rights.remove(other)
                yield self._differs(item, other)
            else:
                yield self._missing(item, 0)
        for item in rights:
            yield self._missing(item, 1)

    def _differs(self, item: _T, other: _T) -> Difference:
        message = f"{self.noun} {item.name} of {self.table} differs"
        return Difference(
            self.code, "warning", self.pair, message, self.table, _column(item),
            describe(item), describe(other), item, other=other,
        )  # fmt: skip

    def _missing(self, item: _T, side: int) -> Difference:
        first, second = self.words
        here, there = (first, second) if side == 0 else (second, first)
        message = f"{self.noun} {describe(item)} of {self.table} is in {here} and not in {there}"
        present, absent = describe(item), f"no {self.noun}"
        left, right = (present, absent) if side == 0 else (absent, present)
        return Difference(
            self.code, "warning", self.pair, message, self.table, _column(item),
            left, right, item,
        )  # fmt: skip


def _column(item: Unique | Index | ForeignKey | Check) -> str | None:
    """Name the column a constraint belongs to, if it is a single one."""
    columns: tuple[str, ...] = () if isinstance(item, Check) else item.columns
    return columns[0] if len(columns) == 1 else None


def _group(items: Iterable[_T], signature: Callable[[_T], Hashable]) -> dict[Hashable, list[_T]]:
    groups: dict[Hashable, list[_T]] = collections.defaultdict(list)
    for item in items:
        groups[signature(item)].append(item)
    return dict(groups)


def _unmatched(
    left: Sequence[_T], right: Sequence[_T], signature: Callable[[_T], Hashable]
) -> tuple[list[_T], list[_T]]:
    wanted = {signature(item) for item in left}
    known = {signature(item) for item in right}
    return (
        [item for item in left if signature(item) not in known],
        [item for item in right if signature(item) not in wanted],
    )


def _list_reshaped(left: Table, right: Table) -> list[tuple[Unique | Index, Unique | Index]]:
    """List what has one name on both sides and is unique for all rows on one of them only."""
    lefts, rights = _unmatched(left.uniques, right.uniques, _unique_signature)
    plain = {index.name: index for index in right.indexes if index.name}
    before = {index.name: index for index in left.indexes if index.name}
    return [
        *((unique, plain[unique.name]) for unique in lefts if unique.name in plain),
        *((before[unique.name], unique) for unique in rights if unique.name in before),
    ]


def _shape_differs(
    pair: Pair, table: str, item: Unique | Index, other: Unique | Index
) -> Difference:
    message = f"{item.name} of {table} keeps all rows unique on one side only"
    return Difference(
        "BL302", "warning", pair, message, table, _column(item),
        describe(item), describe(other), item, other=other,
    )  # fmt: skip


def _without(items: Sequence[_T], names: set[str | None]) -> list[_T]:
    return [item for item in items if item.name is None or item.name not in names]


def _unique_signature(unique: Unique) -> tuple[frozenset[str], str]:
    return frozenset(unique.columns), unique.options


def _index_signature(index: Index) -> tuple[bool, str]:
    return index.unique, canonical_index(index.definition)


def _number_twins(indexes: Sequence[Index], others: Sequence[Index]) -> dict[int, int]:
    """Number indexes that do the same, those first whose name both sides have."""
    names = {other.name for other in others}
    count: collections.Counter[Hashable] = collections.Counter()
    numbers = {}
    for index in sorted(indexes, key=lambda index: index.name not in names):
        numbers[id(index)] = count[_index_signature(index)]
        count[_index_signature(index)] += 1
    return numbers


def _list_automatic(engine: str, left: Table, right: Table) -> set[tuple[str, ...]]:
    """List the columns that InnoDB indexes for foreign keys by itself, and keeps indexed."""
    if engine != "mysql":
        return set()
    return {link.columns for link in (*left.foreign_keys, *right.foreign_keys)}


def _compare_primary_keys(
    pair: Pair, engine: str, left: Table, right: Table
) -> Iterator[Difference]:
    if left.primary_key == right.primary_key:
        if differs(left.key_name, right.key_name, engine):
            yield Difference(
                "BL310", "info", pair, f"the primary key of {left.name} has another name",
                left.name, left=left.key_name, right=right.key_name, item=left, other=right,
            )  # fmt: skip
        return
    message = f"the primary key of {left.name} differs"
    yield Difference(
        "BL301", "error", pair, message, left.name,
        left=_show_key(left.primary_key), right=_show_key(right.primary_key),
        item=left, other=right,
    )  # fmt: skip


def _show_key(columns: tuple[str, ...]) -> str:
    return f"({', '.join(columns)})" if columns else "no primary key"


def _compare_foreign_keys(
    pair: Pair, words: tuple[str, str], engine: str, left: Table, right: Table
) -> Iterator[Difference]:
    rights = {_link_signature(link): link for link in right.foreign_keys}
    lefts = {_link_signature(link): link for link in left.foreign_keys}
    for signature, link in lefts.items():
        other = rights.get(signature)
        if other is not None and _actions(link, engine) != _actions(other, engine):
            yield _action_differs(pair, left.name, link, other)
    matching = _Matching(pair, words, engine, left.name, "BL304", "foreign key")
    yield from matching.compare(left.foreign_keys, right.foreign_keys, _link_signature)


def _link_signature(link: ForeignKey) -> Any:
    """Pairs of columns, because their order in the declaration means nothing."""
    pairs = tuple(sorted(zip(link.columns, link.target_columns, strict=False)))
    return link.target, pairs or link.columns


def _actions(link: ForeignKey, engine: str) -> tuple[str, ...]:
    if engine != "mysql":
        return link.ondelete, link.onupdate, link.deferrable, link.match
    # InnoDB checks at once, so RESTRICT is what it does when told nothing.
    same = {"RESTRICT": ""}
    return same.get(link.ondelete, link.ondelete), same.get(link.onupdate, link.onupdate)


def _action_differs(pair: Pair, table: str, link: ForeignKey, other: ForeignKey) -> Difference:
    message = f"the foreign key of {table} to {link.target} acts differently"
    return Difference(
        "BL306", "warning", pair, message, table, _column(link),
        describe(link), describe(other), link, other=other,
    )  # fmt: skip
