"""Which tables the audit log follows, each declared in its runtime twin. Sends nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from bilayer.runtime import DAL


@dataclass(frozen=True, slots=True)
class Audited:
    """How a table is audited.

    Attributes:
        name: The table's.
        owner: The column that says whose a row is; None: nobody's.
        key: The columns that tell rows of one owner apart; the owner's where there is one row.
        hidden: Columns whose values are never recorded.
        chosen: A column, and the words there for which an insert is recorded; None: every change.
    """

    name: str
    owner: str | None
    key: tuple[str, ...]
    hidden: frozenset[str]
    chosen: tuple[str, frozenset[str]] | None = None


def audit(
    table: Any,
    *,
    owner: str | None = None,
    hidden: Collection[str] = (),
    chosen: tuple[str, Collection[str]] | None = None,
) -> None:
    """Let the audit log have every change of a table.

    Args:
        table: The table, just defined.
        owner: The column that says whose a row is, if it is not ``user_id``.
        hidden: Columns whose values must never be there: secrets, and what they are checked by.
        chosen: A column, and the words there for which an insert is recorded, and nothing else:
            of a table whose rows are only ever added, all columns given, and most are no news.

    Raises:
        ValueError: A hidden column does not exist.
    """
    if unknown := set(hidden) - set(table.fields):
        raise ValueError(f"{table._tablename} has no column {', '.join(sorted(unknown))}")
    owner = owner or ("user_id" if "user_id" in table.fields else None)
    others = tuple(name for name in table._primarykey if name != owner)
    table.audited = Audited(
        table._tablename,
        owner=owner,
        key=others or (str(owner),),
        hidden=frozenset(hidden),
        chosen=chosen and (chosen[0], frozenset(map(str, chosen[1]))),
    )


def audited_tables(db: DAL) -> dict[str, Audited]:
    """Give every table that is audited, by its name, in the order of the names."""
    found = {table: getattr(db[table], "audited", None) for table in sorted(db.tables)}
    return {name: audited for name, audited in found.items() if isinstance(audited, Audited)}
