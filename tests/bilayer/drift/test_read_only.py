"""A live database is read and never changed, whatever a foreign env.py tries: proofs by log."""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydal import Field

import bilayer
from tests.bilayer.drift.project import CREATE, ENV, write_project
from tests.support.servers import Server

REACH = """
import os
def reach():
    for attempt in (ATTEMPTS):
        try:
            attempt()
        except BaseException:
            pass
reach()
child = os.fork()
if child == 0:
    reach()
    os._exit(0)
os.waitpid(child, 0)
"""
ATTEMPTS = {
    "sqlite": "lambda: __import__('sqlite3').connect('{database}').execute('DROP TABLE t'),"
    "lambda: os.system('rm -f {database}'),",
    "postgresql": "lambda: __import__('psycopg2').connect('{dsn}')"
    ".cursor().execute('DROP TABLE t'),"
    "lambda: os.system('psql {dsn} -c \"DROP TABLE t\"'),",
    "mysql": "lambda: __import__('pymysql').connect(host='{host}', port={port}, user='root',"
    " database='{database}').cursor().execute('DROP TABLE t'),"
    "lambda: os.system('mariadb -h {host} -P {port} -u root {database} -e \"DROP TABLE t\"'),",
}


def foreign_env(url: sa.URL) -> str:
    """Write an env.py that swallows every refusal while it tries to drop a live table."""
    facts = url.translate_connect_args() | {"database": url.database}
    facts["dsn"] = url.set(drivername="postgresql").render_as_string(hide_password=False)
    attempts = ATTEMPTS[url.get_backend_name()].format(**facts)
    own = ENV.replace(
        'sa.engine_from_config(context.config.get_section("alembic"))',
        f"sa.create_engine({url.render_as_string(hide_password=False)!r})",
    )
    return REACH.replace("ATTEMPTS", attempts) + own


def check(folder: Path, url: sa.URL, owner: sa.URL, scratch_url: str | None) -> bilayer.Report:
    """Compare everything with a live database whose t lacks a column."""
    models = sa.MetaData()
    sa.Table("t", models, sa.Column("id", sa.Integer, primary_key=True))
    return bilayer.check(
        metadata=models,
        dal=lambda db: db.define_table("t", Field("extra")),
        migrations=write_project(folder, foreign_env(owner), first=CREATE),
        url=url,
        scratch_url=scratch_url,
        values=True,
    )


def facts_of(path: Path) -> dict[str, Any]:
    return {
        each.name: (hashlib.sha256(each.read_bytes()).hexdigest(), each.stat().st_mtime_ns)
        for each in path.parent.iterdir()
    }


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
def test_sqlite_file_and_its_folder_stay_as_they_are(
    tmp_path: Path, mode: str, *, is_open: bool
) -> None:
    (tmp_path / "live").mkdir()
    path = tmp_path / "live" / "a b.db"
    owner = sqlite3.connect(path)
    owner.execute(f"PRAGMA journal_mode = {mode}")
    owner.execute("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY)")
    owner.execute("INSERT INTO t VALUES (1)")
    owner.commit()
    if not is_open:
        owner.close()
    path.chmod(0o444)
    before = facts_of(path)
    url = sa.make_url(f"sqlite:///{path}")

    report = check(tmp_path / "project", url, url, None)

    after = facts_of(path)
    # A reader of an open log marks itself in the shared memory beside it, as every reader must.
    before.pop("a b.db-shm", None), after.pop("a b.db-shm", None)
    assert after == before
    assert report.failures == ()
    assert ("BL202", "runtime-database") in {(f.code, f.pair) for f in report.findings}
    owner.close()


@pytest.fixture
def live(server: Server) -> Iterator[tuple[sa.URL, sa.URL]]:
    """A database of a server that logs, as its owner and as somebody who may only read it."""
    name, reader = f"live_{secrets.token_hex(4)}", f"reader_{secrets.token_hex(4)}"
    owner = sa.make_url(server.create_database(name))
    engine = sa.create_engine(owner)
    is_mysql = engine.name != "postgresql"
    user = f"{reader}@`%%`" if is_mysql else reader
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY)",
            "INSERT INTO t VALUES (1)",
            f"CREATE USER {user}",
            f"GRANT SELECT ON {f'{name}.*' if is_mysql else 't'} TO {user}",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    yield owner, owner.set(username=reader)
    server.drop_database(name)
    server.execute(f"DROP USER {user}")


def start_log(server: Server) -> None:
    if server.engine == "postgresql":
        server.execute("ALTER SYSTEM SET log_statement = 'all'")
        server.execute("ALTER SYSTEM SET log_line_prefix = '%%d|'")
        server.execute("SELECT pg_reload_conf()")
    else:
        server.execute("SET GLOBAL log_output = 'TABLE'")
        server.execute("SET GLOBAL general_log = ON")


def read_log(server: Server, name: str) -> list[str]:
    """Read what was sent by everybody who was connected to a database, and stop logging."""
    if server.engine == "postgresql":
        for setting in ("log_statement", "log_line_prefix"):
            server.execute(f"ALTER SYSTEM RESET {setting}")
        server.execute("SELECT pg_reload_conf()")
        assert server.process is not None
        log = server.process.log.read_text(errors="replace")
        return re.findall(rf"^{name}\|LOG:  statement: \s*(\S+)", log, re.MULTILINE)
    server.execute("SET GLOBAL general_log = OFF")
    with server.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT argument FROM mysql.general_log WHERE command_type = 'Query' AND thread_id IN"
            " (SELECT thread_id FROM mysql.general_log WHERE command_type = 'Connect'"
            f" AND argument LIKE '%% on {name} %%')"
        )
        return [bytes(text).decode() if isinstance(text, bytes) else text for (text,) in rows]


def test_server_logs_only_what_reads(
    server: Server, live: tuple[sa.URL, sa.URL], tmp_path: Path
) -> None:
    owner, reader = live
    start_log(server)

    report = check(tmp_path, reader, owner, server.url)

    sent = read_log(server, str(owner.database))
    first = {statement.split()[0].upper() for statement in sent}
    assert len(sent) > 5
    assert first <= {"SELECT", "SHOW", "SET", "BEGIN", "ROLLBACK", "COMMIT", "DESCRIBE", "WITH"}
    assert [failure for failure in report.failures if failure.source != "database"] == []
    assert ("BL202", "runtime-database") in {(f.code, f.pair) for f in report.findings}
    engine = sa.create_engine(owner)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM t").scalars().all() == [1]
    engine.dispose()
