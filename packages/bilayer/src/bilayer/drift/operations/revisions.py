"""The text of fixes for schemas: a revision's two functions, or SQL for a live database.

Makes text only; applies nothing. The objects come from the metadata of the side that is right.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext

from bilayer.drift.operations.copying import keep_all
from bilayer.drift.operations.enums import write_words_sql
from bilayer.drift.operations.preparing import (
    cast_to,
    create_enum_operation,
    create_enum_sql,
    drop_enum_operation,
    guard_types,
    name_existing_enums,
    note_rows,
    repeat_attributes,
    surround_type_change,
)
from bilayer.drift.operations.tables import list_operations
from bilayer.drift.operations.wishes import Code, Wish

_COPYLESS: Final = (ops.CreateIndexOp, ops.DropIndexOp)
_USING: Final = "postgresql_using"
_CONVENTION: Final = {
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}
_IMPORTS: Final = {
    "types.": "from bilayer import types",
    "postgresql.": "from sqlalchemy.dialects import postgresql",
    "mysql.": "from sqlalchemy.dialects import mysql",
    "sqlite.": "from sqlalchemy.dialects import sqlite",
}


def write_revision(wish: Wish) -> str | None:
    """Write what a revision says to bring about a wish: imports, ``upgrade``, ``downgrade``."""
    up = write_operations(wish)
    if up is None:
        return None
    down = write_operations(wish.reversed())
    if down is None:
        reason = "what was there before cannot be made again"
        down = f'raise NotImplementedError("{reason}")'
    body = (
        f"def upgrade() -> None:\n{textwrap.indent(up, '    ')}\n\n\n"
        f"def downgrade() -> None:\n{textwrap.indent(down, '    ')}"
    )
    imports = [line for name, line in _IMPORTS.items() if re.search(rf"(?<![\w.]){name}", body)]
    return "\n".join([*imports, "\n", body] if imports else [body])


def write_operations(wish: Wish) -> str | None:
    """Write the ``op.`` calls that make the right side what the left side is."""
    operations = _prepare(wish)
    if not operations:
        return None
    try:
        text = "\n".join(_render(each, wish) for each in operations)
    except Exception:  # noqa: BLE001 - a fix that cannot be written is no reason to fail
        return None
    if wish.dialect.name == "postgresql":
        text = create_enum_operation(wish) + text + drop_enum_operation(wish)
    return _note(text, wish, "#") if text else None


def write_sql(wish: Wish) -> str | None:
    """Write the SQL that makes a live database what the left side is."""
    is_postgresql = wish.dialect.name == "postgresql"
    if wish.difference.code == "BL216" and is_postgresql and (added := write_words_sql(wish)):
        return added
    operations = _prepare(wish)
    if not operations:
        return None
    flat = list(_flatten(operations))
    is_altered = any(isinstance(each, ops.AlterColumnOp | ops.DropColumnOp) for each in flat)
    is_alone = wish.difference.code == "BL202" and not wish.difference.along
    if wish.dialect.name == "sqlite" and is_altered and not is_alone:
        return write_operations(wish)  # SQLite does it only by copying the table.
    buffer = io.StringIO()
    options = {"as_sql": True, "output_buffer": buffer}
    context = MigrationContext.configure(dialect=wish.dialect, opts=options)
    try:
        for operation in flat:
            if _needs_cast(operation, wish):
                operation.kw[_USING] = cast_to(wish)  # type: ignore[attr-defined]  # only AlterColumnOp gets here
            Operations(context).invoke(operation)
    except Exception:  # noqa: BLE001 - SQLite cannot alter, and says so in many ways
        return write_operations(wish)
    text = buffer.getvalue().strip()
    if is_postgresql:
        text = create_enum_sql(wish) + guard_types(text)
    return _note(text, wish, "--") if text else None


def _render(operation: ops.MigrateOperation, wish: Wish) -> str:
    if isinstance(operation, Code):
        return keep_all(operation.text, wish)
    if isinstance(operation, ops.RenameTableOp):  # Alembic writes none.
        schema = f", schema={operation.schema!r}" if operation.schema else ""
        return f"op.rename_table({operation.table_name!r}, {operation.new_table_name!r}{schema})"
    is_batch = wish.dialect.name == "sqlite"
    code = render_python_code(
        ops.UpgradeOps(ops=[operation]),
        render_as_batch=is_batch,
        migration_context=MigrationContext.configure(dialect=wish.dialect),
    )
    lines = [line.removeprefix("    ") for line in code.splitlines()]
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#")).strip()
    if is_batch and isinstance(operation, ops.ModifyTableOps):
        text = _keep_unnamed(text, wish)
        if not all(isinstance(each, _COPYLESS) or _is_appended(each) for each in operation.ops):
            text = keep_all(text, wish)
    if isinstance(operation, ops.CreateTableOp) and wish.dialect.name == "postgresql":
        text = name_existing_enums(text, wish)
    if _needs_cast(operation, wish):
        # Alembic renders no postgresql_using, without which the server refuses to convert.
        text = text.removesuffix(")") + f",\n           {_USING}={cast_to(wish)!r})"
    # As the template of revisions imports them: from bilayer import types.
    return text.replace("bilayer.types.", "types.")


def _is_appended(operation: ops.MigrateOperation) -> bool:
    """Tell whether SQLite takes it as ADD COLUMN, without a copy."""
    if not isinstance(operation, ops.AddColumnOp):
        return False
    column = operation.column
    beside = (column.server_default, column.foreign_keys, column.constraints, column.unique)
    return not any(beside) and not isinstance(column.type, sa.types.SchemaType)


def _keep_unnamed(text: str, wish: Wish) -> str:
    """Have SQLite's copy of a table keep its unnamed checks, and find its unnamed constraints."""
    table = wish.table
    checks = [
        f"sa.CheckConstraint({str(each.sqltext)!r})"
        for each in (sorted(table.constraints, key=str) if table is not None else ())
        if isinstance(each, sa.CheckConstraint) and each.name is None and not each._type_bound
    ]
    options = f", table_args=({', '.join(checks)},)" if checks else ""
    if any(f"drop_constraint('{kind}_{wish.name}_" in text for kind in _CONVENTION):
        options += f", naming_convention={_CONVENTION!r}"
    return text.replace(") as batch_op:", f"{options}) as batch_op:", 1)


def _note(text: str, wish: Wish, mark: str) -> str:
    note = note_rows(wish)
    return f"{mark} {note}\n{text}" if note else text


def _prepare(wish: Wish) -> Sequence[ops.MigrateOperation]:
    """Add what the engine needs; SQLite's stay together, as one copy of the table."""
    operations = list_operations(wish)
    if wish.dialect.name == "sqlite":
        return operations
    prepared: list[ops.MigrateOperation] = []
    for operation in _flatten(operations):
        repeat_attributes(operation, wish)
        if _needs_cast(operation, wish):
            prepared += surround_type_change(operation, wish)
        else:
            prepared.append(operation)
    return prepared


def _needs_cast(operation: ops.MigrateOperation, wish: Wish) -> bool:
    is_change = isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None
    return is_change and wish.difference.code == "BL204" and wish.dialect.name == "postgresql"


def _flatten(operations: Sequence[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps):
            yield from operation.ops
        else:
            yield operation
