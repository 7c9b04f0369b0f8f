"""Uniques and foreign keys of SQLite, of all tables at once.

The PRAGMAs tell them whole, and statements only their names and when they are checked. SQLAlchemy
asks for each table, and takes a key for another one where its statement is spelled unusually.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from bilayer.drift.readers.sqlite import (
    NAME,
    bare,
    enclosed,
    find_reference,
    list_definitions,
    mask,
    split,
)

_Key = tuple[str | None, str]
_DECLARED: Final = re.compile(
    r"(?:\bCONSTRAINT\s+(?P<name>\S+)\s+)?\b(?P<kind>UNIQUE|FOREIGN)(?:\s+KEY)?\s*(?=\()",
    re.IGNORECASE,
)
_DEFERRABLE: Final = re.compile(r"(?:NOT )?DEFERRABLE.*")


@dataclasses.dataclass(frozen=True, slots=True)
class _Declared:
    """A constraint that stands beside the columns; ``text`` is what follows those it names."""

    kind: str
    columns: tuple[str, ...]
    name: str | None
    text: str


def read_uniques(
    connection: sa.Connection, statements: Mapping[str, str]
) -> dict[_Key, list[dict[str, Any]]]:
    """Read every unique constraint, in the inspector's form."""
    rows = connection.exec_driver_sql(
        "SELECT t.name, l.name, x.name FROM sqlite_master t"
        " JOIN pragma_index_list(t.name, 'main') l JOIN pragma_index_xinfo(l.name, 'main') x"
        " WHERE t.type = 'table' AND l.origin = 'u' AND x.key = 1"
        " ORDER BY t.name, l.seq DESC, x.seqno"
    )
    found: dict[str, dict[str, list[str]]] = {}
    for table, index, column in rows:
        found.setdefault(table, {}).setdefault(index, []).append(column)
    uniques: dict[_Key, list[dict[str, Any]]] = {}
    for table, indexes in found.items():
        declared = _list_declared(statements.get(table, ""))
        names = {each.columns: each.name for each in declared if each.kind == "UNIQUE"}
        uniques[None, table] = [
            {"name": names.get(_lower(columns)), "column_names": columns}
            for columns in indexes.values()
        ]
    return uniques


def read_links(
    connection: sa.Connection, statements: Mapping[str, str], keys: Mapping[_Key, Any]
) -> dict[_Key, list[dict[str, Any]]]:
    """Read every foreign key, in the inspector's form, with what it says of when it is checked.

    Args:
        connection: To the database.
        statements: Those of its tables.
        keys: The primary keys, to which a foreign key leads that names no columns.
    """
    own = {table.lower(): info["constrained_columns"] for (_, table), info in keys.items()}
    rows = connection.exec_driver_sql(
        'SELECT t.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete'
        " FROM sqlite_master t JOIN pragma_foreign_key_list(t.name, 'main') f"
        " WHERE t.type = 'table' ORDER BY t.name, f.id DESC, f.seq"
    )
    found: dict[_Key, dict[int, dict[str, Any]]] = {}
    for table, number, target, column, target_column, on_update, on_delete in rows:
        link = found.setdefault((None, table), {}).setdefault(
            number,
            {
                "constrained_columns": [],
                "referred_table": target,
                "referred_columns": [] if target_column else list(own.get(target.lower(), ())),
                "options": {"onupdate": on_update, "ondelete": on_delete},
            },
        )
        link["constrained_columns"].append(column)
        link["referred_columns"] += [target_column] if target_column else []
    return {
        key: list(_name_links(links.values(), statements.get(key[1], "")))
        for key, links in found.items()
    }


def _name_links(links: Iterable[dict[str, Any]], statement: str) -> Iterator[dict[str, Any]]:
    """Add what only the statement tells: the name, and when the key is checked."""
    declared = {
        (each.columns, target): each
        for each in _list_declared(statement)
        if (target := _find_target(each.text))
    }
    for link in links:
        columns = _lower(link["constrained_columns"])
        each = declared.get((columns, link["referred_table"].lower()))
        if each is not None:
            text = re.sub(r"\s+", " ", mask(each.text)).upper()
        else:
            text = find_reference(statement, columns[0])
        told = _DEFERRABLE.search(text)
        yield link | {
            "name": each.name if each is not None else None,
            "definition": told.group() if told else "",
        }


def _list_declared(statement: str) -> list[_Declared]:
    """List the uniques and foreign keys that stand beside the columns."""
    found = []
    for definition in list_definitions(statement):
        masked = mask(definition)
        for match in _DECLARED.finditer(masked):
            inside = enclosed(definition, masked, match.end())
            columns = [bare(each.group(1)) for each in map(NAME.match, split(inside)) if each]
            end = definition.index(inside, match.end()) + len(inside)
            is_named = match.group("name") is not None
            name = bare(definition[slice(*match.span("name"))]) if is_named else None
            kind = match.group("kind").upper()
            found.append(_Declared(kind, _lower(columns), name, definition[end:]))
    return found


def _find_target(text: str) -> str:
    """Find the table a foreign key leads to, in small letters."""
    place = re.search(r"\bREFERENCES\b", mask(text), re.IGNORECASE)
    name = NAME.match(text, place.end()) if place else None
    return bare(name.group(1)).lower() if name else ""


def _lower(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)
