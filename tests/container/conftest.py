"""Three roles on a server of our own, and a database that one of them owns."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.databases import ROOT, migrate
from tests.support.processes import find_postgresql
from tests.support.run import Run
from tests.support.servers import Server, render

SQL = ROOT / "services/flask-backend/sql"
PASSWORDS = {"owner": "it's-the-owner's", "rw": "rows, both ways", "ro": 'only "reads"'}


@dataclass(frozen=True)
class Roles:
    """A migrated database and its three roles.

    Attributes:
        server: Where it is.
        database: Its name.
    """

    server: Server
    database: str

    def url(self, role: str) -> str:
        """Return the database's URL for ``owner``, ``rw`` or ``ro``."""
        url = self.server.maintenance.set(database=self.database)
        return render(url.set(username=f"app_{role}", password=PASSWORDS[role]))

    def execute(self, role: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as a role, and return its rows."""
        engine = sa.create_engine(
            self.url(role), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []


def make_roles(server: Server, database: str) -> subprocess.CompletedProcess[str]:
    """Run the file that makes the roles, with the client it is written for."""
    url = server.maintenance
    address = [
        "-h",
        str(url.host),
        *("-p" if server.engine == "postgresql" else "-P", str(url.port)),
    ]
    if server.engine == "postgresql":
        words = [f"{who}_password={word}" for who, word in PASSWORDS.items()]
        given = [part for word in words for part in ("-v", word)]
        command = [psql(), *address, "-U", "postgres", "-d", database, "-qX", *given]
        command += ["-f", str(SQL / "roles.postgresql.sql")]
        text = None
    else:
        client = shutil.which("mariadb") or pytest.skip("the program mariadb is not installed")
        command = [client, *address, "-u", "root", database]
        values = ", ".join(f"@{who}_password = {quoted(word)}" for who, word in PASSWORDS.items())
        text = f"SET {values};\n" + (SQL / "roles.mariadb.sql").read_text()
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, env=path
    )


def psql() -> str:
    """Find PostgreSQL's client: Debian's, or the one beside the server's binaries."""
    beside = find_postgresql()
    return shutil.which("psql") or str(beside and beside / "psql")


def quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.fixture(scope="session")
def _migrated() -> dict[str, str]:
    """Name the database that was migrated on each server."""
    return {}


@pytest.fixture
def roles(server: Server, suite_run: Run, _migrated: dict[str, str]) -> Roles:
    """A migrated database, shared, with its three roles as they should be."""
    is_new = server.url not in _migrated
    if is_new:
        _migrated[server.url] = suite_run.new_name()
        server.create_database(_migrated[server.url])
    roles = Roles(server, _migrated[server.url])
    made = make_roles(server, roles.database)
    assert made.returncode == 0, made.stderr
    if server.engine == "postgresql":
        # The file lets a raised limit be, and roles belong to the server, not to a test.
        server.execute("ALTER ROLE app_rw CONNECTION LIMIT 100")
    if is_new:
        migrate(roles.url("owner"))
    return roles


@pytest.fixture
def new_roles(server: Server, suite_run: Run) -> Iterator[Roles]:
    """A database of its own that was never migrated, and the same roles."""
    name = suite_run.new_name()
    server.create_database(name)
    made = make_roles(server, name)
    assert made.returncode == 0, made.stderr
    yield Roles(server, name)
    server.drop_database(name)


@pytest.fixture
def shellcheck() -> Callable[[Path], str]:
    """The linter of shell scripts, where it is installed."""
    program = shutil.which("shellcheck") or pytest.skip("shellcheck is not installed")

    def check(path: Path) -> str:
        return subprocess.run([program, path], capture_output=True, text=True, check=False).stdout

    return check
