"""Models built in an empty database, and what of them cannot be built.

What SQLAlchemy itself refuses is found without a server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import NoReferenceError, SQLAlchemyError

from bilayer.drift.defects import LostTarget, Unbuilt
from bilayer.drift.readers.keys import read_target
from bilayer.drift.readers.sqlalchemy import list_tables
from bilayer.errors import BilayerError
from bilayer.urls import engine_name


def build(metadatas: Sequence[sa.MetaData], engine: sa.Engine) -> list[Unbuilt]:
    """Create all tables in an empty database; carry on past tables that cannot be made.

    Returns:
        What could not be made.

    Raises:
        BilayerError: A table would be made in another database. Nothing was sent.
    """
    failures: list[Unbuilt] = []
    schemas = sorted({table.schema for table in list_tables(metadatas) if table.schema})
    if schemas and engine_name(engine.dialect.name) == "mysql":
        message = (
            f"tables name the schemas {', '.join(schemas)}, each a database of its own on this"
            " engine: nothing is built outside the scratch database"
        )
        raise BilayerError(message)
    for schema in schemas if engine.dialect.name == "postgresql" else ():
        with contextlib.suppress(SQLAlchemyError), engine.begin() as connection:
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    for metadata in metadatas:
        try:
            metadata.create_all(engine)
        except (SQLAlchemyError, TypeError) as error:
            failures += _build_one_by_one(metadata, engine, error)
    return failures


def list_unbuildable(metadatas: Sequence[sa.MetaData], dialect: Dialect) -> list[Unbuilt]:
    """List the tables for which SQLAlchemy can write no statement."""
    found = []
    for table in list_tables(metadatas):
        try:
            sa.schema.CreateTable(table).compile(dialect=dialect)
        except Exception as error:  # noqa: BLE001 - a project's own type may do anything
            found.append(Unbuilt(table.fullname, _first_line(error)))
    return found


def list_lost_targets(metadatas: Sequence[sa.MetaData]) -> Iterator[LostTarget]:
    """List the foreign keys that point to a table of no metadata, or of another one."""
    known = {name for metadata in metadatas for name in metadata.tables}
    for table in list_tables(metadatas):
        for link in table.foreign_key_constraints:
            for element in link.elements:
                target = _find_target(element)
                if target not in table.metadata.tables:
                    column = str(element.parent.name)
                    yield LostTarget(table.fullname, column, target, target in known)


def _find_target(link: sa.ForeignKey) -> str:
    """Name the table a key leads to as its metadata does, also where no metadata has it."""
    try:
        return link.column.table.fullname
    except NoReferenceError:
        return ".".join(filter(None, read_target(link)[:2]))


def _build_one_by_one(metadata: sa.MetaData, engine: sa.Engine, error: Exception) -> list[Unbuilt]:
    failures: list[Unbuilt] = []
    for table in _order(metadata):
        try:
            table.create(engine, checkfirst=True)
        except (SQLAlchemyError, TypeError) as reason:
            failures.append(Unbuilt(table.fullname, _first_line(reason)))
    return failures or [Unbuilt(None, _first_line(error))]


def _order(metadata: sa.MetaData) -> Sequence[sa.Table]:
    try:
        return metadata.sorted_tables
    except SQLAlchemyError:
        return list(metadata.tables.values())


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
