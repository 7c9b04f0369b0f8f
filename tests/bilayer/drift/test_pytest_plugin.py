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
    db.define_table("t")DEFINITION
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
    [("", "6 passed"), (', sa.Column("name", sa.String(20))', "2 failed, 4 passed")],
    ids=["sound", "drifted"],
)
def test_ready_tests_tell_what_to_do(tmp_path: Path, column: str, outcome: str) -> None:
    output = run_ready_tests(tmp_path, column=column)

    assert outcome in output, output
    assert ("op.batch_alter_table" in output) == bool(column)
    assert ('Field("name", "string", length=20),' in output) == bool(column)


@pytest.mark.parametrize(
    ("definition", "code", "failed"),
    [
        ("; db.define_table('bad name')", "BL113", {"layers_agree", "setup_is_sound"}),
        ("; db.define_table('t')", "BL112", {"layers_agree", "setup_is_sound"}),
        ("; db.define_table('u', migrate=True)", "BL107", {"setup_is_sound"}),
    ],
    ids=["refused", "twice", "migrated"],
)
def test_mistakes_in_the_setup_fail_the_ready_tests(
    tmp_path: Path, definition: str, code: str, failed: set[str]
) -> None:
    output = run_ready_tests(tmp_path, definition=definition)

    assert code in output
    for name in failed:
        assert f"FAILED test_schema.py::test_{name}" in output, output


@pytest.mark.parametrize(
    ("downgrade", "outcome"),
    [
        ("pass", "1 failed, 5 passed"),
        ("raise NotImplementedError  # bilayer: safe[irreversible]", "1 failed, 5 passed"),
        ("raise NotImplementedError  # bilayer: safe[irreversible] it is the first", "6 passed"),
    ],
    ids=["missing", "declared_without_a_reason", "declared"],
)
def test_a_revision_is_taken_back_or_says_why_not(
    tmp_path: Path, downgrade: str, outcome: str
) -> None:
    output = run_ready_tests(tmp_path, downgrade=downgrade)

    assert outcome in output, output
    assert ("BL704" in output) == ("failed" in outcome)


def test_what_was_not_rehearsed_is_not_passed(tmp_path: Path) -> None:
    output = run_ready_tests(tmp_path, settings='dialects = ["postgresql"]')

    assert "4 passed, 2 skipped" in output, output


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_conftest_names_the_servers(tmp_path: Path, scratch_url: str) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(scope='session')\n"
        f"def bilayer_scratch_urls():\n    return [{scratch_url!r}]\n"
    )

    output = run_ready_tests(tmp_path, settings='dialects = ["postgresql"]')

    assert "6 passed" in output, output


def run_ready_tests(
    folder: Path,
    column: str = "",
    definition: str = "",
    settings: str = "",
    downgrade: str = 'op.drop_table("t")',
) -> str:
    write_project(folder, ENV, first=CREATE)
    revision = folder / "migrations" / "versions" / "first.py"
    revision.write_text(revision.read_text().replace("raise NotImplementedError", downgrade))
    models = MODELS.replace("COLUMN", column).replace("DEFINITION", definition)
    (folder / "app_models.py").write_text(models)
    (folder / "pyproject.toml").write_text(SETTINGS + settings)
    (folder / "test_schema.py").write_text("from bilayer.pytest_plugin import *\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout
