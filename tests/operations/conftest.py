"""A role of its own on each server, and the doctor's findings by name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from app.config import Settings
from app.operations.doctor import Finding, examine
from bilayer.urls import parse_url
from tests.support.servers import Server, render

KEY = "0123456789abcdef0123456789ABCDEF-of-a-test"


@dataclass(frozen=True)
class Role:
    """Somebody who may sign in to one database, and nothing else.

    Attributes:
        url: The database as this role.
        owner_url: The database as its superuser.
    """

    url: str
    owner_url: str

    @property
    def name(self) -> str:
        """As the server knows it."""
        return str(parse_url(self.url).username)

    def grant(self, *statements: str) -> None:
        """Run SQL as the superuser; ``{role}`` and ``{name}`` stand for role and database."""
        name = parse_url(self.url).database
        run_sql(self.owner_url, *(text.format(role=self.name, name=name) for text in statements))


def run_sql(url: str, *statements: str) -> None:
    engine = sa.create_engine(parse_url(url), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def role(migrated_database_url: str, engine: str) -> Iterator[Role]:
    """A role that may connect to a migrated database, with a password nobody guesses."""
    if engine == "sqlite":
        pytest.skip("SQLite knows no roles")
    name, password = f"doctor_{secrets.token_hex(6)}", f"Pw{secrets.token_hex(12)}"
    url = parse_url(migrated_database_url).set(username=name, password=password)
    found = Role(render(url), migrated_database_url)
    undo: tuple[str, ...]
    if engine == "postgresql":
        found.grant(f"CREATE ROLE {{role}} LOGIN PASSWORD '{password}'")
        undo = ("DROP OWNED BY {role}", "DROP ROLE {role}")
    else:
        found.grant(f"CREATE USER '{{role}}'@'%%' IDENTIFIED BY '{password}'")
        found.grant("GRANT USAGE ON *.* TO '{role}'@'%%'")
        undo = ("DROP USER '{role}'@'%%'",)
    yield found
    with suppress(sa.exc.DBAPIError):
        found.grant(*undo)


def settings_with(folder: Path, url: str | None = None, **others: Any) -> Settings:
    """Return settings that keep to one folder and one database."""
    given: dict[str, Any] = {"data_dir": folder, "port": 0} | others
    if url is not None:
        given["database_url"] = SecretStr(url)
    if given.get("env") == "prod":
        given = {"mail_sender": "file", "public_url": "https://app.example.com"} | given
    return Settings(**given)


def diagnose(settings: Settings) -> dict[str, Finding]:
    """Return the findings by name; the worst of each."""
    order = ("skipped", "ok", "warning", "problem")
    findings = sorted(examine(settings), key=lambda finding: order.index(finding.outcome))
    return {finding.name: finding for finding in findings}


def problems(findings: dict[str, Finding]) -> set[str]:
    """Name the checks that found a problem."""
    return {name for name, finding in findings.items() if finding.outcome == "problem"}


@pytest.fixture
def asks_passwords(server: Server) -> Iterator[Server]:
    """A PostgreSQL server that asks everybody but its superuser for a password."""
    assert server.process is not None
    rules = server.process.folder / "data/pg_hba.conf"
    before = rules.read_text()
    rules.write_text(
        f"host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n{before}"
    )
    server.execute("SELECT pg_reload_conf()")
    yield server
    rules.write_text(before)
    server.execute("SELECT pg_reload_conf()")
