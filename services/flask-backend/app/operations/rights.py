"""What the service's role may do in the database: read and write rows, and nothing beyond.

A role that can make or drop tables turns any flaw of the service into the loss of everything;
``sql/roles.*.sql`` make one that cannot.
"""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from app.operations.grants import GRANT_OPTION, ROWS, read_grants
from bilayer.urls import engine_name

# Each answer is called what is wrong with the role if it is true.
_POSTGRESQL_FLAWS: Final = """
    WITH tables AS (
        SELECT oid, relowner FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    )
    SELECT
        rolsuper AS "is a superuser",
        rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
            AS "may make roles or databases, replicate or see past row security",
        has_database_privilege(current_database(), 'CREATE') AS "may make schemas",
        current_schema() IS NULL AS "may use no schema of its search_path",
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS "may make tables",
        EXISTS (SELECT FROM tables WHERE pg_has_role(relowner, 'MEMBER')) AS "owns tables",
        EXISTS (SELECT FROM tables WHERE has_table_privilege(oid, 'TRUNCATE'))
            AS "may truncate tables",
        EXISTS (
            SELECT FROM pg_roles AS other
            WHERE other.rolname IN (
                'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'
            ) AND pg_has_role(other.oid, 'MEMBER')
        ) AS "may use files and programs of the server"
    FROM pg_roles WHERE rolname = current_user"""

_POSTGRESQL_LACKING: Final = """
    SELECT relname, privilege
    FROM unnest(CAST(:names AS text[]), CAST(:rights AS text[])) AS needed (name, privilege)
    JOIN pg_class ON relname = name AND relnamespace = current_schema()::regnamespace
    WHERE NOT CASE
        WHEN name = 'audit_log' AND privilege = 'UPDATE'
        THEN has_any_column_privilege(pg_class.oid, privilege)
        ELSE has_table_privilege(pg_class.oid, privilege)
    END"""

_GUARDED: Final = {
    "audit_log": ("SELECT", "INSERT", "UPDATE"),
    "audit_blocks": ("SELECT", "INSERT"),
}
"""What PostgreSQL lets the role do in these tables; of the first it may update some columns."""

_MYSQL_EXCESS: Final = {
    "SUPER": "administers the server",
    "FILE": "reads and writes files of the server",
    "CREATE USER": "may make users",
    "CREATE": "may make tables",
    "ALTER": "may alter tables",
    "DROP": "may drop and truncate tables",
    GRANT_OPTION: "may give its rights to others",
}


def find_flaws(connection: sa.Connection) -> list[str]:
    """Return what is wrong with the role's rights, as ends of a sentence about it.

    It must read and write the rows of the application's tables, and read the revision; tables that
    are not there yet do not count on PostgreSQL, where rights are given to each.

    Args:
        connection: A connection of that role.
    """
    from app.models import list_tables  # noqa: PLC0415 - the runtime, whose metrics a server has to prepare first

    tables = list_tables(connection.engine.url)
    if engine_name(connection.dialect.name) == "postgresql":
        return list(_find_in_postgresql(connection, tables))
    return list(_find_in_mysql(connection, tables))


def _find_in_postgresql(connection: sa.Connection, tables: list[str]) -> Iterator[str]:
    answers = connection.execute(sa.text(_POSTGRESQL_FLAWS)).mappings().one()
    yield from (str(flaw) for flaw, is_so in answers.items() if is_so)
    wanted = [(table, right) for table in tables for right in _GUARDED.get(table, ROWS)]
    names, rights = zip(*wanted, ("alembic_version", "SELECT"), strict=True)
    needed = {"names": list(names), "rights": list(rights)}
    found = connection.execute(sa.text(_POSTGRESQL_LACKING), needed)
    yield from _sentences({(table, right) for table, right in found})


def _find_in_mysql(connection: sa.Connection, tables: list[str]) -> Iterator[str]:
    database = connection.execute(sa.text("SELECT database()")).scalar_one()
    rights = read_grants(connection.execute(sa.text("SHOW GRANTS")).scalars(), database)
    held = set().union(*rights.values())
    yield from (flaw for right, flaw in _MYSQL_EXCESS.items() if right in held)
    wanted = {(table, right) for table in tables for right in ROWS}
    wanted.add(("alembic_version", "SELECT"))
    here = {table: rights.get(table, set()) | rights.get("*", set()) for table, _ in wanted}
    yield from _sentences({(table, right) for table, right in wanted if right not in here[table]})


def _sentences(lacking: set[tuple[str, str]]) -> Iterator[str]:
    """Say for each right on which tables it is missing."""
    for right in ROWS:
        tables = sorted(table for table, missing in lacking if missing == right)
        if tables:
            yield f"may not {right} in {', '.join(tables)}"
