"""A project of two revisions: one makes tables, the other does what a test is about."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bilayer.drift.config import find_project
from bilayer.drift.lint.project import lint_project
from bilayer.drift.report import Report

Lint = Callable[..., Report]

PYPROJECT = """
[tool.bilayer]
migrations = "alembic.ini"
dialects = ["postgresql"]
"""
ENV = """
from alembic import context
import sqlalchemy as sa

engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
"""
FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "aaaa00000001"
down_revision = None


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("age", sa.Integer()),
    )
    op.create_index("ix_users_name", "users", ["name"])


def downgrade():
    op.drop_table("users")
"""
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "aaaa{number:08}"
down_revision = "aaaa{before:08}"


def upgrade():
{upgrade}


def downgrade():
{downgrade}
"""


def lint_project_of(folder: Path, upgrades: Mapping[str, str], **options: Any) -> Report:
    """Judge revisions that come one after the other behind the first.

    Args:
        folder: An empty folder, or one that was used before.
        upgrades: The bodies, by the name of the file.
        options: ``downgrade``, a body; ``lint_project``'s.
    """
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\npath_separator = os\n"
    )
    (folder / "migrations" / "env.py").write_text(ENV)
    (folder / "migrations" / "script.py.mako").touch()
    (versions / "first.py").write_text(FIRST)
    downgrade = _body(options.pop("downgrade", 'op.execute("SELECT 1")'))
    for number, (name, upgrade) in enumerate(upgrades.items(), start=1):
        text = NEXT.format(
            number=number + 1, before=number, upgrade=_body(upgrade), downgrade=downgrade
        )
        (versions / f"{name}.py").write_text(text)
    return lint_project(find_project(folder), **options)


def _body(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip(), "    ")


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """Give a function that judges the body of one upgrade, on PostgreSQL if nothing is said."""

    def judge(upgrade: str, dialect: str = "postgresql", **options: Any) -> Report:
        return lint_project_of(tmp_path, {"second": upgrade}, dialects=[dialect], **options)

    return judge
