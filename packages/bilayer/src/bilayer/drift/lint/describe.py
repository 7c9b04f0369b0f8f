"""Alembic's operations as ``Step``s. Runs in the child process that runs the revisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from alembic.ddl.postgresql import CreateExcludeConstraintOp
from alembic.operations import ops
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import CompileError

from bilayer.drift.lint.raw_sql import VOLATILE, Told, read_sql

_CONSTRAINTS: Final[Mapping[type[Any], str]] = {
    ops.CreateForeignKeyOp: "foreign_key",
    ops.CreateCheckConstraintOp: "check",
    ops.CreateUniqueConstraintOp: "unique",
    ops.CreatePrimaryKeyOp: "primary_key",
    CreateExcludeConstraintOp: "exclude",
}


def describe(operation: Any, dialect: Dialect) -> Iterator[Told]:
    """Tell what an operation does, in one or more steps.

    Args:
        operation: One of ``alembic.operations.ops``, or an extension's.
        dialect: The engine it is for.
    """
    if isinstance(operation, ops.ExecuteSQLOp):
        yield from _execute(operation, dialect)
    elif type(operation) in _CONSTRAINTS:
        yield _add_constraint(operation)
    elif isinstance(operation, ops.BulkInsertOp):
        yield "write_rows", _table_name(operation.table), {}
    elif type(operation) in _PLAIN:
        kind, tell = _PLAIN[type(operation)]
        table = _full_name(operation, getattr(operation, "table_name", None))
        yield kind, table, tell(operation, dialect)
    elif isinstance(operation, ops.OpContainer):
        for each in operation.ops:
            yield from describe(each, dialect)
    else:
        yield "other", getattr(operation, "table_name", None), {}


def _execute(operation: ops.ExecuteSQLOp, dialect: Dialect) -> Iterator[Told]:
    statement = operation.sqltext
    if isinstance(statement, sa.UpdateBase):
        yield "write_rows", _table_name(statement.table), {}
        return
    if isinstance(statement, sa.TextClause):
        text = statement.text
    elif isinstance(statement, str):
        text = statement
    else:
        text = _compiled(statement, dialect)
    yield from read_sql(text)


def _add_constraint(operation: Any) -> Told:
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
    options = dict(getattr(operation, "kw", None) or {})
    facts = {
        "constraint": _CONSTRAINTS[type(operation)],
        "name": operation.constraint_name,
        "is_not_valid": bool(options.get("postgresql_not_valid")),
    }
    return "add_constraint", _full_name(operation, table, options.get("source_schema")), facts


def _full_name(operation: Any, table: str | None, schema: str | None = None) -> str | None:
    schema = schema or getattr(operation, "schema", None)
    return f"{schema}.{table}" if schema and table else table


def _table_name(table: Any) -> str | None:
    name: str | None = getattr(table, "fullname", None)
    return name


def _column(column: sa.Column[Any], dialect: Dialect) -> dict[str, Any]:
    default = column.server_default
    text = None
    if isinstance(default, sa.DefaultClause):
        text = default.arg if isinstance(default.arg, str) else _compiled(default.arg, dialect)
    is_made = isinstance(default, sa.Identity | sa.Computed)  # by the database, for each row
    return {
        "name": column.name,
        "type": _type_name(column.type, dialect),
        "is_required": column.nullable is False and not column.primary_key and not is_made,
        "default": text,
        "is_volatile": bool(text and VOLATILE.search(text)),
        "is_computed": isinstance(default, sa.Computed) and default.persisted is not False,
        "is_identity": isinstance(default, sa.Identity),
        "is_serial": isinstance(column.type, sa.Integer)
        and column.primary_key
        and column.autoincrement in (True, "auto"),
        "has_reference": bool(column.foreign_keys),
    }


def _compiled(expression: Any, dialect: Dialect) -> str:
    try:
        return str(expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except (AttributeError, CompileError):
        return str(expression)


def _type_name(kind: Any, dialect: Dialect) -> str | None:
    if kind is None:
        return None
    try:
        return str(sa.types.to_instance(kind).compile(dialect=dialect))
    except CompileError:
        return str(kind)


def _add_column(operation: Any, dialect: Dialect) -> dict[str, Any]:
    return _column(operation.column, dialect)


def _create_table(operation: Any, dialect: Dialect) -> dict[str, Any]:
    columns = [each for each in operation.columns if isinstance(each, sa.Column)]
    return {
        "is_guarded": bool(operation.if_not_exists),
        "columns": [_column(column, dialect) for column in columns],
    }


def _alter_column(operation: Any, dialect: Dialect) -> dict[str, Any]:
    old, new = (
        _type_name(kind, dialect) for kind in (operation.existing_type, operation.modify_type)
    )
    return {
        "name": operation.column_name,
        "new_name": operation.modify_name,
        "is_required": None if operation.modify_nullable is None else not operation.modify_nullable,
        "type": new,
        "old_type": old,
    }


def _create_index(operation: Any, _dialect: Dialect) -> dict[str, Any]:
    return {
        "name": operation.index_name,
        "is_unique": bool(operation.unique),
        "is_concurrent": bool(operation.kw.get("postgresql_concurrently")),
        "is_guarded": bool(operation.if_not_exists),
    }


def _drop_index(operation: Any, _dialect: Dialect) -> dict[str, Any]:
    return {
        "name": operation.index_name,
        "is_concurrent": bool(operation.kw.get("postgresql_concurrently")),
        "is_guarded": bool(operation.if_exists),
    }


def _drop_table(operation: Any, _dialect: Dialect) -> dict[str, Any]:
    return {"is_guarded": bool(operation.if_exists)}


def _drop_column(operation: Any, _dialect: Dialect) -> dict[str, Any]:
    return {"name": operation.column_name, "is_guarded": bool(operation.if_exists)}


def _rename_table(operation: Any, _dialect: Dialect) -> dict[str, Any]:
    return {"new_name": operation.new_table_name}


def _drop_constraint(operation: Any, _dialect: Dialect) -> dict[str, Any]:
    return {"name": operation.constraint_name, "is_guarded": bool(operation.if_exists)}


_PLAIN: Final[Mapping[type[Any], tuple[str, Any]]] = {
    ops.CreateTableOp: ("create_table", _create_table),
    ops.DropTableOp: ("drop_table", _drop_table),
    ops.RenameTableOp: ("rename_table", _rename_table),
    ops.AddColumnOp: ("add_column", _add_column),
    ops.DropColumnOp: ("drop_column", _drop_column),
    ops.AlterColumnOp: ("alter_column", _alter_column),
    ops.CreateIndexOp: ("create_index", _create_index),
    ops.DropIndexOp: ("drop_index", _drop_index),
    ops.DropConstraintOp: ("drop_constraint", _drop_constraint),
}
