"""What the papers say to type was typed: SQL on real servers, the shell of operations as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from bilayer.urls import parse_url
from tests.architecture.documents import Block, blocks, pages
from tests.container.conftest import PASSWORDS, Roles, make_roles, psql
from tests.operations.conftest import KEY, diagnose, problems, settings_with
from tests.support.backend import running
from tests.support.databases import ROOT, migrate
from tests.support.run import Run
from tests.support.servers import Server, render

PAGES = sorted((ROOT / "docs/operations").glob("*.md"))
BLOCKS = [block for page in pages() for block in blocks(page)]
SQL = [block for block in BLOCKS if block.language == "sql"]
MARIADB = [block for block in BLOCKS if block.language == "sql mariadb"]
SHELL = [page for page in PAGES if any(block.language == "sh" for block in blocks(page))]
STATISTICS = "pg_stat_statements"
# What the pages make beside the roles of the service.
MADE = (
    "DROP DATABASE IF EXISTS shop",
    "DROP DATABASE IF EXISTS app",
    "DROP DATABASE IF EXISTS app_restored",
    "DROP ROLE IF EXISTS app",
    "DROP ROLE IF EXISTS app_rw_2",
    "DROP ROLE IF EXISTS replicator",
)
ONLY_POSTGRESQL = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


@pytest.fixture
def app(server: Server, suite_run: Run) -> Iterator[Roles]:
    """A migrated database with the three roles, on a server that may be changed."""
    name = suite_run.new_name()
    forget(server)
    server.create_database(name)
    roles = Roles(server, name)
    made = make_roles(server, name)
    assert made.returncode == 0, made.stderr
    migrate(roles.url("owner"))
    yield roles
    server.drop_database(name)
    forget(server)


def forget(server: Server) -> None:
    """Drop what pages make; another test may have followed one of them before."""
    for statement in MADE:
        server.execute(statement)


@pytest.fixture
def statistics(server: Server) -> Iterator[bool]:
    """Whether the server keeps statistics of statements; it is restarted to do so."""
    with server.connect() as connection:
        question = sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = :name")
        is_there = bool(connection.scalar(question, {"name": STATISTICS}))
    if is_there:
        server.execute(f"ALTER SYSTEM SET shared_preload_libraries = '{STATISTICS}'")
        server.restart()
    yield is_there
    server.execute("ALTER SYSTEM RESET ALL")
    server.restart()


def run_sql(app: Roles, text: str) -> subprocess.CompletedProcess[str]:
    """Type SQL into psql, as the superuser, connected to the service's database."""
    url = app.server.maintenance
    address = ["-h", str(url.host), "-p", str(url.port), "-U", "postgres", "-d", app.database]
    return subprocess.run(
        [psql(), *address, "-qX", "-v", "ON_ERROR_STOP=1"],
        input=text,
        # Nobody is there to wait for, when a page has just named standbys.
        env={
            "PATH": os.environ["PATH"],
            "PGOPTIONS": "-c synchronous_commit=local -c client_min_messages=warning",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@ONLY_POSTGRESQL
def test_all_sql_of_the_pages_runs(app: Roles, *, statistics: bool) -> None:
    refused = {}
    if statistics:
        run_sql(app, f"CREATE EXTENSION {STATISTICS}")
    for block in SQL:
        if STATISTICS in block.text and not statistics:
            continue
        done = run_sql(app, block.text)
        app.server.execute("ALTER SYSTEM RESET ALL")
        app.server.execute("SELECT pg_reload_conf()")
        if done.returncode or done.stderr:
            refused[str(block)] = done.stderr

    assert refused == {}


@ONLY_POSTGRESQL
def test_passwords_of_roles_stay_out_of_the_statistics(app: Roles, *, statistics: bool) -> None:
    if not statistics:
        pytest.skip(f"the server has no {STATISTICS}")
    run_sql(app, f"CREATE EXTENSION {STATISTICS}")

    made = make_roles(app.server, app.database)

    # What the pages do in other databases of this server is told there too.
    here = f"{STATISTICS} JOIN pg_database ON dbid = oid WHERE datname = current_database()"
    seen = run_sql(app, f"SELECT query FROM {here}").stdout
    assert made.returncode == 0, made.stderr
    assert STATISTICS in seen
    assert "PASSWORD" not in seen


def test_the_roles_leave_the_doctor_nothing_to_say_in_production(
    app: Roles, tmp_path: Path
) -> None:
    settings = settings_with(
        tmp_path,
        app.url("rw"),
        env="prod",
        secret_key=SecretStr(KEY),
        migration_database_url=SecretStr(app.url("owner")),
        mail_sender="file",
        public_url="https://app.example.com",
        workers=1,
    )

    findings = diagnose(settings)

    assert problems(findings) == set()
    asked = {name for name in findings if name.startswith(("database", "migration"))}
    assert {str(findings[name].outcome) for name in asked} <= {"ok", "skipped"}


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
@pytest.mark.parametrize("block", MARIADB, ids=str)
def test_sql_for_mariadb_runs_there(server: Server, block: Block) -> None:
    with server.connect() as connection:
        for statement in filter(str.strip, block.text.split(";")):
            connection.exec_driver_sql(statement.replace("%", "%%"))  # As the driver wants it.
        connection.exec_driver_sql("DROP DATABASE app")
        connection.exec_driver_sql("DROP USER app")


@ONLY_POSTGRESQL
@pytest.mark.slow
@pytest.mark.parametrize("page", SHELL, ids=lambda page: page.name)
def test_the_shell_of_a_page_runs_as_written(app: Roles, page: Path, tmp_path: Path) -> None:
    script = "".join(block.text for block in blocks(page) if block.language == "sh")

    if page.name == "import.md":
        given = write_learners(tmp_path)
        done = run_shell(app, given + script, tmp_path, cwd=tmp_path, PORT="0")
    elif "$BASE" in script:
        with running(app.url("rw"), tmp_path) as backend:
            done = run_shell(app, script, tmp_path, BASE=backend.url, PORT=str(backend.port))
    else:
        done = run_shell(app, script, tmp_path, PORT="0")

    assert done.returncode == 0, done.stdout + done.stderr


def write_learners(folder: Path) -> str:
    """Write the files that the page of imports has; return how its account and learner are made."""
    old, before = folder / "old", folder / "before"
    old.mkdir()
    before.mkdir()
    (before / "child_profiles.json").write_text(json.dumps([{"id": "ben", "name": "Ben"}]))
    anna = {"id": "anna", "name": "Anna", "mastered_words": "\u732b, \u72d7"}
    (old / "child_profiles.json").write_text(json.dumps([anna]))
    said = {"id": "1", "role": "user", "content": "woof", "timestamp": "2026-11-20T10:00:00Z"}
    (old / "chat_history.json").write_text(json.dumps([said]))
    return (
        "backend users create-admin --email ada@example.com\n"
        "backend import json run --source ./before --owner ada@example.com\n"
    )


def run_shell(
    app: Roles, script: str, folder: Path, *, cwd: Path = ROOT, **others: str
) -> subprocess.CompletedProcess[str]:
    """Type a page's commands as an operator of this database, with what the page says is given."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "secret_key").write_text("the key of the day before\n")
    environment = {
        "PATH": f"{commands(folder)}:{Path(psql()).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "DATABASE_URL": app.url("rw"),
        "DATA_DIR": str(folder),
        "SECRETS": str(secrets),
        "SUPERUSER_URL": address(render(app.server.maintenance), app.database),
        "OWNER_URL": address(app.url("owner"), app.database),
        "RESTORED_OWNER_URL": address(app.url("owner"), "app_restored"),
        "RESTORED_URL": address(app.url("rw"), "app_restored"),
        **{f"{who.upper()}_PASSWORD": word for who, word in PASSWORDS.items()},
    }
    return subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=cwd,
        env=environment | others,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def address(url: str, database: str) -> str:
    """Return a URL as PostgreSQL's own programs read it."""
    return render(parse_url(url).set(drivername="postgresql", database=database))


def commands(folder: Path) -> Path:
    """Make a folder with the command ``backend``, as an installation has it."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    program = bin_folder / "backend"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from app.cli import main; main()" "$@"\n'
    )
    program.chmod(0o755)
    return bin_folder


def test_a_rotation_leaves_the_former_key_where_the_page_says(tmp_path: Path) -> None:
    script = "".join(
        block.text
        for block in blocks(ROOT / "docs/operations/rotate-secrets.md")
        if block.language == "sh"
    )
    (tmp_path / "secret_key").write_text("former\n")

    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], "SECRETS": str(tmp_path)},
        check=True,
    )

    assert (tmp_path / "secret_key_fallbacks").read_text() == "former\n"
    assert len((tmp_path / "secret_key").read_text().strip()) == 64
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "new_key").exists()


@pytest.mark.skipif("TEST_CITUS_URL" not in os.environ, reason="TEST_CITUS_URL names no cluster")
def test_the_tables_are_distributed_as_the_page_says() -> None:
    url = os.environ["TEST_CITUS_URL"]
    migrate(url)
    (block,) = blocks(ROOT / "docs/operations/citus.md")

    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in filter(str.strip, block.text.split(";")):
            connection.exec_driver_sql(statement)
