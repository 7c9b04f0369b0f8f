"""What a change needs around it before an engine takes it: types, defaults, what MODIFY repeats.

Makes operations and text only; applies nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.engine.interfaces import Dialect

from bilayer.drift.findings import Difference

_FILL_FIRST: Final = "Fails where a row has no value: give every row one first."
_ADD_FIRST: Final = "Fails where there are rows: add it nullable, fill it, then make it NOT NULL."


def find_column(difference: Difference, tables: Sequence[sa.Table]) -> sa.Column[object] | None:
    """Find the column a difference is about, on the side that is right."""
    table = next((table for table in tables if table.fullname == difference.table), None)
    return table.columns.get(difference.column) if table is not None and difference.column else None


def repeat_attributes(
    operation: ops.MigrateOperation, column: sa.Column[object] | None, dialect: Dialect
) -> None:
    """Let MariaDB's MODIFY say the whole column: it drops what is not repeated."""
    if dialect.name not in ("mysql", "mariadb") or column is None:
        return
    if not isinstance(operation, ops.AlterColumnOp):
        return
    if operation.modify_server_default is False and not isinstance(
        column.server_default, sa.Computed | sa.Identity
    ):
        operation.existing_server_default = column.server_default
    operation.existing_comment = column.comment
    if column.table.autoincrement_column is column:
        operation.kw["autoincrement"] = True


def surround_type_change(
    operation: ops.MigrateOperation, column: sa.Column[object] | None
) -> Iterator[ops.MigrateOperation]:
    """Take the default off before a type change of PostgreSQL, which converts no default."""
    if not isinstance(operation, ops.AlterColumnOp) or column is None:
        yield operation
        return
    table, name, schema = operation.table_name, operation.column_name, operation.schema
    yield ops.AlterColumnOp(table, name, schema=schema, modify_server_default=None)
    yield operation
    if isinstance(column.server_default, sa.DefaultClause):
        default = column.server_default
        yield ops.AlterColumnOp(table, name, schema=schema, modify_server_default=default)


def cast_to(difference: Difference, column: sa.Column[object] | None, dialect: Dialect) -> str:
    """Write the expression by which PostgreSQL converts a column; an enum is read from text."""
    quoted = dialect.identifier_preparer.quote(str(difference.column))
    type_ = _native_enum(column)
    if type_ is None:
        return f"{quoted}::{difference.left}"
    return f"{quoted}::text::{dialect.identifier_preparer.format_type(type_)}"  # type: ignore[attr-defined]  # PostgreSQL's has it


def create_enum_operation(difference: Difference, column: sa.Column[object] | None) -> str:
    """Write the line that creates the enum type a column needs, if there is one."""
    type_ = _native_enum(column)
    if type_ is None or difference.code not in ("BL202", "BL204"):
        return ""
    words = ", ".join(map(repr, type_.enums))
    schema = f", schema={type_.schema!r}" if type_.schema else ""
    return (
        f"sa.Enum({words}, name={str(type_.name)!r}{schema})"
        ".create(op.get_bind(), checkfirst=True)\n"
    )


def create_enum_sql(
    difference: Difference, column: sa.Column[object] | None, dialect: Dialect
) -> str:
    """Write the statement that creates the enum type a column needs, if it is not there."""
    type_ = _native_enum(column)
    if type_ is None or difference.code not in ("BL202", "BL204"):
        return ""
    name = dialect.identifier_preparer.format_type(type_)  # type: ignore[attr-defined]  # as above
    words = ", ".join("'" + word.replace("'", "''") + "'" for word in type_.enums)
    return (
        f"DO $$ BEGIN CREATE TYPE {name} AS ENUM ({words});"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n"
    )


def note_rows(difference: Difference, column: sa.Column[object] | None) -> str | None:
    """Tell what rows would make a change fail that an empty table takes."""
    if column is None or column.nullable:
        return None
    if difference.code == "BL209":
        return _FILL_FIRST
    is_filled = column.server_default is not None or column.primary_key
    return _ADD_FIRST if difference.code == "BL202" and not is_filled else None


def _native_enum(column: sa.Column[object] | None) -> sa.Enum | None:
    type_ = column.type if column is not None else None
    is_native = isinstance(type_, sa.Enum) and type_.native_enum and type_.name
    return type_ if is_native else None  # type: ignore[return-value]  # an Enum, see above
