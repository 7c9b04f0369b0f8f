"""PostgreSQL: ``pg_dump`` and the digests read one exported snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from app.models import open_verbatim
from app.operations.backup.engines.common import (
    UNFINISHED,
    VERSION_TABLE,
    Snapshot,
    connecting,
)
from app.operations.backup.engines.scratch import Statements, scratch_database
from app.operations.backup.errors import BackupError
from app.operations.backup.tools import Feed, find_postgresql_tool, reading_from, writing_to

_FILE: Final = "database.pgdump"
_SNAPSHOT: Final = "SELECT pg_export_snapshot(), current_setting('server_version_num')::int"
_REVISION: Final = "SELECT version_num FROM public.alembic_version"
_SCRATCH: Final = Statements(
    list_unused="""SELECT datname FROM pg_database AS one WHERE starts_with(datname, :prefix)
AND NOT EXISTS (SELECT FROM pg_stat_activity AS other WHERE other.datname = one.datname)""",
    create="CREATE DATABASE NAME TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
    drop="DROP DATABASE IF EXISTS NAME WITH (FORCE)",
    reason=lambda error: str(error).strip().partition("\n")[0],
)

_GUARD: Final = """
DO $$
DECLARE
    role name;
BEGIN
    FOR role IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'public' AND table_name = 'audit_log'
            AND privilege_type = 'DELETE' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE ON audit_log, audit_blocks FROM %I', role);
        EXECUTE format('GRANT UPDATE (block, record_id, old_value, new_value, salt)'
            ' ON audit_log TO %I', role);
    END LOOP;
END
$$
"""
"""A dump has no privileges, so a restored table has the default ones: those of the audit log are
made less again, as its revision does."""


class PostgreSQL:
    """Backups of a database on a PostgreSQL server."""

    @contextmanager
    def snapshot(self, url: sa.URL, work: Path) -> Iterator[Snapshot]:  # noqa: ARG002 - streamed
        """Export a snapshot, and let ``pg_dump`` write it."""
        with (
            open_verbatim(url) as database,
            database.transaction("REPEATABLE READ", readonly=True),
        ):
            ((exported, number),) = database.dal.executesql(_SNAPSHOT)
            server = number // 10_000
            program, version = _find("pg_dump", server)
            command = [
                *(program, "--format=custom", "--no-owner", "--no-privileges", "--no-password"),
                *(f"--snapshot={exported}", "--lock-wait-timeout=60s"),
                # Extensions belong to the server, and may be a superuser's to make.
                *("--table=public.*", f"--exclude-table=public.{VERSION_TABLE}"),
                f"--exclude-table=public.{UNFINISHED}",
            ]
            where, secret = _address(url)
            with reading_from([*command, f"--dbname={where}"], secret) as source:
                yield Snapshot(
                    database=database,
                    source=source,
                    file=_FILE,
                    server=f"PostgreSQL {server}",
                    tool=f"pg_dump {version}",
                    revision=_revision(database),
                )

    def load(self, url: sa.URL, feed: Feed, work: Path, *, dumped_with: str) -> None:  # noqa: ARG002 - streamed
        """Let ``pg_restore`` make everything in one transaction."""
        with connecting(url) as connection:
            number = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
        least = max(int(number) // 10_000, int(dumped_with.rsplit(maxsplit=1)[-1]))
        program, _ = _find("pg_restore", least)
        command = [
            *(program, "--format=custom", "--no-owner", "--no-privileges", "--no-password"),
            *("--single-transaction", "--exit-on-error"),
        ]
        where, secret = _address(url)
        writing_to([*command, f"--dbname={where}"], secret, feed)
        with connecting(url) as connection:
            connection.execute(sa.text(_GUARD))
            # A dump has no statistics, by which queries are planned.
            connection.exec_driver_sql("ANALYZE")

    def scratch(self, url: sa.URL, work: Path) -> AbstractContextManager[sa.URL]:  # noqa: ARG002 - on the server
        """Lend a database on the same server."""
        return scratch_database(url, _SCRATCH)


def _find(name: str, least: int) -> tuple[str, int]:
    found = find_postgresql_tool(name, least)
    if found is None:
        newest = find_postgresql_tool(name, 0)
        there = f"the one here is {newest[1]}" if newest else "there is none here"
        message = f"The server needs {name} {least} or newer, and {there}"
        raise BackupError(f"{message}: install postgresql-client-{least}.")
    return found


def _address(url: sa.URL) -> tuple[str, dict[str, str]]:
    """Return what a tool connects by, and in its environment what nobody else may read."""
    options = dict(sa.create_engine(url).dialect.create_connect_args(url)[1])
    password = options.pop("password", None)
    where = " ".join(f"{name}={_quote(str(value))}" for name, value in options.items())
    return where, {"PGPASSWORD": password} if password else {}


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _revision(database: Any) -> str:
    rows = database.dal.executesql(_REVISION)
    return ",".join(revision for (revision,) in rows)
