"""Models as a schema, read from their metadata.

Reads no source files and no catalogs. What only a server can know (the normal form of a check or
of an expression) is not in this reading; build the models and read the catalog for that.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import NoReferenceError, SQLAlchemyError

from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.readers.describe import describe
from bilayer.drift.readers.keys import read_target
from bilayer.drift.schemas import join_name
from bilayer.drift.snapshot import Column, Schema, Table, Type
from bilayer.drift.words import with_words
from bilayer.urls import EngineName, engine_name, parse_url


def load_dialect(engine: EngineName) -> Dialect:
    """Make a dialect that connects to nothing; ``mysql`` is taken to be MariaDB.

    Its parameters are named: texts of a driver that has percent signs for them double all others.
    """
    # parse_url would name the mysql dialect, which writes MySQL's types instead of MariaDB's.
    url = sa.make_url("mariadb+pymysql://") if engine == "mysql" else parse_url(f"{engine}://")
    return url.get_dialect()(paramstyle="named")  # type: ignore[call-arg]  # every one has it


def list_tables(metadatas: Sequence[sa.MetaData]) -> list[sa.Table]:
    """List the tables of all metadata, each name once, in the order they were defined."""
    found: dict[str, sa.Table] = {}
    for metadata in metadatas:
        for table in metadata.tables.values():
            found.setdefault(table.fullname, table)
    return list(found.values())


def list_defined_twice(metadatas: Sequence[sa.MetaData], dialect: Dialect) -> list[str]:
    """List the tables that two metadata define differently; an equal copy harms nobody."""
    found: dict[str, sa.Table] = {}
    twice: dict[str, None] = {}
    for table in (table for metadata in metadatas for table in metadata.tables.values()):
        first = found.setdefault(table.fullname, table)
        if first is not table and _shape(first, dialect) != _shape(table, dialect):
            twice[table.fullname] = None
    return list(twice)


def _shape(table: sa.Table, dialect: Dialect) -> Table:
    """Read a table with its constraints in one order; SQLAlchemy keeps them in sets."""
    read = _read_table(table, dialect)
    return dataclasses.replace(
        read,
        uniques=tuple(sorted(read.uniques, key=repr)),
        indexes=tuple(sorted(read.indexes, key=repr)),
        foreign_keys=tuple(sorted(read.foreign_keys, key=repr)),
        checks=tuple(sorted(read.checks, key=repr)),
    )


def read_models(metadatas: Sequence[sa.MetaData], dialect: Dialect) -> Schema:
    """Read metadata as the dialect would build it."""
    tables = [_read_table(table, dialect) for table in list_tables(metadatas)]
    return Schema(engine_name(dialect.name), {table.name: table for table in tables})


def name_table(table: sa.Table, dialect: Dialect) -> str:
    """Name a table of the models as the engine's catalog does."""
    return join_name(table.schema, str(table.name), engine_name(dialect.name))


def _name_target(link: sa.ForeignKeyConstraint, dialect: Dialect) -> str:
    """Name the table a key leads to, also where no metadata has it."""
    try:
        return name_table(link.referred_table, dialect)
    except NoReferenceError:
        schema, table, _ = read_target(link.elements[0])
        return join_name(schema, table, engine_name(dialect.name))


def _read_table(table: sa.Table, dialect: Dialect) -> Table:
    checks = tuple(_read_checks(table, dialect))
    return Table(
        name=name_table(table, dialect),
        columns=with_words([_read_column(column, dialect) for column in table.columns], checks),
        primary_key=tuple(str(column.name) for column in table.primary_key.columns),
        uniques=tuple(_read_uniques(table)),
        indexes=tuple(_read_indexes(table)),
        foreign_keys=tuple(_read_foreign_keys(table, dialect)),
        checks=checks,
        comment=table.comment or None,
    )


def _read_column(column: sa.Column[Any], dialect: Dialect) -> Column:
    generated = column.computed or column.identity
    return Column(
        # A quoted_name is a str of its own kind: its lower() is itself.
        name=str(column.name),
        type=_describe(column, dialect),
        nullable=bool(column.nullable),
        default=_render_default(column, dialect),
        autoincrement=_is_numbered(column, dialect),
        generated=str(column.computed.sqltext) if column.computed is not None else None,
        comment=column.comment or None,
        python_default=column.default is not None and not generated,
        python_onupdate=column.onupdate is not None,
        is_always_numbered=_is_identity(column, dialect)
        and bool(getattr(column.identity, "always", False)),
        python_constant=_write_constant(column),
    )


def _is_identity(column: sa.Column[Any], dialect: Dialect) -> bool:
    """Tell a column the engine numbers because of its Identity, which few engines know."""
    return column.identity is not None and dialect.supports_identity_columns


def _write_constant(column: sa.Column[Any]) -> str | None:
    value = getattr(column.default, "arg", None)
    if type(value) is str:  # no enum's member, which PyDAL could not write
        return json.dumps(value, ensure_ascii=False)
    return repr(value) if type(value) in (bool, int, float) else None


def _describe(column: sa.Column[Any], dialect: Dialect) -> Type:
    try:
        return describe(column.type, dialect)
    except Exception:  # noqa: BLE001 - a project's own type may do anything
        return Type("unknown", type(column.type).__name__)


def _is_numbered(column: sa.Column[Any], dialect: Dialect) -> bool:
    if dialect.name == "sqlite":
        # SQLite numbers the rows of any table whose key is declared INTEGER, and of no other.
        is_only_key = [*column.table.primary_key.columns] == [column]
        return is_only_key and _describe(column, dialect).bits == 32  # noqa: PLR2004 - bits
    return _is_identity(column, dialect) or column is column.table.autoincrement_column


def _render_default(column: sa.Column[Any], dialect: Dialect) -> str | None:
    default = column.server_default
    if not isinstance(default, sa.DefaultClause):
        # A bare FetchedValue says that the engine fills the column, but not with what.
        has_value = default is not None and column.computed is None and column.identity is None
        return "(set by the database)" if has_value else None
    if isinstance(default.arg, str):
        return "'" + default.arg.replace("'", "''") + "'"
    try:
        compiled = default.arg.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    except SQLAlchemyError:
        return str(default.arg)
    return str(compiled)


def _read_uniques(table: sa.Table) -> Iterator[Unique]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            names = tuple(column.name for column in constraint.columns)
            yield Unique(names, _name(constraint))
    for index in table.indexes:
        if index.unique and len(index.columns) == len(index.expressions):
            yield Unique(tuple(column.name for column in index.columns), _name(index))


def _read_indexes(table: sa.Table) -> Iterator[Index]:
    for index in table.indexes:
        names = tuple(column.name for column in index.columns)
        definition = ", ".join(str(getattr(e, "name", e)) for e in index.expressions)
        yield Index(definition, names, _name(index), bool(index.unique))


def _read_foreign_keys(table: sa.Table, dialect: Dialect) -> Iterator[ForeignKey]:
    for constraint in table.foreign_key_constraints:
        yield ForeignKey(
            columns=tuple(constraint.column_keys),
            target=_name_target(constraint, dialect) if constraint.elements else "",
            target_columns=tuple(read_target(element)[2] for element in constraint.elements),
            ondelete=(constraint.ondelete or "").upper(),
            onupdate=(constraint.onupdate or "").upper(),
            name=_name(constraint),
        )


def _read_checks(table: sa.Table, dialect: Dialect) -> Iterator[Check]:
    own = [constraint for column in table.columns for constraint in column.constraints]
    for constraint in (*table.constraints, *own):
        if not isinstance(constraint, sa.CheckConstraint):
            continue
        try:
            written = constraint.sqltext.compile(
                dialect=dialect, compile_kwargs={"literal_binds": True}
            )
            text = str(written)
        except SQLAlchemyError:
            text = str(constraint.sqltext)
        yield Check(text, _name(constraint))


def _name(item: sa.Constraint | sa.Index) -> str | None:
    return str(item.name) if isinstance(item.name, str) else None
