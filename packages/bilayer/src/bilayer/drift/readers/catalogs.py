"""What an inspector leaves out, asked of the catalogs of PostgreSQL and MariaDB themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

_DISPLAY_WIDTH: Final = re.compile(r"\b((?:small|medium|big)?int|year)\(\d+\)(?!.*zerofill)")
_Key = tuple[str | None, str]


def read_index_definitions(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[tuple[str, str], str]:
    """Ask the engine for index definitions, and keep what follows the index's name and table."""
    if engine == "postgresql":
        query = sa.text(
            "SELECT tablename, indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = coalesce(:schema, current_schema())"
        ).bindparams(schema=schema)
        rows: Iterable[Any] = connection.execute(query)
        return {(table, name): text.partition(" USING ")[2] for table, name, text in rows}
    if engine == "mysql":
        return _read_mysql_indexes(connection)
    return {}


def _read_mysql_indexes(connection: sa.Connection) -> dict[tuple[str, str], str]:
    rows = connection.exec_driver_sql(
        "SELECT table_name, index_name, column_name, sub_part, collation, index_type"
        " FROM information_schema.statistics WHERE table_schema = database()"
        " ORDER BY table_name, index_name, seq_in_index"
    )
    columns: dict[tuple[str, str], list[str]] = {}
    methods: dict[tuple[str, str], str] = {}
    for table, name, column, prefix, direction, method in rows:
        text = f"{column}({prefix})" if prefix else str(column)
        columns.setdefault((table, name), []).append(text + (" DESC" if direction == "D" else ""))
        methods[table, name] = str(method).lower()
    return {key: f"{methods[key]} ({', '.join(texts)})" for key, texts in columns.items()}


def read_mariadb_checks(
    connection: sa.Connection,
) -> tuple[dict[_Key, Any], frozenset[tuple[str, str]]]:
    """Read all checks: SQLAlchemy leaves out those of a column, which also mark a JSON column."""
    rows = connection.exec_driver_sql(
        "SELECT table_name, constraint_name, check_clause FROM"
        " information_schema.check_constraints WHERE constraint_schema = database()"
        " ORDER BY table_name, constraint_name"
    )
    checks: dict[_Key, Any] = {}
    documents: set[tuple[str, str]] = set()
    for table, name, clause in rows:
        document = re.fullmatch(r"json_valid\(`(.+)`\)", clause)
        if document:
            documents.add((table, document.group(1)))
        else:
            checks.setdefault((None, table), []).append({"name": name, "sqltext": clause})
    return checks, frozenset(documents)


def read_constraint_definitions(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[tuple[str, str], str]:
    """Ask PostgreSQL for uniques and foreign keys, of which an inspector tells a part."""
    if engine != "postgresql":
        return {}
    query = sa.text(
        "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k"
        " JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE k.contype IN ('u', 'f') AND n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    return {(table, name): text for table, name, text in connection.execute(query)}


def read_native_types(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[tuple[str, str], str]:
    """Ask for types in the engine's own words; SQLite has none, only what somebody wrote."""
    if engine == "sqlite":
        return {}
    if engine == "mysql":
        rows: Iterable[Any] = connection.exec_driver_sql(
            "SELECT table_name, column_name, column_type FROM information_schema.columns"
            " WHERE table_schema = database()"
        )
        return {(table, name): _DISPLAY_WIDTH.sub(r"\1", text) for table, name, text in rows}
    query = sa.text(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f')"
        " AND n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    rows = connection.execute(query)
    # Whether a type's schema is named depends on the search path of whoever asks.
    return {(table, name): text.rpartition(".")[2] for table, name, text in rows}


def list_extension_tables(connection: sa.Connection, engine: str) -> list[str]:
    """List the tables that an extension of PostgreSQL owns."""
    if engine != "postgresql":
        return []
    rows = connection.exec_driver_sql(
        "SELECT n.nspname = current_schema(), n.nspname, c.relname FROM pg_depend d"
        " JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass"
    )
    return [name if is_default else f"{schema}.{name}" for is_default, schema, name in rows]
