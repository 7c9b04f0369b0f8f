"""What a source says a schema is, as plain frozen data. Knows no database library.

``Schema`` is what models, migrations and databases say; ``Runtime`` is what PyDAL says. They are
two forms on purpose: PyDAL declares how values travel, not what the database is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final

from bilayer.drift.constraints import CatalogObject, Check, ForeignKey, Index, Unique

UNSET_LENGTH: Final = 512
"""PyDAL's length of a field nobody gave a length; indistinguishable from a written 512."""


@dataclasses.dataclass(frozen=True, slots=True)
class Type:
    """A column type: what it means, and the details that are compared one by one.

    Attributes:
        family: What values the column holds: boolean, integer, float, numeric, string, text,
            enum, date, time, datetime, interval, uuid, json, binary, bit, array or unknown.
        text: The type as its source writes it, for messages.
        stored: The family of the physical column where it differs (a UUID kept as text).
        bits: Width of an integer (16, 32, 64) or a float (32, 64).
        fraction: Digits of a second that are kept, where the engine limits them.
        item: The family of an array's elements.
        native: The type as a catalog spells it, where only that tells two types apart.
    """

    family: str
    text: str
    stored: str = ""
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    bits: int | None = None
    timezone: bool = False
    unsigned: bool = False
    fraction: int | None = None
    collation: str | None = None
    values: tuple[str, ...] = ()
    item: str = ""
    native: str = ""

    @property
    def physical(self) -> str:
        """The family of the column as the engine sees it."""
        return self.stored or self.family


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of a schema.

    Attributes:
        default: The server default as text, in the engine's spelling if it comes from a catalog.
        autoincrement: The engine numbers new rows (serial, identity, AUTO_INCREMENT, rowid).
        is_always_numbered: An insert that gives the number fails (GENERATED ALWAYS AS IDENTITY).
        is_persisted: A generated column is stored rather than computed when read.
        on_update: What the engine itself puts in on an update (MariaDB's ON UPDATE).
        numbering: How the engine numbers, where it is told: step, start, limits, sequence.
        is_invisible: ``SELECT *`` and an insert without names leave the column out.
        python_default: SQLAlchemy fills the column in Python, on insert.
        python_onupdate: SQLAlchemy fills the column in Python, on update.
        python_constant: What it fills in, as Python source, where that is a constant.
        checked_words: The words a check allows; none if no check lists words.
    """

    name: str
    type: Type
    nullable: bool = True
    default: str | None = None
    autoincrement: bool = False
    generated: str | None = None
    comment: str | None = None
    python_default: bool = False
    python_onupdate: bool = False
    is_always_numbered: bool = False
    is_persisted: bool = False
    on_update: str = ""
    numbering: str = ""
    is_invisible: bool = False
    python_constant: str | None = None
    checked_words: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What an enum and the checks of its table both take; none if neither lists words."""
        declared = self.type.values if self.type.family == "enum" else ()
        if not (declared and self.checked_words):
            return declared or self.checked_words
        return tuple(word for word in declared if word in self.checked_words)

    @property
    def is_filled_by_engine(self) -> bool:
        """An insert that leaves the column out succeeds."""
        return (
            self.nullable
            or self.autoincrement
            or self.default is not None
            or self.generated is not None
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table; ``name`` has the schema before a dot where it is not the default schema.

    Attributes:
        key_name: The name of the primary key, where the engine keeps one.
        options: How the table is stored and guarded, in the engine's words.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    uniques: tuple[Unique, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    comment: str | None = None
    key_name: str | None = None
    options: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """Find a column by its exact name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Schema:
    """All tables of one source, on one engine.

    Attributes:
        objects: What stands beside the tables, where a catalog was read.
        collation: How text compares where nobody says it, where that is told of each column.
        unseen: The kinds of objects that whoever read the catalog may not see.
    """

    engine: str
    tables: Mapping[str, Table]
    objects: tuple[CatalogObject, ...] = ()
    collation: str | None = None
    unseen: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables.values())


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A file and a line in it."""

    path: str
    line: int


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A PyDAL field.

    Attributes:
        name: The name PyDAL code uses; ``column``: the one in the database (``rname`` unquoted).
        type: PyDAL's type text, for example ``decimal(10,2)`` or ``reference users``.
        default: The constant default as text; ``None`` if there is none or it is a callable.
        has_default: PyDAL fills the field if an insert (``has_update``: an update) leaves it out.
        is_computed: PyDAL fills it from other fields; an insert that leaves these out leaves it.
        words: The words its validator allows (IS_IN_SET); ``None`` if it names none.
        has_own_words: A validator may allow some words only, whether it names them or not:
            IS_IN_SET, IS_MATCH, a function.
        is_form_checked: A validator sees to the form of texts (IS_IPADDRESS, IS_MATCH).
    """

    name: str
    column: str
    type: str
    length: int | None = None
    notnull: bool = False
    unique: bool = False
    default: str | None = None
    has_default: bool = False
    has_update: bool = False
    is_computed: bool = False
    ondelete: str = ""
    rname: str | None = None
    words: tuple[str, ...] | None = None
    has_own_words: bool = False
    is_form_checked: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class RuntimeTable:
    """A PyDAL table; ``table`` is its name in the database, ``name`` the one PyDAL code uses.

    ``dropped_id`` is the type of a field called id that PyDAL dropped for its own.
    """

    name: str
    table: str
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...] = ()
    id_field: str | None = None
    is_migrated: bool = False
    rname: str | None = None
    place: Place | None = None
    dropped_id: str | None = None

    def field(self, column: str) -> Field | None:
        """Find the field of a database column."""
        return next((field for field in self.fields if field.column == column), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A definition PyDAL refused or overwrote, and what it said."""

    table: str
    reason: str
    place: Place | None = None
    is_duplicate: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """All PyDAL tables, and the adapter their values travel through.

    Attributes:
        adapter: ``native`` (bilayer's own), or a stock adapter: ``sqlite``, ``postgres``,
            ``postgres2``, ``postgres3``, ``mysql``.
    """

    adapter: str
    tables: Mapping[str, RuntimeTable]
    refusals: tuple[Refusal, ...] = ()

    def by_table(self) -> dict[str, RuntimeTable]:
        """Map database table names to PyDAL tables."""
        return {table.table: table for table in self.tables.values()}
