"""The operations that mend constraints and indexes: drop what is wrong, make what is right.

Makes operations; ``operations`` writes them as text.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.findings import Difference
from bilayer.drift.operations.wishes import execute

CHILDLESS: Final = " NO INHERIT"


def write_constraint(
    difference: Difference, table: sa.Table | None, name: str, schema: str | None
) -> list[ops.MigrateOperation]:
    """Drop what the right side has, then make what the left side has."""
    item = difference.item
    if (difference.left or "").startswith("no "):
        return write_dropped(item, name, schema)
    found = find_made(item, table) if table is not None else None
    dropped = write_dropped(difference.other, name, schema) if difference.other is not None else []
    # What has no name cannot be dropped, and must not be made twice.
    if table is None or found is None or (difference.other is not None and not dropped):
        return []
    return [*dropped, _make(found, item, table)]


def write_dropped(item: Any, name: str, schema: str | None) -> list[ops.MigrateOperation]:
    """Drop a constraint or an index."""
    if item.name is None:
        return _drop_unnamed(item, name, schema)
    if isinstance(item, Index) or (isinstance(item, Unique) and item.is_index):
        return [ops.DropIndexOp(item.name, name, schema=schema)]
    kind = {Unique: "unique", ForeignKey: "foreignkey", Check: "check"}[type(item)]
    return [ops.DropConstraintOp(item.name, name, type_=kind, schema=schema)]


def write_made(item: Any, table: sa.Table) -> ops.MigrateOperation | None:
    """Make what a snapshot was made from, if the table has it."""
    found = find_made(item, table)
    return None if found is None else _make(found, item, table)


def _make(found: sa.Constraint | sa.Index, item: Any, table: sa.Table) -> ops.MigrateOperation:
    if isinstance(item, Check) and is_childless(item):
        # SQLAlchemy has no word for it; only PostgreSQL has it.
        quote = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # as is
        name = f"CONSTRAINT {quote.quote(item.name)} " if item.name else ""
        check = f"CHECK ({item.expression.removesuffix(CHILDLESS)}){CHILDLESS}"
        return execute(f"ALTER TABLE {quote.format_table(table)} ADD {name}{check}")
    return _create(found, table.name, item.name)


def is_childless(check: Check) -> bool:
    """Tell whether a check does not hold for the tables that inherit from its own."""
    return check.expression.endswith(CHILDLESS)


def _drop_unnamed(item: Any, table: str, schema: str | None) -> list[ops.MigrateOperation]:
    """Drop by the name that it gets where it is made, or in a copy of SQLite's."""
    kinds = {Unique: ("uq", "unique"), ForeignKey: ("fk", "foreignkey")}
    prefix, kind = kinds.get(type(item), (None, None))
    if prefix is None:
        return []
    name = "_".join([prefix, table, *item.columns])
    return [ops.DropConstraintOp(name, table, type_=kind, schema=schema)]


def _create(found: sa.Constraint | sa.Index, table: str, name: str | None) -> ops.MigrateOperation:
    if isinstance(found, sa.Index):
        return ops.CreateIndexOp.from_index(found)
    operation: Any = ops.AddConstraintOp.from_constraint(found)
    if operation.constraint_name is None:
        # SQLite's batch mode needs a name, and so does whoever drops the constraint one day; the
        # engine's own is the one that the models would get.
        columns = [column.name for column in getattr(found, "columns", ())]
        made_up = "_".join([_PREFIXES[type(found)], table, *columns])
        operation.constraint_name = name or made_up
    created: ops.MigrateOperation = operation
    return created


_PREFIXES: Final[dict[type[Any], str]] = {
    sa.UniqueConstraint: "uq",
    sa.ForeignKeyConstraint: "fk",
    sa.CheckConstraint: "ck",
}


def find_made(item: Any, table: sa.Table) -> sa.Constraint | sa.Index | None:
    """Find the object a snapshot was made from: by name, or else by its columns."""
    candidates: list[sa.Constraint | sa.Index] = [
        *(constraint for constraint in table.constraints if _is_alike(item, constraint)),
        *(index for index in table.indexes if isinstance(item, Index | Unique)),
    ]
    named = [each for each in candidates if item.name and str(each.name) == item.name]
    columns = set(getattr(item, "columns", ()))
    same = [each for each in candidates if columns and _columns(each) == columns]
    return next(iter([*named, *same]), None)


def _is_alike(item: Any, constraint: sa.Constraint) -> bool:
    kinds: dict[type[Any], type[sa.Constraint]] = {
        Unique: sa.UniqueConstraint,
        ForeignKey: sa.ForeignKeyConstraint,
        Check: sa.CheckConstraint,
    }
    kind = kinds.get(type(item))
    return kind is not None and isinstance(constraint, kind)


def _columns(item: sa.Constraint | sa.Index) -> set[str]:
    return {column.name for column in getattr(item, "columns", ())}
