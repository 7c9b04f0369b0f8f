"""The operations that mend tables and columns: which difference needs which.

Makes operations; ``operations`` writes them as text.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from alembic.operations import ops

from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.operations.apart import add_checks, add_late_keys, create_table, drop_late_keys
from bilayer.drift.operations.constraints import write_constraint, write_dropped, write_made
from bilayer.drift.operations.enums import write_words
from bilayer.drift.operations.generated import write_generated
from bilayer.drift.operations.keys import write_key, write_numbering
from bilayer.drift.operations.objects import (
    write_object,
    write_rename,
    write_state,
    write_storage,
    write_visibility,
)
from bilayer.drift.operations.wishes import Code, Wish
from bilayer.drift.schemas import split_name
from bilayer.drift.snapshot import Table

_Operations = list[ops.MigrateOperation]
_ALONE: Final = (
    ops.ExecuteSQLOp,
    ops.CreateTableOp,
    ops.DropTableOp,
    ops.RenameTableOp,
    ops.ModifyTableOps,
    Code,
)


def list_operations(wish: Wish) -> _Operations:
    """List the operations that bring about a wish; those of one table stand together."""
    write = _WRITERS.get(wish.difference.code)
    listed: _Operations = []
    for operation in write(wish) if write is not None else ():
        if isinstance(operation, _ALONE):
            listed.append(operation)
        elif listed and isinstance(listed[-1], ops.ModifyTableOps):
            listed[-1].ops.append(operation)
        else:
            listed.append(ops.ModifyTableOps(wish.name, [operation], schema=wish.schema))
    return listed


def _write_table(wish: Wish) -> _Operations:
    if wish.difference.left == "no table":
        return [*drop_late_keys(wish), ops.DropTableOp(wish.name, schema=wish.schema)]
    table = wish.table
    if table is None:
        return []
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    made = [ops.CreateIndexOp.from_index(index) for index in indexes]
    if made and wish.dialect.name == "sqlite":
        return [
            ops.CreateTableOp.from_table(table),
            ops.ModifyTableOps(wish.name, made, schema=wish.schema),
        ]
    return [create_table(table, wish), *add_checks(table, wish), *made, *add_late_keys(wish)]


def _write_column(wish: Wish) -> _Operations:
    if wish.difference.left == "no column":
        dropped = ops.DropColumnOp(wish.name, wish.difference.column or "", schema=wish.schema)
        return [*_drop_along(wish), dropped]
    column, table = wish.column, wish.table
    if column is None or table is None:
        return []
    copy = column._copy()
    if wish.difference.along:
        copy.unique = copy.index = None
    made = [write_made(item, table) for item in wish.difference.along]
    return [ops.AddColumnOp(wish.name, copy, schema=wish.schema), *filter(None, made)]


def _drop_along(wish: Wish) -> _Operations:
    """Drop what does not go with a column by itself: all does on PostgreSQL."""
    stays: dict[str, tuple[type[Any], ...]] = {
        "postgresql": (),
        # Alembic's copy leaves out the keys of a column that it leaves out.
        "sqlite": (Check, Index),
    }
    kinds = stays.get(wish.dialect.name, (Check, Index, Unique, ForeignKey))
    return [
        dropped
        for item in reversed(wish.difference.along)
        # MariaDB names a check that a column has of its own after it, and drops both.
        if isinstance(item, kinds) and item.name is not None
        if not (isinstance(item, Check) and item.name == wish.difference.column)
        for dropped in write_dropped(item, wish.name, wish.schema)
    ]


def _write_name(wish: Wish) -> _Operations:
    old, new = wish.difference.right or "", wish.difference.left or ""
    if wish.difference.column is None:
        old, new = split_name(old)[1], split_name(new)[1]
        names = [old, f"{old}_renamed", new] if wish.dialect.name == "sqlite" else [old, new]
        return [
            ops.RenameTableOp(one, two, schema=wish.schema)
            for one, two in itertools.pairwise(names)
        ]
    column = wish.table.columns.get(new) if wish.table is not None else None
    if column is None:
        return []
    return [
        ops.AlterColumnOp(
            wish.name,
            old,
            schema=wish.schema,
            modify_name=new,
            existing_type=column.type,
            existing_nullable=column.nullable,
            existing_server_default=column.server_default,
        )
    ]


def _write_alteration(wish: Wish) -> _Operations:
    column, code = wish.column, wish.difference.code
    if column is None:
        return []
    change: dict[str, Any] = {"existing_type": column.type, "existing_nullable": column.nullable}
    if code == "BL209":
        change = {"existing_type": column.type, "modify_nullable": column.nullable}
    elif code == "BL210":
        change["modify_server_default"] = column.server_default
    elif code == "BL213":
        change["modify_comment"] = column.comment
    else:
        change = {"modify_type": _collated(column, wish), "existing_nullable": column.nullable}
    return [ops.AlterColumnOp(wish.name, column.name, schema=wish.schema, **change)]


def _collated(column: sa.Column[Any], wish: Wish) -> sa.types.TypeEngine[Any]:
    """Give the column's type, with the collation that SQLAlchemy does not always reflect."""
    type_ = column.type
    if not isinstance(type_, sa.String):
        return type_
    collated = type_.copy()
    if wish.difference.code == "BL214":
        collated.collation = None if wish.difference.left == "none" else wish.difference.left
    elif wish.dialect.name in {"sqlite", "postgresql"} and type_.collation is None:
        table = wish.there.tables.get(wish.difference.table or "") if wish.there else None
        there = table.column(column.name) if table is not None else None
        collated.collation = there.type.collation if there is not None else None
    return collated


def _write_comment(wish: Wish) -> _Operations:
    if not isinstance(wish.difference.item, Table):
        return _write_alteration(wish)
    comment = wish.table.comment if wish.table is not None else None
    if comment is None:
        return [ops.DropTableCommentOp(wish.name, schema=wish.schema)]
    return [ops.CreateTableCommentOp(wish.name, comment, schema=wish.schema)]


def _write_enum(wish: Wish) -> _Operations:
    is_type = wish.dialect.name == "postgresql"
    return write_words(wish) if is_type else _write_alteration(wish)


def _write_constraint(wish: Wish) -> _Operations:
    written = write_constraint(wish.difference, wish.table, wish.name, wish.schema)
    item = wish.difference.item
    is_dropped = (wish.difference.left or "").startswith("no ") and isinstance(item, ForeignKey)
    if wish.dialect.name in {"sqlite", "postgresql"} or not is_dropped:
        return written
    return [*written, *_drop_index_of(item, wish)]


def _drop_index_of(link: ForeignKey, wish: Wish) -> _Operations:
    """Drop the index that InnoDB has made for a foreign key, and leaves behind."""
    if wish.current_table is None:  # It is called as the key, or without that as the column.
        name = link.columns[0] if "_ibfk_" in (link.name or "") else link.name
        return [ops.DropIndexOp(name or "", wish.name, schema=wish.schema, if_exists=True)]
    kept = {index.name for index in wish.table.indexes} if wish.table is not None else set()
    return [
        ops.DropIndexOp(str(index.name), wish.name, schema=wish.schema)
        for index in wish.current_table.indexes
        if tuple(column.name for column in index.columns) == link.columns
        if index.name not in kept and not index.unique
    ]


_ALTERED: Final = ("BL204", "BL205", "BL206", "BL207", "BL208", "BL209", "BL210", "BL214")
_WRITERS: Final[Mapping[str, Callable[[Wish], _Operations]]] = {
    "BL201": _write_table,
    "BL202": _write_column,
    "BL203": _write_name,
    **dict.fromkeys(_ALTERED, _write_alteration),
    "BL213": _write_comment,
    "BL215": write_generated,
    "BL216": _write_enum,
    "BL217": write_numbering,
    "BL218": write_visibility,
    "BL219": write_storage,
    **dict.fromkeys(("BL220", "BL221", "BL222", "BL223", "BL224", "BL225", "BL309"), write_object),
    "BL301": write_key,
    **dict.fromkeys(("BL302", "BL303", "BL304", "BL305", "BL306"), _write_constraint),
    **dict.fromkeys(("BL307", "BL308", "BL311"), write_state),
    "BL310": write_rename,
}
