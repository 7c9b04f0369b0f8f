"""What one source says of one table, as rows to set side by side. Writes no HTML.

An item has the text a reader sees and the keys by which it meets the same thing of another source:
a constraint is found by its meaning first, and by its name where the meaning differs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable, Iterator
from typing import Final

from bilayer.drift.compare.constraints import describe
from bilayer.drift.compare.spelling import canonical_expression, canonical_index
from bilayer.drift.constraints import CatalogObject, Check, ForeignKey, Index, Unique
from bilayer.drift.snapshot import UNSET_LENGTH, Column, Field, RuntimeTable, Table

COLUMNS: Final = "Columns"
KEY: Final = "Primary key"
UNIQUES: Final = "Unique"
LINKS: Final = "Foreign keys"
CHECKS: Final = "Checks"
INDEXES: Final = "Indexes"
OTHERS: Final = "Also"
TABLE: Final = "Table"
GROUPS: Final = (COLUMNS, KEY, UNIQUES, LINKS, CHECKS, INDEXES, OTHERS, TABLE)
UNSAID: Final = frozenset({CHECKS, INDEXES, OTHERS})
"""Of what PyDAL says nothing, so that a blank is no difference."""

_COLLATION: Final = re.compile(r" (?:CHARACTER SET|COLLATE) .*")
_WITH_LENGTH: Final = frozenset({"string", "password", "upload"})
_REFERENCE: Final = re.compile(r"(?:big-)?reference\s+([^\s.]+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One row's text in one source.

    Attributes:
        keys: What it is known by, the surest first.
        label: The head of its row.
        note: What is shown only where the sources do not agree on it.
        said: How findings write it down.
        name: The name findings call it by, if it has one.
        target: The table a foreign key points to.
        columns: The columns of a foreign key or a unique.
    """

    group: str
    label: str
    text: str
    keys: tuple[Hashable, ...]
    note: str = ""
    said: str = ""
    target: str | None = None
    columns: tuple[str, ...] = ()
    name: str = ""


def list_items(table: Table) -> Iterator[Item]:
    """List what a schema says of a table."""
    for column in table.columns:
        yield _column(column)
    if table.primary_key:
        yield _primary_key(table.primary_key)
    for unique in table.uniques:
        name = unique.name or _listed(unique.columns)
        keys = (("columns", frozenset(unique.columns)), ("name", name))
        yield _constraint(UNIQUES, unique, name, keys, unique.columns)
    for link in table.foreign_keys:
        yield _foreign_key(link)
    for check in table.checks:
        meaning = canonical_expression(check.expression)
        name = check.name or check.expression
        yield _constraint(CHECKS, check, name, (("check", meaning), ("name", name)))
    for index in table.indexes:
        meaning = canonical_index(index.definition)
        name = index.name or index.definition
        yield _constraint(INDEXES, index, name, (("index", meaning), ("name", name)))
    notes = (*table.options, table.comment or "")
    note = "; ".join(each for each in notes if each)
    yield Item(TABLE, "table", table.name, ("table",), note=note)


def list_object(found: CatalogObject) -> Item:
    """Write down a view, a trigger or what else a catalog holds."""
    off = "" if found.is_enabled else " (disabled)"
    text = f"{found.definition}{off}"
    keys = ((found.kind, found.name),)
    return Item(OTHERS, f"{found.kind} {found.name}", text, keys, name=found.name)


def list_fields(table: RuntimeTable) -> Iterator[Item]:
    """List what PyDAL says of a table."""
    for field in table.fields:
        yield Item(COLUMNS, field.column, _show_field(field), _names(COLUMNS, field.column))
    key = table.primary_key or ((table.id_field,) if table.id_field else ())
    if key:
        yield _primary_key(key)
    for field in table.fields:
        if field.unique:
            keys = (("columns", frozenset({field.column})),)
            yield Item(UNIQUES, _listed((field.column,)), "unique=True", keys)
        match = _REFERENCE.match(field.type)
        if match is not None:
            text = f"{field.type}, ondelete={field.ondelete or None!r}"
            columns = (field.column,)
            link = Item(LINKS, _listed(columns), text, (("columns", columns),))
            yield dataclasses.replace(link, target=match.group(1), columns=columns)
    name = "" if table.name == table.table else f", rname={table.rname or table.table!r}"
    yield Item(TABLE, "table", f"define_table({table.name!r}{name})", ("table",))


def _column(column: Column) -> Item:
    plain = _COLLATION.sub("", column.type.text)
    parts = [
        plain,
        "" if column.nullable else "NOT NULL",
        "" if column.default is None else f"DEFAULT {column.default}",
        "" if column.generated is None else f"GENERATED AS ({column.generated})",
        "numbered" if column.autoincrement else "",
        f"ON UPDATE {column.on_update}" if column.on_update else "",
        "INVISIBLE" if column.is_invisible else "",
    ]
    notes = (column.type.text[len(plain) :].strip(), column.numbering, column.comment or "")
    text = " ".join(part for part in parts if part)
    note = "; ".join(each for each in notes if each)
    return Item(COLUMNS, column.name, text, _names(COLUMNS, column.name), note=note)


def _show_field(field: Field) -> str:
    """Write a field as the source that defines it does, without what nobody wrote."""
    parts = [repr(field.type)]
    if field.type in _WITH_LENGTH and field.length != UNSET_LENGTH:
        parts.append(f"length={field.length}")
    parts += [word for word in ("notnull=True", "unique=True") if getattr(field, word[:-5])]
    if field.has_default:
        parts.append(f"default={field.default!r}" if field.default is not None else "default=…")
    if field.is_computed:
        parts.append("compute=…")
    if field.has_update:
        parts.append("update=…")
    if field.name != field.column:
        parts.insert(0, f"name {field.name!r}")
    return ", ".join(parts)


def _primary_key(columns: tuple[str, ...]) -> Item:
    return Item(KEY, "primary key", _listed(columns), ("primary key",), said=_listed(columns))


def _foreign_key(link: ForeignKey) -> Item:
    pairs = tuple(sorted(zip(link.columns, link.target_columns, strict=False)))
    keys = (
        ("link", link.target, pairs),
        ("name", link.name or ""),
        ("columns", link.columns),
    )
    item = _constraint(LINKS, link, _listed(link.columns), keys, link.columns)
    return dataclasses.replace(item, text=item.text.replace("-> ", "→ "), target=link.target)


def _constraint(
    group: str,
    constraint: Unique | Index | ForeignKey | Check,
    label: str,
    keys: tuple[Hashable, ...],
    columns: tuple[str, ...] = (),
) -> Item:
    said = describe(constraint)
    states = [
        "" if constraint.is_valid else "NOT VALID",
        "" if getattr(constraint, "is_enforced", True) else "not enforced",
    ]
    text = " ".join([said, *(state for state in states if state)])
    return Item(group, label, text, keys, said=said, columns=columns, name=constraint.name or "")


def _names(group: str, name: str) -> tuple[Hashable, ...]:
    """Know it by its name, and by its name in another case where nothing else has that."""
    return ((group, name), (group, "case", name.lower()))


def _listed(columns: tuple[str, ...]) -> str:
    return f"({', '.join(columns)})"
