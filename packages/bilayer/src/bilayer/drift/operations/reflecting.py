"""What the migrations made as SQLAlchemy's own tables, from which fixes are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from bilayer.drift.readers.sqlite import find_generated, read_statements, without_index_warnings
from bilayer.drift.scratch.connecting import connect


def reflect_tables(url: sa.URL, schemas: Iterable[str]) -> Sequence[sa.Table]:
    """Reflect the tables of a scratch database.

    Args:
        url: Of the database.
        schemas: Those beside the default one.

    Returns:
        No tables if they cannot be read: a fix that cannot be written is no reason to fail.
    """
    metadata = sa.MetaData()
    engine = connect(url)
    try:
        with engine.connect() as connection, without_index_warnings():
            for schema in (None, *sorted(schemas)):
                metadata.reflect(connection, schema=schema)
            if engine.dialect.name == "sqlite":
                _mend_generated(metadata, read_statements(connection))
    except sa.exc.SQLAlchemyError:
        return ()
    finally:
        engine.dispose()
    for table in metadata.tables.values():
        for index in table.indexes:
            # Reflected under the driver's name, and read under the server's.
            lengths = index.kwargs.get("mysql_length")
            if lengths is not None:
                index.kwargs["mariadb_length"] = lengths
        column = table.autoincrement_column
        default = getattr(column, "server_default", None)
        if column is not None and "nextval(" in str(getattr(default, "arg", "")):
            column.server_default = None  # A serial column brings its sequence along.
    return list(metadata.tables.values())


def _mend_generated(metadata: sa.MetaData, statements: Mapping[str, str]) -> None:
    """Give generated columns their expressions: SQLAlchemy reads SQLite's to the end of a line."""
    for table in metadata.tables.values():
        for column in table.columns:
            found = find_generated(statements.get(table.name, ""), column.name)
            if column.computed is not None and found is not None:
                column.computed.sqltext = sa.text(found)
