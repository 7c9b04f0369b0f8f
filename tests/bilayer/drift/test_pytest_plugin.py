"""The ready tests: green on a sound project, and red with what to do on a drifted one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bilayer.drift.project import CREATE, ENV, write_project

MODELS = """
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True)COLUMN)
def define(db):
    db.define_table("t")
"""
SETTINGS = """
[tool.bilayer]
models = "app_models:metadata"
runtime = "app_models:define"
migrations = "alembic.ini"
pythonpath = ["."]
"""


@pytest.mark.parametrize(
    ("column", "outcome"),
    [("", "3 passed"), (', sa.Column("name", sa.String(20))', "2 failed, 1 passed")],
    ids=["sound", "drifted"],
)
def test_ready_tests_tell_what_to_do(tmp_path: Path, column: str, outcome: str) -> None:
    write_project(tmp_path, ENV, first=CREATE)
    (tmp_path / "app_models.py").write_text(MODELS.replace("COLUMN", column))
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    (tmp_path / "test_schema.py").write_text("from bilayer.pytest_plugin import *\n")

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert outcome in done.stdout, done.stdout
    assert ("op.batch_alter_table" in done.stdout) == bool(column)
    assert ('Field("name", "string", length=20),' in done.stdout) == bool(column)
