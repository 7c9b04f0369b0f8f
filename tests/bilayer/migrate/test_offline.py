"""Scripts: an altering revision becomes SQL that needs no database to be written."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from tests.bilayer.migrate.project import Project, only

CREATE = """
op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(20)))
op.create_table("children", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE")))
op.execute("INSERT INTO parents VALUES (1, 'it''s 100% \\\\ :colon')")
op.execute("INSERT INTO children VALUES (10, 1)")
"""

ALTER = """
before = sa.Table("parents", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(20)))
with op.batch_alter_table("parents", copy_from=before) as table:
    table.alter_column("name", type_=sa.String(40), existing_type=sa.String(20))
"""


@pytest.fixture
def project(project: Project) -> Project:
    """The project with a revision that alters a table others refer to."""
    project.add("one", CREATE.replace(":colon", "colon"))
    project.add("two", ALTER)
    return project


@only("sqlite", "postgresql")
def test_script_of_an_altering_revision_keeps_every_row(project: Project) -> None:
    script = write_script(project)
    assert project.tables() == set()

    run(project, script)

    with project.connect() as connection:
        name = sa.inspect(connection).get_columns("parents")[1]
        rows = connection.exec_driver_sql(
            "SELECT parent_id, name FROM children JOIN parents ON parents.id = parent_id"
        ).all()
    assert str(name["type"]) == "VARCHAR(40)"
    assert rows == [(1, "it's 100% \\ colon")]


@only("sqlite")
def test_writing_a_script_touches_no_database(project: Project) -> None:
    write_script(project)

    assert not Path(str(project.url.database)).exists()


def write_script(project: Project) -> str:
    config = project.config
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def run(project: Project, script: str) -> None:
    """Run a script by the driver alone, with foreign keys on as applications have them."""
    if project.url.get_backend_name() == "sqlite":
        file = sqlite3.connect(str(project.url.database))
        file.execute("PRAGMA foreign_keys = ON")
        file.executescript(script)
        file.close()
        return
    with project.connect() as connection:
        connection.exec_driver_sql(script.replace("%", "%%"))
