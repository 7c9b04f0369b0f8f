"""What a database's own catalog says, as plain values that can be compared."""

from __future__ import annotations

import re

import sqlalchemy as sa

from bilayer.urls import engine_name

Catalog = frozenset[tuple[str, ...]]

_POSTGRESQL = """
SELECT 'class', relname, relkind::text, '' FROM pg_class WHERE relnamespace = {public}
UNION ALL
SELECT 'column', attrelid::regclass::text || '.' || attname,
    format_type(atttypid, atttypmod) || ' ' || attnotnull || ' ' || attcollation::regcollation,
    pg_get_expr(adbin, adrelid)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = {public} AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid),
    convalidated::text
FROM pg_constraint WHERE connamespace = {public}
UNION ALL
SELECT 'index', indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'type', typname, typtype::text, '' FROM pg_type
WHERE typnamespace = {public} AND typtype <> 'c' AND typcategory <> 'A'
"""


def read_catalog(url: str | sa.URL) -> Catalog:
    """Read everything but Alembic's own table."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        name = engine_name(engine.dialect.name)
        if name == "sqlite":
            found = _rows(connection, "SELECT type, name, tbl_name, sql FROM sqlite_master")
            rows = [(*row, _unquoted(str(sql))) for *row, sql in found]
        elif name == "postgresql":
            rows = _rows(connection, _POSTGRESQL.format(public="'public'::regnamespace"))
        else:
            tables = [table for (table,) in _rows(connection, "SHOW TABLES")]
            creations = [f"SHOW CREATE TABLE `{table}`" for table in tables]
            rows = [row for statement in creations for row in _rows(connection, statement)]
    plain = {tuple(" ".join(str(part).split()) for part in row) for row in rows}
    return frozenset(row for row in plain if not any("alembic_version" in part for part in row))


def _unquoted(creation: str) -> str:
    """Leave out the quotes that SQLite puts around the name of a table that was renamed."""
    return re.sub(r'\A(CREATE TABLE) "(\w+)"', r"\1 \2", creation)


def _rows(connection: sa.Connection, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(statement)]
