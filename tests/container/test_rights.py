"""In production the service does not start as a role that may do too much or too little."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.config import Settings, SettingsError
from app.models import close_db
from app.server.preflight import require_database
from tests.container.conftest import Roles
from tests.support.production import PRODUCTION
from tests.support.servers import render

WITHOUT_INSERT = {
    "postgresql": ["REVOKE INSERT ON users, history FROM app_rw"],
    "mariadb": [
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM app_rw",
        "GRANT SELECT, UPDATE, DELETE ON `{database}`.* TO app_rw",
    ],
}
on_postgresql = pytest.mark.parametrize("server", ["postgresql"], indirect=True)
on_mariadb = pytest.mark.parametrize("server", ["mariadb"], indirect=True)


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    close_db()
    yield
    close_db()


def change(roles: Roles, *statements: str) -> None:
    """Do something as the superuser, in the database of the roles."""
    url = roles.server.maintenance.set(database=roles.database)
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.format(database=roles.database))


def preflight(url: str, **settings: int) -> None:
    given = {name.lower(): value for name, value in PRODUCTION.items()} | {"database_url": url}
    require_database(Settings.model_validate(given | settings))


def refusal(url: str, **settings: int) -> str:
    with pytest.raises(SettingsError) as refused:
        preflight(url, **settings)
    return str(refused.value)


def test_role_that_was_made_for_it_is_right(roles: Roles) -> None:
    preflight(roles.url("rw"), workers=1)


@pytest.mark.parametrize(
    ("server", "role", "what"),
    [
        ("postgresql", "owner", "owns tables"),
        ("postgresql", "owner", "may make tables"),
        ("postgresql", "owner", "may truncate tables"),
        ("postgresql", "ro", "may not INSERT in"),
        ("mariadb", "owner", "may make tables; it may alter tables; it may drop and truncate"),
        ("mariadb", "ro", "may not INSERT in"),
    ],
    indirect=["server"],
)
def test_other_roles_are_refused_in_one_line(roles: Roles, role: str, what: str) -> None:
    text = refusal(roles.url(role), workers=1, db_pool_size=1, db_max_overflow=0)

    assert text.startswith(f"DATABASE_URL: the role app_{role}")
    assert what in text
    assert "\n" not in text


def test_superuser_is_refused(roles: Roles) -> None:
    url = roles.server.maintenance.set(database=roles.database, password="unguessable!")
    if roles.server.engine == "mariadb":
        change(roles, "CREATE OR REPLACE USER almighty IDENTIFIED BY 'unguessable!'")
        change(roles, "GRANT ALL ON *.* TO almighty WITH GRANT OPTION")
        url = url.set(username="almighty")

    text = refusal(render(url), workers=1)

    assert ("is a superuser" in text) or ("administers the server" in text)


@on_postgresql
@pytest.mark.parametrize(
    ("statement", "undo", "what"),
    [
        ("GRANT CREATE ON SCHEMA public TO app_rw", None, "may make tables"),
        ("GRANT CREATE ON DATABASE {database} TO app_rw", None, "may make schemas"),
        ("GRANT TRUNCATE ON users TO app_rw", None, "may truncate tables"),
        ("GRANT app_owner TO app_rw", "REVOKE app_owner FROM app_rw", "owns tables"),
        (
            "GRANT pg_read_server_files TO app_rw",
            "REVOKE pg_read_server_files FROM app_rw",
            "may use files",
        ),
        ("ALTER ROLE app_rw CREATEROLE", "ALTER ROLE app_rw NOCREATEROLE", "may make roles"),
        ("ALTER ROLE app_rw BYPASSRLS", "ALTER ROLE app_rw NOBYPASSRLS", "row security"),
        ("REVOKE USAGE ON SCHEMA public FROM app_rw", None, "may use no schema"),
        ("REVOKE CONNECT ON DATABASE {database} FROM app_rw", None, "may not connect"),
        ("ALTER TABLE users OWNER TO app_rw", None, "owns tables"),
        ("REVOKE UPDATE ON users FROM app_rw", None, "may not UPDATE in users"),
        ("REVOKE SELECT ON alembic_version FROM app_rw", None, "may not SELECT in alembic_version"),
    ],
)
def test_role_with_one_wrong_right_is_refused(
    roles: Roles, statement: str, undo: str | None, what: str
) -> None:
    change(roles, statement)

    try:
        text = refusal(roles.url("rw"), workers=1)
    finally:
        change(roles, undo or "SELECT 1")

    assert text.startswith("DATABASE_URL: ")
    assert what in text
    assert "\n" not in text


@on_mariadb
@pytest.mark.parametrize(
    ("right", "place", "what"),
    [
        ("FILE", "*.*", "files"),
        ("DROP", "`{database}`.users", "may drop"),
        ("ALTER", "`{database}`.*", "may alter tables"),
        ("CREATE USER", "*.*", "may make users"),
    ],
)
def test_user_of_mariadb_with_one_right_too_many_is_refused(
    roles: Roles, right: str, place: str, what: str
) -> None:
    change(roles, f"GRANT {right} ON {place} TO app_rw")

    text = refusal(roles.url("rw"), workers=1)

    assert what in text


@on_mariadb
def test_rights_that_come_by_a_role_count(roles: Roles) -> None:
    rights = "SELECT, INSERT, UPDATE, DELETE ON `{database}`.*"
    change(roles, "CREATE OR REPLACE ROLE writers", f"GRANT {rights} TO writers")
    change(roles, "CREATE OR REPLACE USER by_role IDENTIFIED BY 'unguessable!'")
    change(roles, "GRANT writers TO by_role", "SET DEFAULT ROLE writers FOR by_role")
    url = roles.server.maintenance.set(database=roles.database)
    url = url.set(username="by_role", password="unguessable!")

    preflight(render(url), workers=1)
    change(roles, "GRANT FILE ON *.* TO writers")

    assert refusal(render(url), workers=1).count(";") == 1


@on_mariadb
def test_rights_of_others_do_not_count(roles: Roles) -> None:
    change(roles, "GRANT SELECT ON mysql.* TO app_rw")

    preflight(roles.url("rw"), workers=1)


def test_every_table_it_may_not_write_is_named(roles: Roles) -> None:
    change(roles, *WITHOUT_INSERT[roles.server.engine])

    text = refusal(roles.url("rw"), workers=1)

    assert "may not INSERT in" in text
    assert "history" in text
    assert "users" in text


def test_database_that_was_never_migrated_is_no_wrong_right(new_roles: Roles) -> None:
    preflight(new_roles.url("rw"), workers=1)


@pytest.mark.parametrize(
    ("server", "mistake"),
    [
        ("postgresql", {"username": "mistaken"}),
        ("postgresql", {"database": "mistaken"}),
        ("mariadb", {"username": "mistaken"}),
        ("mariadb", {"password": "mistaken"}),
        ("mariadb", {"database": "mistaken"}),
    ],
    indirect=["server"],
)
def test_login_that_will_never_work_is_refused(roles: Roles, mistake: Any) -> None:
    url = sa.make_url(roles.url("rw"))

    text = refusal(render(url.set(**mistake)), workers=1)

    assert text.startswith("DATABASE_URL: the ")
    assert "mistaken" not in text
    assert "\n" not in text


def test_more_connections_than_allowed_are_refused(roles: Roles) -> None:
    text = refusal(roles.url("rw"), workers=4)

    assert text.startswith("WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW) is 120, and the database")
    assert "allows 100 connections" in text


def test_server_that_is_down_is_no_refusal(roles: Roles) -> None:
    url = sa.make_url(roles.url("rw")).set(port=1)

    with pytest.raises(sa.exc.OperationalError):
        preflight(render(url))


def test_command_ends_with_one_line_and_the_code_of_a_wrong_setting(
    roles: Roles, tmp_path: Path
) -> None:
    variables = PRODUCTION | {"DATABASE_URL": roles.url("owner")}
    variables |= {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    variables |= {"WORKERS": "1", "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}

    ended = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("DATABASE_URL: the role app_owner")
    assert ended.stderr.count("\n") == 1
