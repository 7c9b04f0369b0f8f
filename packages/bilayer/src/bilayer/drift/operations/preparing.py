"""What a change needs around it before an engine takes it: types, defaults, what MODIFY repeats.

Makes operations and text only; applies nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import sqlalchemy as sa
from alembic.operations import ops

from bilayer.drift.operations.wishes import Wish

_FILL_FIRST: Final = "Fails where a row has no value: give every row one first."
_NEEDS_TYPE: Final = ("BL202", "BL204")
_ADD_FIRST: Final = "Fails where there are rows: add it nullable, fill it, then make it NOT NULL."


def repeat_attributes(operation: ops.MigrateOperation, wish: Wish) -> None:
    """Let MariaDB's MODIFY say the whole column: it drops what is not repeated."""
    column = wish.column
    if wish.dialect.name not in ("mysql", "mariadb") or column is None:
        return
    if not isinstance(operation, ops.AlterColumnOp):
        return
    if operation.modify_server_default is False and not isinstance(
        column.server_default, sa.Computed | sa.Identity
    ):
        operation.existing_server_default = column.server_default
    operation.existing_comment = column.comment
    if column.table.autoincrement_column is column and "autoincrement" not in operation.kw:
        operation.kw["autoincrement"] = True


def surround_type_change(
    operation: ops.MigrateOperation, wish: Wish
) -> Iterator[ops.MigrateOperation]:
    """Take the default off before a type change of PostgreSQL, which converts no default."""
    column = wish.column
    if not isinstance(operation, ops.AlterColumnOp) or column is None:
        yield operation
        return
    table, name, schema = operation.table_name, operation.column_name, operation.schema
    yield ops.AlterColumnOp(table, name, schema=schema, modify_server_default=None)
    yield operation
    if isinstance(column.server_default, sa.DefaultClause):
        default = column.server_default
        yield ops.AlterColumnOp(table, name, schema=schema, modify_server_default=default)


def cast_to(wish: Wish) -> str:
    """Write the expression by which PostgreSQL converts a column."""
    quoted, column = wish.quote(str(wish.difference.column)), wish.column
    type_ = str(wish.difference.left)
    if column is not None and not isinstance(column.type, sa.types.NullType):
        type_ = _write_type(column.type, wish)
    # Text is what every type is written as, and read from.
    return f"{quoted}::text::{type_}"


def _write_type(type_: sa.types.TypeEngine[object], wish: Wish) -> str:
    if isinstance(type_, sa.Enum) and type_.native_enum:
        return str(wish.dialect.identifier_preparer.format_type(type_))  # type: ignore[attr-defined]  # PostgreSQL's has it
    return str(type_.compile(dialect=wish.dialect)).partition(" COLLATE ")[0]


def create_enum_operation(wish: Wish) -> str:
    """Write the line that creates the enum type a column needs, if there is one."""
    type_ = native_enum(wish.column)
    if type_ is None or wish.difference.code not in _NEEDS_TYPE:
        return ""
    words = ", ".join(map(repr, type_.enums))
    schema = f", schema={type_.schema!r}" if type_.schema else ""
    return (
        f"sa.Enum({words}, name={str(type_.name)!r}{schema})"
        ".create(op.get_bind(), checkfirst=True)\n"
    )


def drop_enum_operation(wish: Wish) -> str:
    """Write the lines that drop the enum types which nothing uses any more."""
    if wish.difference.code not in (*_NEEDS_TYPE, "BL201"):
        return ""
    column, table = wish.current_column, wish.current_table
    is_table = wish.difference.column is None and table is not None
    columns = list(table.columns) if is_table and table is not None else [column]
    used = {each.name for owner in wish.wanted for each in map(native_enum, owner.columns) if each}
    gone = {
        type_.name: type_.schema
        for each in columns
        if (type_ := native_enum(each)) and type_.name not in used
    }
    return "".join(
        f"\nsa.Enum(name={str(name)!r}{f', schema={schema!r}' if schema else ''})"
        ".drop(op.get_bind(), checkfirst=True)"
        for name, schema in gone.items()
    )


def name_existing_enums(text: str, wish: Wish) -> str:
    """Let ``op.create_table`` make no enum type that another table has already."""
    current = {
        each.name for owner in wish.current for each in map(native_enum, owner.columns) if each
    }
    for column in wish.table.columns if wish.table is not None else ():
        type_ = native_enum(column)
        if type_ is not None and type_.name in current:
            words = f"{', '.join(map(repr, type_.enums))}, name={str(type_.name)!r}"
            made = re.escape(words)
            text = re.sub(rf"(?:sa.Enum|postgresql.ENUM)\({made}", _without_type(words), text)
    return text


def _without_type(words: str) -> Callable[[re.Match[str]], str]:
    return lambda _: f"postgresql.ENUM({words}, create_type=False"


def create_enum_sql(wish: Wish) -> str:
    """Write the statement that creates the enum type a column needs, if it is not there."""
    type_ = native_enum(wish.column)
    if type_ is None or wish.difference.code not in _NEEDS_TYPE:
        return ""
    name = wish.dialect.identifier_preparer.format_type(type_)  # type: ignore[attr-defined]  # as above
    words = ", ".join("'" + word.replace("'", "''") + "'" for word in type_.enums)
    return guard_types(f"CREATE TYPE {name} AS ENUM ({words});") + "\n"


def guard_types(text: str) -> str:
    """Let statements that create a type do nothing where it is there."""
    guarded = r"DO $$ BEGIN \1 EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    return re.sub(r"^(CREATE TYPE .*;)$", guarded, text, flags=re.MULTILINE)


def note_rows(wish: Wish) -> str | None:
    """Tell what rows would make a change fail that an empty table takes."""
    column = wish.column
    if column is None or column.nullable:
        return None
    if wish.difference.code == "BL209":
        return _FILL_FIRST
    is_filled = column.server_default is not None or column.primary_key
    return _ADD_FIRST if wish.difference.code == "BL202" and not is_filled else None


def native_enum(column: sa.Column[object] | None) -> sa.Enum | None:
    """Give the column's type if it is one that the database keeps under a name."""
    type_ = column.type if column is not None else None
    is_native = isinstance(type_, sa.Enum) and type_.native_enum and type_.name
    return type_ if is_native else None  # type: ignore[return-value]  # an Enum, see above
