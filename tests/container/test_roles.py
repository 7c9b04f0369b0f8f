"""The three roles: who migrates, who serves, who reads, and what each of them cannot do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from app.cli import main
from app.config import get_settings
from app.dal.tables import define_tables
from app.usecases import holds, query_cache
from app.usecases.query_cache import Key
from bilayer.runtime import Database
from bilayer.runtime.options import ConnectOptions
from tests.container.conftest import Roles, make_roles
from tests.e2e.test_journey import register
from tests.factories import make_user
from tests.support.backend import running
from tests.support.credits import give
from tests.support.production import PRODUCTION
from tests.support.servers import Server
from tests.support.service import connected, settings_for

COMMANDS = (
    "maintenance run",
    "credits verify",
    "credits archive --older-than 90d",
    "cache stats",
    "cache cleanup",
    "cache clear",
    "billing events",
    "privacy erasures",
    "audit list",
    "audit seal",
    "privacy erase --yes {email}",
    "audit verify",
)
FORBIDDEN = {
    "make a table": "CREATE TABLE mine (id integer)",
    "make an index": "CREATE INDEX mine ON users (full_name)",
    "make a view": "CREATE VIEW mine AS SELECT id FROM users",
    "drop a table": "DROP TABLE sessions",
    "drop an index": "DROP INDEX uq_users_email_key",
    "alter a table": "ALTER TABLE users ADD COLUMN mine integer",
    "truncate a table": "TRUNCATE TABLE sessions",
    "make a trigger": "CREATE TRIGGER mine AFTER INSERT ON users FOR EACH ROW SET @mine = 1",
    "make a database": "CREATE DATABASE mine",
}
FORBIDDEN_ON = {
    "postgresql": {
        "make a trigger": "CREATE TRIGGER mine AFTER INSERT ON users FOR EACH STATEMENT"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "switch triggers off": "ALTER TABLE users DISABLE TRIGGER ALL",
        "skip foreign keys": "SET session_replication_role = replica",
        "make a temporary table": "CREATE TEMPORARY TABLE mine (id integer)",
        "make a schema": "CREATE SCHEMA mine",
        "make a function": "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "remove an extension": "DROP EXTENSION plpgsql",
        "take a table": "ALTER TABLE users OWNER TO app_rw",
        "say which revision this is": "UPDATE alembic_version SET version_num = 'mine'",
        "forget a change": "DELETE FROM audit_log",
        "rewrite a change": "UPDATE audit_log SET digest = values_digest",
        "say who did it": "UPDATE audit_log SET changed_by = 'user:eve'",
        "remove a seal": "DELETE FROM audit_blocks",
        "rewrite a seal": "UPDATE audit_blocks SET hash = previous",
        "forget the revision": "DELETE FROM alembic_version",
        "add a revision": "INSERT INTO alembic_version VALUES ('mine')",
        "run a program": "COPY users TO PROGRAM 'cat'",
        "write a file": "COPY users TO '/tmp/mine'",
        "read a file": "SELECT pg_read_file('PG_VERSION')",
        "read passwords": "SELECT rolpassword FROM pg_authid",
        "become the owner": "SET ROLE app_owner",
        "become the superuser": "SET SESSION AUTHORIZATION postgres",
        "make itself more": "ALTER ROLE app_rw CREATEDB",
        "lift its limit of connections": "ALTER ROLE app_rw CONNECTION LIMIT -1",
        "have its statements logged": "SET log_min_error_statement = 'error'",
        "change the server": "ALTER SYSTEM SET fsync = off",
        "give the tables away": "REASSIGN OWNED BY app_owner TO app_rw",
    },
    "mariadb": {
        "drop an index": "DROP INDEX uq_users_email_key ON users",
        "drop the database": "DROP DATABASE mysql",
        "make a user": "CREATE USER mine",
        "give its rights away": "GRANT SELECT ON users TO app_ro",
        "write a file": "SELECT 1 INTO OUTFILE '/tmp/mine'",
        "read a file": "LOAD DATA INFILE '/etc/passwd' INTO TABLE users",
        "read passwords": "SELECT authentication_string FROM mysql.user",
        "change the server": "SET GLOBAL max_connections = 10",
        "make itself more": "ALTER USER app_rw WITH MAX_USER_CONNECTIONS 0",
        "make a function": "CREATE FUNCTION mine() RETURNS integer RETURN 1",
        "lock tables": "LOCK TABLES users WRITE",
    },
}
DENIED = ("42501", "0LP01", 1044, 1045, 1142, 1227, 1370, 1419)


def code(refused: sa.exc.DBAPIError) -> object:
    return getattr(refused.orig, "pgcode", None) or refused.orig.args[0]


def test_making_them_again_changes_nothing(roles: Roles) -> None:
    again = make_roles(roles.server, roles.database)

    assert (again.returncode, again.stderr) == (0, "")
    assert len(roles.execute("rw", "SELECT version_num FROM alembic_version")) == 1


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_limit_of_connections_that_was_raised_stays(roles: Roles) -> None:
    limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app_rw'"
    roles.server.execute("ALTER ROLE app_rw CONNECTION LIMIT 240")
    try:
        make_roles(roles.server, roles.database)

        assert roles.execute("rw", limit) == [(240,)]
    finally:
        roles.server.execute("ALTER ROLE app_rw CONNECTION LIMIT 100")


def test_role_that_serves_may_do_nothing_beyond_rows(roles: Roles) -> None:
    allowed = {}
    for what, statement in (FORBIDDEN | FORBIDDEN_ON[roles.server.engine]).items():
        try:
            allowed[what] = roles.execute("rw", statement)
        except sa.exc.DBAPIError as refused:
            if code(refused) not in DENIED:
                allowed[what] = [(code(refused), str(refused.orig))]

    assert allowed == {}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO login_attempts SELECT * FROM login_attempts",
        "UPDATE login_attempts SET failed = 0",
        "DELETE FROM login_attempts",
        "CREATE TABLE mine (id integer)",
        "TRUNCATE TABLE login_attempts",
    ],
)
def test_role_that_reads_cannot_write(roles: Roles, statement: str) -> None:
    assert len(roles.execute("ro", "SELECT count(*) FROM users")) == 1
    with pytest.raises(sa.exc.DBAPIError) as refused:
        roles.execute("ro", statement)

    assert code(refused.value) in (*DENIED, "25006")


def test_role_that_serves_may_do_what_commands_do(
    roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    email = f"{uuid4()}@example.com"  # The database is shared, also with other processes' people.
    with connected(settings_for(roles.url("rw"), tmp_path)):
        user_id = make_user(email=email)["id"]
        for at in (long_ago, long_ago + timedelta(days=1)):
            give(user_id, 10, at=at)
        holds.place_hold(user_id, 5, reason=None, lifetime=timedelta(minutes=1), at=long_ago)
        query_cache.put(Key.public("a" * 64), {"answer": 42}, ttl=60)
    monkeypatch.setenv("DATABASE_URL", roles.url("rw"))
    get_settings.cache_clear()

    commands = [words.format(email=email) for words in COMMANDS]
    ended = {words: CliRunner().invoke(main, words.split()) for words in commands}

    get_settings.cache_clear()
    assert {words: done.output for words, done in ended.items() if done.exit_code} == {}
    assert len(roles.execute("rw", "SELECT 1 FROM credit_transactions_archive")) == 2
    assert roles.execute("rw", "SELECT 1 FROM query_cache") == []
    assert roles.execute("rw", "SELECT 1 FROM credit_holds WHERE state = 'open'") == []


def test_service_runs_as_the_role_that_cannot_migrate(roles: Roles, tmp_path: Path) -> None:
    with (
        running(roles.url("rw"), tmp_path, **PRODUCTION, WORKERS="1") as backend,
        backend.client() as client,
    ):
        ready = client.get("/readyz")
        register(client)
        made = client.post("/api/v1/history", json={"action_type": "A", "payload": {}})
        changed = client.patch(f"/api/v1/history/{made.json()['id']}", json={"payload": {"b": 1}})
        gone = client.delete("/api/v1/users/me")

    assert (ready.status_code, made.status_code, changed.status_code) == (200, 201, 200)
    assert gone.status_code == 204, gone.text


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_limits_of_the_role_are_those_the_service_asks_for(roles: Roles) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone")
    [on_the_role] = roles.execute(
        "rw", "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    )
    options = ConnectOptions()
    database = Database.connect(roles.url("rw"))
    define_tables(database.dal)
    try:
        asked = [database.dal.executesql(f"SHOW {name}")[0][0] for name in names]
    finally:
        database.close()

    assert list(on_the_role) == asked
    assert asked[0] == f"{options.statement_timeout:g}s"


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_limits_of_a_user_of_mariadb_hold_without_the_service(roles: Roles) -> None:
    question = "SELECT @@max_statement_time, @@max_user_connections"
    limits = [roles.execute(role, question) for role in ("owner", "rw", "ro")]

    assert limits == [[(0, 10)], [(ConnectOptions().statement_timeout, 100)], [(30, 10)]]


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_nothing_that_people_wrote_gets_into_the_log_of_the_server(roles: Roles) -> None:
    log = roles.server.process.log
    secret = "canary-in-a-statement"
    for role in ("owner", "rw", "ro"):
        with pytest.raises(sa.exc.DBAPIError):
            roles.execute(role, f"SELECT '{secret}' FROM no_such_table")

    assert "no_such_table" in log.read_text()
    assert secret not in log.read_text()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_passwords_are_kept_as_hashes(roles: Roles) -> None:
    with roles.server.connect() as connection:
        kept = connection.exec_driver_sql(
            "SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'app%%' ORDER BY rolname"
        )

        assert [word.split("$")[0] for (word,) in kept] == ["SCRAM-SHA-256"] * 3


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_tables_that_another_role_has_made_are_taken_over(server: Server) -> None:
    name = "container_taken_over"
    server.drop_database(name)
    url = server.create_database(name)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE public.users (id integer PRIMARY KEY)")

    made = make_roles(server, name)

    roles = Roles(server, name)
    assert made.returncode == 0, made.stderr
    assert roles.execute("owner", "ALTER TABLE users ADD COLUMN name text") == []
    assert roles.execute("rw", "SELECT count(*) FROM users") == [(0,)]
    server.drop_database(name)
