"""What a catalog holds besides tables: views, triggers, sequences, schemas, policies, domains.

Each comes with the statements that make it and take it away. What an extension owns is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from bilayer.drift.constraints import CatalogObject

# Each gives kind, catalog and number, schema, name, table, definition, create, drop, is enabled.
_POSTGRESQL: Final = (
    """
    SELECT w.kind, 'pg_class', c.oid, n.nspname, c.relname, NULL, pg_get_viewdef(c.oid),
      'CREATE ' || upper(w.kind) || ' ' || c.oid::regclass || ' AS ' || pg_get_viewdef(c.oid),
      'DROP ' || upper(w.kind) || ' ' || c.oid::regclass, true
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN (VALUES ('v', 'view'), ('m', 'materialized view')) w(relkind, kind)
      ON w.relkind = c.relkind::text
    """,
    """
    SELECT 'trigger', 'pg_class', c.oid, n.nspname, t.tgname, c.relname,
      pg_get_triggerdef(t.oid, true), pg_get_triggerdef(t.oid, true),
      'DROP TRIGGER ' || quote_ident(t.tgname) || ' ON ' || c.oid::regclass, t.tgenabled <> 'D'
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND NOT c.relispartition AND NOT EXISTS (SELECT 1 FROM pg_depend d
      WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e')
    """,
    """
    SELECT 'row security policy', 'pg_class', c.oid, n.nspname, p.polname, c.relname, d.text,
      'CREATE POLICY ' || quote_ident(p.polname) || ' ON ' || c.oid::regclass || ' ' || d.text,
      'DROP POLICY ' || quote_ident(p.polname) || ' ON ' || c.oid::regclass, true
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (
      SELECT CASE WHEN p.polpermissive THEN '' ELSE 'AS RESTRICTIVE ' END || 'FOR '
      || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
      || ' TO ' || (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE r::regrole::text END,
        ', ' ORDER BY r) FROM unnest(p.polroles) r)
      || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
      || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
    ) d(text)
    """,
    """
    SELECT 'exclusion constraint', 'pg_class', c.oid, n.nspname, k.conname, c.relname, d.text,
      'ALTER TABLE ' || c.oid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' '
        || d.text,
      'ALTER TABLE ' || c.oid::regclass || ' DROP CONSTRAINT ' || quote_ident(k.conname), true
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL pg_get_constraintdef(k.oid) d(text)
    WHERE k.contype = 'x' AND NOT c.relispartition
    """,
    # A column's own sequence is told with the column.
    """
    SELECT 'sequence', 'pg_class', c.oid, n.nspname, c.relname, NULL, d.text,
      'CREATE SEQUENCE ' || c.oid::regclass || ' ' || d.text, 'DROP SEQUENCE ' || c.oid::regclass,
      true
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (
      SELECT 'AS ' || format_type(s.seqtypid, NULL) || ' INCREMENT BY ' || s.seqincrement
      || ' MINVALUE ' || s.seqmin || ' MAXVALUE ' || s.seqmax || ' START ' || s.seqstart
      || ' CACHE ' || s.seqcache || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE ' NO CYCLE' END
    ) d(text)
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend u WHERE u.classid = 'pg_class'::regclass
      AND u.objid = c.oid AND u.refclassid = 'pg_class'::regclass AND u.deptype IN ('a', 'i'))
    AND NOT EXISTS (SELECT 1 FROM pg_depend u JOIN pg_attrdef f ON f.oid = u.objid
      JOIN pg_class t ON t.oid = f.adrelid
      JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
      WHERE u.classid = 'pg_attrdef'::regclass AND u.refclassid = 'pg_class'::regclass
      AND u.refobjid = c.oid AND c.relname = t.relname || '_' || a.attname || '_seq')
    """,
    """
    SELECT 'domain', 'pg_type', t.oid, n.nspname, t.typname, NULL, d.text,
      'CREATE DOMAIN ' || t.oid::regtype || ' AS ' || d.text, 'DROP DOMAIN ' || t.oid::regtype,
      true
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace, LATERAL (
      SELECT format_type(t.typbasetype, t.typtypmod) || coalesce(' DEFAULT ' || t.typdefault, '')
      || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
      || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '')
    ) d(text)
    WHERE t.typtype = 'd'
    """,
    """
    SELECT 'schema', 'pg_namespace', n.oid, NULL, n.nspname, NULL, '',
      'CREATE SCHEMA ' || quote_ident(n.nspname), 'DROP SCHEMA ' || quote_ident(n.nspname), true
    FROM pg_namespace n WHERE n.nspname NOT IN ('public', 'information_schema', current_schema())
      AND left(n.nspname, 3) <> 'pg_'
      AND NOT EXISTS (SELECT 1 FROM pg_extension e WHERE e.extnamespace = n.oid)
    """,
)
_EXTENSION: Final = (
    "SELECT classid::regclass::text, objid FROM pg_depend WHERE deptype = 'e'"
    " AND classid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)"
)
_SERVER: Final = ("information_schema", "pg_catalog", "pg_toast")


def read_objects(connection: sa.Connection, engine: str) -> tuple[CatalogObject, ...]:
    """Read all there is besides tables."""
    if engine == "sqlite":
        found = _read_sqlite(connection)
    elif engine == "mysql":
        found = _read_mysql(connection)
    else:
        found = _read_postgresql(connection)
    return tuple(sorted(found, key=lambda each: (each.kind, each.table or "", each.name)))


def list_unseen(connection: sa.Connection, engine: str) -> frozenset[str]:
    """List the kinds that this role may not see: MariaDB shows triggers to who may make them."""
    if engine != "mysql":
        return frozenset()
    may_see = connection.exec_driver_sql(
        "SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER'"
        " UNION ALL SELECT 1 FROM information_schema.schema_privileges"
        " WHERE privilege_type = 'TRIGGER' AND database() LIKE table_schema"
    ).first()
    return frozenset() if may_see else frozenset({"trigger"})


def _read_postgresql(connection: sa.Connection) -> Iterator[CatalogObject]:
    usual = connection.exec_driver_sql("SELECT current_schema()").scalar()
    owned = {(catalog, number) for catalog, number in connection.exec_driver_sql(_EXTENSION)}
    for query in _POSTGRESQL:
        rows = connection.exec_driver_sql(query)
        for kind, catalog, number, schema, name, table, text, create, drop, is_on in rows:
            if (catalog, number) in owned or schema in _SERVER:
                continue
            prefix = "" if schema in (None, usual) else f"{schema}."
            # What belongs to a table is found by the table's name.
            names = (name, f"{prefix}{table}") if table else (f"{prefix}{name}", None)
            made = create.rstrip().removesuffix(";")
            yield CatalogObject(kind, names[0], text, made, drop, names[1], is_on)


def _read_sqlite(connection: sa.Connection) -> Iterator[CatalogObject]:
    rows = connection.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('view', 'trigger')"
    )
    for kind, name, table, text in rows:
        quoted = '"' + name.replace('"', '""') + '"'
        # A trigger's statements hold line ends; what makes a view begins with its own name.
        definition = re.sub(r"\s+", " ", text).strip()
        owner = table if kind == "trigger" else None
        yield CatalogObject(kind, name, definition, text, f"DROP {kind.upper()} {quoted}", owner)


def _read_mysql(connection: sa.Connection) -> Iterator[CatalogObject]:
    database = connection.exec_driver_sql("SELECT database()").scalar_one()
    views = connection.exec_driver_sql(
        "SELECT table_name, view_definition FROM information_schema.views"
        " WHERE table_schema = database()"
    )
    for name, text in views:
        # The engine names the database before each table.
        body = text.replace(f"`{database}`.", "")
        create = f"CREATE VIEW {_quote(name)} AS {body}"
        yield CatalogObject("view", name, body, create, f"DROP VIEW {_quote(name)}")
    triggers = connection.exec_driver_sql(
        "SELECT trigger_name, event_object_table, action_timing, event_manipulation,"
        " action_statement FROM information_schema.triggers WHERE trigger_schema = database()"
    )
    for name, table, timing, event, body in triggers:
        text = f"{timing} {event} ON {_quote(table)} FOR EACH ROW {body}"
        drop = f"DROP TRIGGER {_quote(name)}"
        yield CatalogObject(
            "trigger", name, text, f"CREATE TRIGGER {_quote(name)} {text}", drop, table
        )
    yield from _read_mariadb_sequences(connection)


def _read_mariadb_sequences(connection: sa.Connection) -> Iterator[CatalogObject]:
    names = connection.exec_driver_sql(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = database() AND table_type = 'SEQUENCE'"
    )
    for (name,) in names.all():
        columns = "start_value, minimum_value, maximum_value, increment, cache_size, cycle_option"
        query = f"SELECT {columns} FROM {_quote(name)}"  # noqa: S608 - a name of the catalog
        row: Any = connection.exec_driver_sql(query).one()
        text = (
            f"START WITH {row[0]} MINVALUE {row[1]} MAXVALUE {row[2]} INCREMENT BY {row[3]}"
            f" CACHE {row[4]} {'CYCLE' if row[5] else 'NOCYCLE'}"
        )
        create = f"CREATE SEQUENCE {_quote(name)} {text}"
        yield CatalogObject("sequence", name, text, create, f"DROP SEQUENCE {_quote(name)}")


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
