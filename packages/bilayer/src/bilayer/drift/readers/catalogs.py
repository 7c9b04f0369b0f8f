"""What an inspector leaves out of indexes and constraints, asked of the catalogs themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

Key = tuple[str | None, str]
Named = tuple[str, str]
"""A table, and the name of a column, index or constraint in it."""


def read_index_definitions(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[Named, str]:
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


def _read_mysql_indexes(connection: sa.Connection) -> dict[Named, str]:
    unused = _choose_unused(connection)
    rows = connection.exec_driver_sql(
        f"SELECT table_name, index_name, column_name, sub_part, collation, index_type, {unused}"  # noqa: S608 - a constant
        " FROM information_schema.statistics WHERE table_schema = database()"
        " ORDER BY table_name, index_name, seq_in_index"
    )
    columns: dict[Named, list[str]] = {}
    forms: dict[Named, tuple[str, str]] = {}
    for table, name, column, prefix, direction, method, is_unused in rows:
        text = f"{column}({prefix})" if prefix else str(column)
        columns.setdefault((table, name), []).append(text + (" DESC" if direction == "D" else ""))
        forms[table, name] = (str(method).lower(), " IGNORED" if is_unused else "")
    return {
        key: f"{forms[key][0]} ({', '.join(texts)}){forms[key][1]}"
        for key, texts in columns.items()
    }


def _choose_unused(connection: sa.Connection) -> str:
    """Choose how an index tells that it is not used: MariaDB since 10.6, MySQL since 8."""
    rows = connection.exec_driver_sql(
        "SELECT lower(column_name) FROM information_schema.columns"
        " WHERE lower(table_schema) = 'information_schema' AND lower(table_name) = 'statistics'"
    )
    names = set(rows.scalars())
    if "ignored" in names:
        return "ignored = 'YES'"
    return "is_visible = 'NO'" if "is_visible" in names else "false"


def read_ignored_indexes(connection: sa.Connection) -> dict[Key, list[dict[str, Any]]]:
    """Read the indexes MariaDB keeps and does not use, of which an inspector knows nothing."""
    if not _choose_unused(connection).startswith("ignored"):
        return {}
    rows = connection.exec_driver_sql(
        "SELECT table_name, index_name, non_unique, column_name FROM information_schema.statistics"
        " WHERE table_schema = database() AND ignored = 'YES'"
        " ORDER BY table_name, index_name, seq_in_index"
    )
    found: dict[Key, dict[str, dict[str, Any]]] = {}
    for table, name, is_ambiguous, column in rows:
        index = {"name": name, "unique": not is_ambiguous, "column_names": []}
        found.setdefault((None, table), {}).setdefault(name, index)["column_names"].append(column)
    return {key: list(indexes.values()) for key, indexes in found.items()}


def list_invalid_indexes(
    connection: sa.Connection, schema: str | None, engine: str
) -> frozenset[Named]:
    """List the indexes that CREATE INDEX CONCURRENTLY did not build to the end."""
    if engine != "postgresql":
        return frozenset()
    query = sa.text(
        "SELECT t.relname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " WHERE NOT i.indisvalid AND n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    return frozenset((table, name) for table, name in connection.execute(query))


def read_mariadb_checks(connection: sa.Connection) -> tuple[dict[Key, Any], frozenset[Named]]:
    """Read all checks: SQLAlchemy leaves out those of a column, which also mark a JSON column."""
    rows = connection.exec_driver_sql(
        "SELECT table_name, constraint_name, check_clause FROM"
        " information_schema.check_constraints WHERE constraint_schema = database()"
        " ORDER BY table_name, constraint_name"
    )
    checks: dict[Key, Any] = {}
    documents: set[Named] = set()
    for table, name, clause in rows:
        document = re.fullmatch(r"json_valid\(`(.+)`\)", clause)
        if document:
            documents.add((table, document.group(1)))
        else:
            checks.setdefault((None, table), []).append({"name": name, "sqltext": clause})
    return checks, frozenset(documents)


def read_constraint_definitions(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[Named, str]:
    """Ask PostgreSQL for keys and checks, of which an inspector tells a part."""
    if engine != "postgresql":
        return {}
    query = sa.text(
        "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k"
        " JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE k.contype IN ('u', 'f', 'c') AND n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    return {(table, name): text for table, name, text in connection.execute(query)}


def list_unenforced_links(
    connection: sa.Connection, schema: str | None, engine: str
) -> frozenset[Named]:
    """List the foreign keys whose triggers somebody disabled, on either of their two tables."""
    if engine != "postgresql":
        return frozenset()
    query = sa.text(
        "SELECT DISTINCT c.relname, k.conname FROM pg_trigger t"
        " JOIN pg_constraint k ON k.oid = t.tgconstraint AND k.contype = 'f'"
        " JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE t.tgisinternal AND t.tgenabled = 'D'"
        " AND n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    return frozenset((table, name) for table, name in connection.execute(query))


def list_foreign_tables(connection: sa.Connection, engine: str) -> list[str]:
    """List the tables nobody declares: an extension's, and the partitions of a table."""
    if engine != "postgresql":
        return []
    rows = connection.exec_driver_sql(
        "SELECT n.nspname = current_schema(), n.nspname, c.relname"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relispartition OR EXISTS (SELECT 1 FROM pg_depend d WHERE d.deptype = 'e'"
        " AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)"
    )
    return [name if is_default else f"{schema}.{name}" for is_default, schema, name in rows]
