"""The text of fixes for schemas: ``op.`` calls for a revision, or SQL for a live database.

Makes text only; applies nothing. The objects come from the metadata of the side that is right.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine.interfaces import Dialect

from bilayer.drift.constraint_operations import write_constraint
from bilayer.drift.enum_words import write_words_operations, write_words_sql
from bilayer.drift.findings import Difference
from bilayer.drift.preparing import (
    cast_to,
    create_enum_operation,
    create_enum_sql,
    find_column,
    note_rows,
    repeat_attributes,
    surround_type_change,
)
from bilayer.drift.snapshot import Column, Table


def write_operations(
    difference: Difference, tables: Sequence[sa.Table], dialect: Dialect
) -> str | None:
    """Write the ``op.`` calls that make the right side what the left side is."""
    if difference.code == "BL216" and dialect.name == "postgresql":
        return write_words_operations(difference, tables)
    operations = _prepare(_list_operations(difference, tables), difference, tables, dialect)
    if not operations:
        return None
    column = find_column(difference, tables)
    try:
        text = "\n".join(_render(each, difference, column, dialect) for each in operations)
    except Exception:  # noqa: BLE001 - a fix that cannot be written is no reason to fail
        return None
    if dialect.name == "postgresql":
        text = create_enum_operation(difference, column) + text
    return _note(text, difference, column, "#") if text else None


def _render(
    operation: ops.MigrateOperation,
    difference: Difference,
    column: sa.Column[Any] | None,
    dialect: Dialect,
) -> str:
    code = render_python_code(
        ops.UpgradeOps(ops=[operation]),
        render_as_batch=dialect.name == "sqlite",
        migration_context=MigrationContext.configure(dialect=dialect),
    )
    lines = [line.removeprefix("    ") for line in code.splitlines()]
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#")).strip()
    if _needs_cast(operation, difference, dialect):
        # Alembic renders no postgresql_using, without which the server refuses to convert.
        cast = cast_to(difference, column, dialect)
        text = text.removesuffix(")") + f",\n           {_USING}={cast!r})"
    # As the template of revisions imports them: from bilayer import types.
    return text.replace("bilayer.types.", "types.")


def _note(text: str, difference: Difference, column: sa.Column[Any] | None, mark: str) -> str:
    note = note_rows(difference, column)
    return f"{mark} {note}\n{text}" if note else text


def write_sql(difference: Difference, tables: Sequence[sa.Table], dialect: Dialect) -> str | None:
    """Write the SQL that makes a live database what the left side is."""
    if difference.code == "BL216" and dialect.name == "postgresql":
        return write_words_sql(difference, tables)
    operations = _prepare(_list_operations(difference, tables), difference, tables, dialect)
    if not operations:
        return None
    column = find_column(difference, tables)
    buffer = io.StringIO()
    options = {"as_sql": True, "output_buffer": buffer}
    context = MigrationContext.configure(dialect=dialect, opts=options)
    try:
        for operation in _flatten(operations):
            if _needs_cast(operation, difference, dialect):
                operation.kw[_USING] = cast_to(difference, column, dialect)  # type: ignore[attr-defined]  # only AlterColumnOp gets here
            Operations(context).invoke(operation)
    except Exception:  # noqa: BLE001 - SQLite cannot alter, and says so in many ways
        return write_operations(difference, tables, dialect)
    text = buffer.getvalue().strip()
    if dialect.name == "postgresql":
        text = create_enum_sql(difference, column, dialect) + text
    return _note(text, difference, column, "--") if text else None


_USING: Final = "postgresql_using"


def _prepare(
    operations: Sequence[ops.MigrateOperation],
    difference: Difference,
    tables: Sequence[sa.Table],
    dialect: Dialect,
) -> list[ops.MigrateOperation]:
    """Add what the engine needs; SQLite's stay together, as one copy of the table."""
    if dialect.name == "sqlite":
        return list(operations)
    column = find_column(difference, tables)
    prepared: list[ops.MigrateOperation] = []
    for operation in _flatten(operations):
        repeat_attributes(operation, column, dialect)
        if _needs_cast(operation, difference, dialect):
            prepared += surround_type_change(operation, column)
        else:
            prepared.append(operation)
    return prepared


def _needs_cast(operation: ops.MigrateOperation, difference: Difference, dialect: Dialect) -> bool:
    is_change = isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None
    return is_change and difference.code == "BL204" and dialect.name == "postgresql"


def _flatten(operations: Sequence[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps):
            yield from operation.ops
        else:
            yield operation


def _list_operations(
    difference: Difference, tables: Sequence[sa.Table]
) -> list[ops.MigrateOperation]:
    name = difference.table or ""
    schema, _, bare = name.rpartition(".")
    table = next((table for table in tables if table.fullname == name), None)
    if difference.code == "BL201":
        return _table_operations(difference, table, bare, schema or None)
    write = _WRITERS.get(difference.code)
    if write is None:
        return []
    changes = write(difference, table, bare, schema or None)
    return [ops.ModifyTableOps(bare, changes, schema=schema or None)] if changes else []


def _table_operations(
    difference: Difference, table: sa.Table | None, name: str, schema: str | None
) -> list[ops.MigrateOperation]:
    if difference.left == "no table":
        return [ops.DropTableOp(name, schema=schema)]
    if table is None:
        return []
    indexes = [ops.CreateIndexOp.from_index(index) for index in _sorted_indexes(table)]
    return [ops.CreateTableOp.from_table(table), *indexes]


def _sorted_indexes(table: sa.Table) -> list[sa.Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


_Writer = Callable[[Difference, sa.Table | None, str, str | None], list[ops.MigrateOperation]]


def _write_column(
    difference: Difference, table: sa.Table | None, name: str, schema: str | None
) -> list[ops.MigrateOperation]:
    column: Column = difference.item
    if difference.left == "no column":
        return [ops.DropColumnOp(name, column.name, schema=schema)]
    if table is None or column.name not in table.columns:
        return []
    return [ops.AddColumnOp(name, table.columns[column.name]._copy(), schema=schema)]


def _write_alteration(
    difference: Difference, table: sa.Table | None, name: str, schema: str | None
) -> list[ops.MigrateOperation]:
    if table is None or not difference.column or difference.column not in table.columns:
        return []
    column = table.columns[difference.column]
    change: dict[str, Any] = {"existing_type": column.type, "existing_nullable": column.nullable}
    if difference.code == "BL209":
        change = {"existing_type": column.type, "modify_nullable": column.nullable}
    elif difference.code == "BL210":
        change["modify_server_default"] = column.server_default
    elif difference.code == "BL213":
        change["modify_comment"] = column.comment
    else:
        change = {"modify_type": column.type, "existing_nullable": column.nullable}
    return [ops.AlterColumnOp(name, column.name, schema=schema, **change)]


def _write_table_comment(
    difference: Difference, table: sa.Table | None, name: str, schema: str | None
) -> list[ops.MigrateOperation]:
    if isinstance(difference.item, Table):
        comment = table.comment if table is not None else None
        if comment is None:
            return [ops.DropTableCommentOp(name, schema=schema)]
        return [ops.CreateTableCommentOp(name, comment, schema=schema)]
    return _write_alteration(difference, table, name, schema)


_WRITERS: Final[dict[str, _Writer]] = {
    "BL202": _write_column,
    **dict.fromkeys(
        ("BL204", "BL205", "BL206", "BL207", "BL208", "BL214", "BL216"), _write_alteration
    ),
    "BL209": _write_alteration,
    "BL210": _write_alteration,
    "BL213": _write_table_comment,
    **dict.fromkeys(("BL302", "BL303", "BL304", "BL305", "BL306"), write_constraint),
}
