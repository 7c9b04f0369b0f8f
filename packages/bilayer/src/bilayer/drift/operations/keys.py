"""The operations that mend primary keys and who numbers them."""

from __future__ import annotations

import re
from typing import Any, Final

import sqlalchemy as sa
from alembic.operations import ops

from bilayer.drift.operations.wishes import Code, Wish
from bilayer.drift.snapshot import Table

_IS_NUMBERED: Final = ("numbered by the engine", "GENERATED ALWAYS", "a number may be given")


def write_key(wish: Wish) -> list[ops.MigrateOperation]:
    """Take the primary key off and put the other one on."""
    wanted, current = wish.difference.item, wish.difference.other
    if not (isinstance(wanted, Table) and isinstance(current, Table)):
        return []
    if wish.dialect.name == "sqlite":
        return _write_copied_key(wish, wanted)
    parts = []
    if current.primary_key:
        is_named = wish.dialect.name == "postgresql"
        name = wish.quote(current.key_name or f"{wish.name}_pkey")
        parts.append(f"DROP CONSTRAINT {name}" if is_named else "DROP PRIMARY KEY")
    if wanted.primary_key:
        name = f"CONSTRAINT {wish.quote(wanted.key_name)} " if wanted.key_name else ""
        columns = ", ".join(map(wish.quote, wanted.primary_key))
        parts.append(f"ADD {name}PRIMARY KEY ({columns})")
    # One statement: MariaDB refuses a column that counts up and is no key for a moment.
    return [ops.ExecuteSQLOp(f"ALTER TABLE {wish.quote_table()} {', '.join(parts)}")]


def _write_copied_key(wish: Wish, wanted: Table) -> list[ops.MigrateOperation]:
    if not wanted.primary_key:
        return []  # Alembic copies a table with a key it has.
    name = wanted.key_name or f"pk_{wish.name}"
    return [
        Code(
            f"with op.batch_alter_table({wish.name!r}, schema={wish.schema!r}) as batch_op:\n"
            f"    batch_op.create_primary_key({name!r}, {list(wanted.primary_key)!r})"
        )
    ]


def write_numbering(wish: Wish) -> list[ops.MigrateOperation]:
    """Let the engine number the rows of a table, or no longer."""
    column = wish.column
    sides = {wish.difference.left, wish.difference.right}
    if column is None or not sides <= {*_IS_NUMBERED, "not numbered"}:
        return []
    is_numbered = wish.difference.left in _IS_NUMBERED
    if wish.dialect.name == "postgresql":
        return [
            ops.ExecuteSQLOp(each)
            for each in _write_sequence(wish, column, is_numbered=is_numbered)
        ]
    change: dict[str, Any] = {"existing_type": column.type}
    if wish.dialect.name == "sqlite":  # The type alone makes it the number of the row.
        change = {"modify_type": sa.Integer() if is_numbered else column.type}
    else:
        change |= {"modify_nullable": False, "autoincrement": is_numbered}
    return [ops.AlterColumnOp(wish.name, column.name, schema=wish.schema, **change)]


def _write_sequence(wish: Wish, column: sa.Column[Any], *, is_numbered: bool) -> list[str]:
    """Take off whatever numbers the column now, then put on what shall."""
    alter = f"ALTER TABLE {wish.quote_table()} ALTER COLUMN {wish.quote(column.name)}"
    sequence = _name_sequence(wish, column)
    statements = [
        f"{alter} DROP IDENTITY IF EXISTS",
        f"{alter} DROP DEFAULT",
        f"DROP SEQUENCE IF EXISTS {sequence}",
    ]
    if not is_numbered:
        return statements
    place = f"{wish.quote_table()}.{wish.quote(column.name)}"
    if column.identity is not None or wish.difference.left == "GENERATED ALWAYS":
        is_always = wish.difference.left == "GENERATED ALWAYS" or (
            column.identity is not None and column.identity.always
        )
        kind = "ALWAYS" if is_always else "BY DEFAULT"
        statements.append(f"{alter} ADD GENERATED {kind} AS IDENTITY")
    else:
        statements += [
            f"CREATE SEQUENCE {sequence} AS {_count_in(column)} OWNED BY {place}",
            f"{alter} SET DEFAULT nextval('{sequence}')",
        ]
    named = wish.quote_table().replace("'", "''"), column.name.replace("'", "''")
    statements.append(
        f"SELECT setval(pg_get_serial_sequence('{named[0]}', '{named[1]}'),"  # noqa: S608 - quoted
        f" coalesce(max({wish.quote(column.name)}), 0) + 1, false) FROM {wish.quote_table()}"
    )
    return statements


def _name_sequence(wish: Wish, column: sa.Column[Any]) -> str:
    default = column.server_default
    text = str(getattr(default, "arg", ""))
    found = re.search(r"nextval\('([^']+)'", text)
    if found:
        return found[1]
    name = wish.quote(f"{wish.name}_{column.name}_seq")
    return f"{wish.quote(wish.schema)}.{name}" if wish.schema else name


def _count_in(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.BigInteger):
        return "bigint"
    return "smallint" if isinstance(column.type, sa.SmallInteger) else "integer"
