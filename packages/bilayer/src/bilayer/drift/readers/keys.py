"""An inspector's words for uniques, indexes, foreign keys and checks, as a snapshot's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import InvalidRequestError

from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.readers.catalogs import Named
from bilayer.drift.schemas import join_name

_UNIQUE_OPTION: Final = re.compile(
    r"NULLS NOT DISTINCT|INCLUDE \([^)]*\)|DEFERRABLE(?: INITIALLY DEFERRED)?|IGNORED"
)
_SET_COLUMNS: Final = re.compile(r"ON DELETE (SET (?:NULL|DEFAULT) \([^)]*\))")
_DEFERRABLE: Final = re.compile(r"(?<!NOT )\bDEFERRABLE( INITIALLY DEFERRED)?")
_NOT_VALID: Final = " NOT VALID"


def read_indexes(
    table: str,
    uniques: Iterable[Any],
    indexes: Iterable[Any],
    definitions: Mapping[Named, str],
    invalid: frozenset[Named],
) -> tuple[tuple[Unique, ...], tuple[Index, ...]]:
    """Put uniques and indexes together; a plain unique index is a unique in all but name.

    Args:
        table: The name of the table.
        uniques: The unique constraints, in the inspector's form.
        indexes: The indexes, in the inspector's form.
        definitions: The text of both, by table and name.
        invalid: What was not built to the end.
    """
    found: dict[tuple[tuple[str, ...], str], Unique] = {}
    others: list[Index] = []
    for info in uniques:
        columns, name = tuple(info["column_names"]), info.get("name")
        options = _unique_options(definitions.get((table, name or ""), ""), columns)
        found[columns, options] = Unique(columns, name, options)
    for info in indexes:
        if info.get("duplicates_constraint"):
            continue
        index = _read_index(table, info, definitions, invalid)
        if index.unique and _is_plain(info, index):
            options = _unique_options(index.definition, index.columns)
            unique = Unique(
                index.columns, index.name, options, is_index=True, is_valid=index.is_valid
            )
            found.setdefault((index.columns, options), unique)
        else:
            others.append(index)
    return tuple(found.values()), tuple(others)


def _read_index(
    table: str, info: Any, definitions: Mapping[Named, str], invalid: frozenset[Named]
) -> Index:
    parts = info.get("expressions") or info["column_names"]
    included = info.get("include_columns") or ()
    columns = tuple(name for name in info["column_names"] if name and name not in included)
    definition = info.get("definition") or definitions.get((table, info["name"]))
    definition = definition or ", ".join(map(str, parts))
    is_valid = (table, info["name"]) not in invalid
    return Index(definition, columns, info["name"], bool(info["unique"]), is_valid)


def _is_plain(info: Any, index: Index) -> bool:
    """Tell a unique index over whole columns of all rows, which is a constraint in all but name."""
    has_expression = bool(info.get("expressions")) or None in info["column_names"]
    is_partial = info.get("is_partial", " WHERE " in index.definition)
    return not has_expression and not is_partial


def _unique_options(definition: str, columns: tuple[str, ...]) -> str:
    """Keep what an engine says of a unique constraint or index beyond its columns."""
    found = _UNIQUE_OPTION.findall(definition)
    bare = re.sub(r'["`]', "", definition.partition("(")[2].partition(")")[0]).lower()
    is_unusual = bare.replace(" asc", "").split(", ") != [name.lower() for name in columns]
    if is_unusual and definition:
        # A prefix, an operator class, a collation or an order.
        found.append(definition[definition.index("(") :].partition(" WITH ")[0])
    return " ".join(sorted({re.sub(r"\s+", " ", option) for option in found}))


def read_foreign_key(info: Any, definition: str, *, is_enforced: bool) -> ForeignKey:
    """Read a foreign key; ``definition`` is what the catalog itself says, where it does."""
    options = info.get("options") or {}
    target = join_name(info.get("referred_schema"), info["referred_table"])
    told = _DEFERRABLE.search(definition)
    is_deferrable = bool(options.get("deferrable") or told)
    is_deferred = (options.get("initially") or "").upper() == "DEFERRED" or bool(
        told and told.group(1)
    )
    deferrable = "DEFERRABLE" if is_deferrable else ""
    if is_deferrable and is_deferred:
        deferrable += " INITIALLY DEFERRED"
    some = _SET_COLUMNS.search(definition)
    return ForeignKey(
        columns=tuple(info["constrained_columns"]),
        target=target,
        target_columns=tuple(info["referred_columns"]),
        ondelete=some.group(1) if some else _action(options.get("ondelete")),
        onupdate=_action(options.get("onupdate")),
        deferrable=deferrable,
        name=info.get("name"),
        match="MATCH FULL" if " MATCH FULL" in definition else "",
        is_valid=not definition.endswith(_NOT_VALID),
        is_enforced=is_enforced,
    )


def read_target(link: sa.ForeignKey) -> tuple[str, str, str]:
    """Tell schema, table and column a key of the models leads to, without looking for them."""
    default = link.parent.table.metadata.schema or ""
    try:
        table, _, column = link.target_fullname.rpartition(".")
    except InvalidRequestError:
        # A dot in the table's own name, which SQLAlchemy 2.1 tells apart and older ones do not.
        tokens = link.target_tokens
        return tokens[0] or default, tokens[1], tokens[2] or ""
    schema, _, name = table.rpartition(".")
    return schema or default, name, column


def _action(action: str | None) -> str:
    """Leave out NO ACTION, which is what every engine does when told nothing."""
    return "" if not action or action.upper() == "NO ACTION" else action.upper()


def read_check(info: Any, definition: str) -> Check:
    """Read a check; ``definition`` as for a foreign key."""
    text = info["sqltext"] + (" NO INHERIT" if " NO INHERIT" in definition else "")
    return Check(text, info.get("name"), is_valid=not definition.endswith(_NOT_VALID))
