"""What PyDAL code calls tables and columns, and what it may call them.

Makes text only. Knows nothing of types or of what differs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import pydal

from bilayer.drift.compare.setup import RESERVED
from bilayer.drift.schemas import read_name
from bilayer.drift.snapshot import Field, RuntimeTable

_FOREIGN: Final = frozenset({"postgresql", "mysql"})
_RNAME: Final = re.compile(r"""(?:, )?\brname=(['"])((?:(?!\1).)*)\1""")


def write_name(name: str) -> str:
    """Write a name PyDAL takes for a field."""
    return _adapt(name, _is_taken, "field")


def write_table_name(name: str) -> str:
    """Write a name PyDAL takes for a table."""
    return _adapt(name, _is_taken_for_table, "table")


def write_names(names: Iterable[str], write: Callable[[str], str]) -> dict[str, str]:
    """Write the name of each by itself; where two become one, later ones get a number.

    Names that need no change keep what they are. PyDAL tells no case apart.
    """
    written: dict[str, str] = {}
    ordered = sorted(names, key=lambda name: write(name) != name)
    for name in ordered:
        wanted, number = write(name), 2
        taken = {each.lower() for each in written.values()}
        numbered = wanted
        while numbered.lower() in taken:
            numbered, number = f"{wanted}_{number}", number + 1
        written[name] = numbered
    return written


def _adapt(name: str, is_taken: Callable[[str], bool], otherwise: str) -> str:
    if is_taken(name):
        return name
    bare = re.sub(r"[^A-Za-z0-9_]", "_", name).lstrip("_0123456789") or otherwise
    return bare if is_taken(bare) else f"{bare}_"


def _is_taken(name: str) -> bool:
    return _can_define("rows", name)


def _is_taken_for_table(name: str) -> bool:
    return _can_define(name, "id")


def _can_define(table: str, field: str) -> bool:
    db = pydal.DAL(None)
    try:
        db.define_table(table, pydal.Field(field, "integer"), primarykey=[field])
    except SyntaxError:
        return False
    finally:
        db.close()
    return True


def write_rname(names: Sequence[str], engine: str) -> str:
    """Write the argument that names a column or table; a schema stands first.

    A name that no engine changes or reserves needs no quotes, and so serves all of them.
    """
    if all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in RESERVED for name in names):
        return f'rname="{".".join(names)}"'
    mark = "`" if engine == "mysql" else '"'
    quoted = ".".join(f"{mark}{name.replace(mark, mark * 2)}{mark}" for name in names)
    return f"rname={quoted!r}"


def without_quotes(fix: str, engines: Iterable[str]) -> tuple[str, str | None]:
    """Leave out of a fix what names in quotes, where engines quote in ways that exclude each other.

    PostgreSQL takes MariaDB's quotes for something else, and the other way round; PyDAL quotes its
    own names, as each wants.

    Returns:
        What is left, and the first name that was left out.
    """
    quoted = [found for found in _RNAME.finditer(fix) if re.search(r'["`]', found.group(2))]
    if not quoted or not _FOREIGN.issubset(engines):
        return fix, None
    return _RNAME.sub("", fix), read_name(quoted[0].group(2), "", "")


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """What PyDAL code calls tables and columns.

    Attributes:
        by_table: The PyDAL tables by their names in the database.
        defined: The one that is to be mended, if it is there.
    """

    by_table: Mapping[str, RuntimeTable]
    defined: RuntimeTable | None

    @classmethod
    def of(cls, by_table: Mapping[str, RuntimeTable], table: str | None) -> Names:
        """Find the table that is to be mended, by the case of its letters or without."""
        alike = (each for name, each in by_table.items() if name.lower() == (table or "").lower())
        return cls(by_table, by_table.get(table or "") or next(alike, None))

    def write_key(self, columns: Sequence[str]) -> str:
        """Write the argument that names the key."""
        keys = ", ".join(f'"{self._name(column)}"' for column in columns)
        return f"primarykey=[{keys}],"

    def table(self, name: str) -> str:
        """Give the name of a table that may be behind ``rname``."""
        return self.by_table[name].name if name in self.by_table else name

    def field(self, column: str) -> Field | None:
        """Find the field that stands for a column, by the case of its letters or without."""
        fields = self.defined.fields if self.defined else ()
        alike = (field for field in fields if field.column.lower() == column.lower())
        return (self.defined.field(column) if self.defined else None) or next(alike, None)

    def _name(self, column: str) -> str:
        field = self.field(column)
        return field.name if field else write_name(column)
