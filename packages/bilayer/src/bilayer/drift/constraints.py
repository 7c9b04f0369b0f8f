"""What stands beside the columns of a schema, as plain frozen data: keys, indexes, checks, objects.

Knows no database library. Part of ``snapshot``.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Unique:
    """A set of columns whose values are unique: a constraint or a plain unique index.

    Attributes:
        options: What the engine is told beyond the columns: ``NULLS NOT DISTINCT``,
            ``INCLUDE (...)``, ``DEFERRABLE``.
        is_index: It is dropped as an index; to what is unique that makes no difference.
        is_valid: Its index was built to the end.
    """

    columns: tuple[str, ...]
    name: str | None = None
    options: str = ""
    is_index: bool = dataclasses.field(default=False, compare=False)
    is_valid: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Index:
    """An index; ``definition`` is its columns, order, method and predicate as one text.

    Attributes:
        is_valid: It was built to the end.
    """

    definition: str
    columns: tuple[str, ...]
    name: str | None = None
    unique: bool = False
    is_valid: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; actions are upper case, the engine's own default is the empty text.

    Attributes:
        match: ``MATCH FULL`` where half a key is refused.
        is_valid: Every row was looked at (not ``NOT VALID``).
        is_enforced: The triggers that keep it are enabled.
    """

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    ondelete: str = ""
    onupdate: str = ""
    deferrable: str = ""
    name: str | None = None
    match: str = ""
    is_valid: bool = True
    is_enforced: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class LateKey:
    """A foreign key that is made behind the table it refers to, and not with its own ``table``."""

    table: str
    key: ForeignKey


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A check constraint; ``is_valid`` if every row was looked at (not ``NOT VALID``)."""

    expression: str
    name: str | None = None
    is_valid: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogObject:
    """What a catalog has besides tables: a view, trigger, sequence, schema, policy, ...

    Attributes:
        kind: What it is, in a word or two for messages.
        name: Its name, with the schema before a dot where it is not the default schema.
        definition: What it does, in one spelling.
        create: The statement that makes it.
        drop: The statement that takes it away.
        table: The table it belongs to, if it does to one.
        is_enabled: A trigger fires.
    """

    kind: str
    name: str
    definition: str
    create: str
    drop: str
    table: str | None = None
    is_enabled: bool = True
