"""The operations that mend PostgreSQL's enum types, which take words on and give none back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from bilayer.drift.operations.wishes import Code, Wish


def write_words(wish: Wish) -> list[ops.MigrateOperation]:
    """Add the missing words; where one is to go or to move, make the type anew."""
    column = wish.column
    type_ = column.type if column is not None else None
    if not isinstance(type_, sa.Enum):
        return []
    known = (wish.difference.right or "").removeprefix("ENUM(").removesuffix(")").split(", ")
    words = list(type_.enums)
    if [word for word in words if word in known] != known:
        return [ops.ExecuteSQLOp(each) for each in _make_anew(wish, type_)]
    lines = [f"op.execute({each!r})" for each in _add(wish, type_, known)]
    # A word that was added cannot be used in the transaction that added it.
    block = ["with op.get_context().autocommit_block():", *(f"    {line}" for line in lines)]
    return [Code("\n".join(block))]


def write_words_sql(wish: Wish) -> str | None:
    """Write the statements that add words, None if the type is to be made anew."""
    column = wish.column
    if column is None or not isinstance(column.type, sa.Enum):
        return None
    known = (wish.difference.right or "").removeprefix("ENUM(").removesuffix(")").split(", ")
    if [word for word in column.type.enums if word in known] != known:
        return None
    return "\n".join(f"{each};" for each in _add(wish, column.type, known)) or None


def _add(wish: Wish, type_: sa.Enum, known: Sequence[str]) -> Iterator[str]:
    words = list(type_.enums)
    for place, word in enumerate(words):
        if word in known:
            continue
        where = f" AFTER {_literal(words[place - 1])}" if place else f" BEFORE {_literal(known[0])}"
        yield f"ALTER TYPE {_name(wish, type_)} ADD VALUE IF NOT EXISTS {_literal(word)}{where}"


def _make_anew(wish: Wish, type_: sa.Enum) -> Iterator[str]:
    """Make a type of the same name, and have every column of the old one read its words by it."""
    name = _name(wish, type_)
    old = f"{type_.name}_old"
    yield f"ALTER TYPE {name} RENAME TO {wish.quote(old)}"
    yield f"CREATE TYPE {name} AS ENUM ({', '.join(map(_literal, type_.enums))})"
    for column in _columns_of(wish.wanted, type_):
        table = wish.dialect.identifier_preparer.format_table(column.table)
        quoted = wish.quote(column.name)
        alter = f"ALTER TABLE {table} ALTER COLUMN {quoted}"
        default = _default(wish, column)
        if default:
            yield f"{alter} DROP DEFAULT"
        yield f"{alter} TYPE {name} USING {quoted}::text::{name}"
        if default:
            yield f"{alter} SET DEFAULT {default}"
    prefix = f"{wish.quote(type_.schema)}." if type_.schema else ""
    yield f"DROP TYPE {prefix}{wish.quote(old)}"


def _columns_of(tables: Sequence[sa.Table], type_: sa.Enum) -> Iterator[sa.Column[Any]]:
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, sa.Enum) and column.type.name == type_.name:
                yield column


def _default(wish: Wish, column: sa.Column[Any]) -> str | None:
    default = column.server_default
    if not isinstance(default, sa.DefaultClause):
        return None
    if isinstance(default.arg, str):
        return _literal(default.arg)
    return str(default.arg.compile(dialect=wish.dialect))


def _name(wish: Wish, type_: sa.Enum) -> str:
    return str(wish.dialect.identifier_preparer.format_type(type_))  # type: ignore[attr-defined]  # PostgreSQL's has it


def _literal(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
