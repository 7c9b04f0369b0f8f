"""How tables and columns are kept, in the engine's own words: what an inspector does not tell."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

import sqlalchemy as sa

_DISPLAY_WIDTH: Final = re.compile(r"\b((?:small|medium|big)?int|year)\(\d+\)(?!.*zerofill)")
_ON_UPDATE: Final = re.compile(r"on update (\S+)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What the engine itself says of a column; see ``snapshot.Column``."""

    native: str = ""
    collation: str | None = None
    on_update: str = ""
    is_invisible: bool = False


def read_columns(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[tuple[str, str], ColumnFacts]:
    """Ask for columns in the engine's own words; SQLite has none, only what somebody wrote."""
    if engine == "sqlite":
        return {}
    if engine == "mysql":
        return _read_mysql_columns(connection)
    query = sa.text(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f')"
        " AND n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    # Whether a type's schema is named depends on the search path of whoever asks.
    return {
        (table, name): ColumnFacts(text.rpartition(".")[2])
        for table, name, text in connection.execute(query)
    }


def _read_mysql_columns(connection: sa.Connection) -> dict[tuple[str, str], ColumnFacts]:
    rows = connection.exec_driver_sql(
        "SELECT table_name, column_name, column_type, collation_name, extra"
        " FROM information_schema.columns WHERE table_schema = database()"
    )
    found = {}
    for table, name, type_, collation, extra in rows:
        on_update = _ON_UPDATE.search(extra)
        found[table, name] = ColumnFacts(
            native=_DISPLAY_WIDTH.sub(r"\1", type_),
            collation=collation,
            on_update=on_update.group(1).lower() if on_update else "",
            is_invisible="INVISIBLE" in extra.upper(),
        )
    return found


def read_numbering(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[tuple[str, str], str]:
    """Tell how PostgreSQL numbers columns, as far as that is not the usual way.

    Of a sequence that is not the column's own it tells the name; it stands for itself.
    """
    if engine != "postgresql":
        return {}
    query = sa.text(
        "SELECT t.relname, a.attname, CASE WHEN NOT u.is_own"
        " AND q.relname <> t.relname || '_' || a.attname || '_seq' THEN q.relname::text"
        " ELSE concat_ws(' ',"
        " 'INCREMENT BY ' || nullif(s.seqincrement, 1), 'START ' || nullif(s.seqstart, 1),"
        " 'MINVALUE ' || nullif(s.seqmin, 1), CASE WHEN s.seqmax NOT IN"
        " (2147483647, 9223372036854775807, 32767) THEN 'MAXVALUE ' || s.seqmax END,"
        " 'CACHE ' || nullif(s.seqcache, 1), CASE WHEN s.seqcycle THEN 'CYCLE' END) END"
        " FROM (SELECT d.objid AS sequence, d.refobjid AS owner, d.refobjsubid AS place,"
        "  true AS is_own FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
        "  AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i' AND d.refobjsubid > 0"
        " UNION ALL SELECT d.refobjid, f.adrelid, f.adnum, EXISTS (SELECT 1 FROM pg_depend o"
        "  WHERE o.classid = 'pg_class'::regclass AND o.objid = d.refobjid AND o.deptype = 'a'"
        "  AND o.refobjid = f.adrelid AND o.refobjsubid = f.adnum)"
        "  FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid"
        "  WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass) u"
        " JOIN pg_sequence s ON s.seqrelid = u.sequence JOIN pg_class q ON q.oid = u.sequence"
        " JOIN pg_class t ON t.oid = u.owner JOIN pg_namespace n ON n.oid = t.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.place"
        " WHERE n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    return {(table, name): text for table, name, text in connection.execute(query)}


def read_options(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[str, tuple[str, ...]]:
    """Tell how each table is stored and guarded, where that is not the usual way."""
    if engine == "sqlite":
        return {}
    if engine == "mysql":
        rows = connection.exec_driver_sql(
            "SELECT table_name, engine, table_collation, create_options"
            " FROM information_schema.tables"
            " WHERE table_schema = database() AND table_type = 'BASE TABLE'"
        )
        return {
            name: (f"ENGINE={kind}", f"COLLATE={collation}", *(text or "").split())
            for name, kind, collation, text in rows
        }
    query = sa.text(
        "SELECT c.relname, array_remove(ARRAY["
        " CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED' END,"
        " CASE WHEN c.relrowsecurity THEN 'ROW LEVEL SECURITY' END,"
        " CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,"
        " 'PARTITION BY ' || pg_get_partkeydef(c.oid),"
        " 'INHERITS ' || (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)"
        " FROM pg_inherits i WHERE i.inhrelid = c.oid AND NOT c.relispartition)]"
        " || c.reloptions, NULL)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname = coalesce(:schema, current_schema())"
    ).bindparams(schema=schema)
    return {name: tuple(found) for name, found in connection.execute(query)}


def read_collation(connection: sa.Connection, engine: str) -> str | None:
    """Tell how a MariaDB database compares text where neither column nor table says it."""
    if engine != "mysql":
        return None
    found = connection.exec_driver_sql("SELECT @@collation_database").scalar()
    return str(found)
