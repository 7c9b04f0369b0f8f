"""The README's way into a project that drifts: each step, run on the legacy project."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tests.bilayer.examples.project import EXAMPLES, Project, marks

ROOT = EXAMPLES.parents[2]
README = (ROOT / "packages/bilayer/README.md").read_text()
# What the definitions of the legacy project cannot say better, on SQLite.
STAYS = {"BL112:auth_group", "BL401:auth_user.is_admin", "BL402:auth_user.created_on"}
MISSING = "BL209:comment.body"
REVISION = """
revision = "0002"
down_revision = "0001"

import sqlalchemy as sa
from alembic import op


"""


def section() -> str:
    found = re.search(r"^## Adopt it in a project.*?(?=^## )", README, re.MULTILINE | re.DOTALL)
    assert found
    return found.group()


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", section(), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def ignore(project: Project, names: Iterable[str]) -> None:
    (settings,) = blocks("toml")
    lines = "".join(f"    {json.dumps(name)},\n" for name in sorted(names))
    (project.folder / "pyproject.toml").write_text(f"{settings}ignore = [\n{lines}]\n")


@pytest.fixture
def legacy(tmp_path: Path) -> Project:
    project = Project("legacy", tmp_path)
    (project.folder / "pyproject.toml").write_text(*blocks("toml"))
    return project


@pytest.fixture
def adopted(legacy: Project) -> Project:
    """The project after the steps, with what stays ignored."""
    ignore(legacy, {MISSING, *STAYS})
    legacy.run("fix", "--write")
    return legacy


def test_each_step_leads_to_the_next(legacy: Project) -> None:
    steps = iter(commands()[1:])

    def step(code: int) -> str:
        command = next(steps)
        result = legacy.run(*shlex.split(command)[1:])
        assert result.exit_code == code, (command, result.output)
        return result.stdout

    assert "BL110 undefined-reference" in step(1)
    step(1)
    assert (legacy.folder / "drift.html").is_file()
    assert "BL110" in step(0)

    (legacy.folder / "pyproject.toml").write_text(blocks("toml")[0] + (known := step(1)))
    step(0)
    names = set(json.loads(re.sub(r",\s*\]", "]", known.partition("=")[2])))
    assert STAYS | {MISSING} < names

    # One table first: no other is touched.
    ignore(legacy, {name for name in names if not name.partition(":")[2].startswith("ARTICLE")})
    diff = legacy.run("fix").stdout
    changed = [line for line in diff.splitlines() if re.match(r"[-+] ", line)]
    assert changed
    assert all("rname=" in line for line in changed), diff

    ignore(legacy, {MISSING, *STAYS})
    assert "+        Field(" in step(0)
    step(0)
    step(0)

    write_missing_revision(legacy)
    assert next(steps) == "bilayer lint"
    assert legacy.run("lint", "--after", "0001").exit_code == 0
    make_live_database(legacy.folder / "legacy.db")
    assert "BL118 not-stamped" in step(1)
    assert next(steps, None) is None


def write_missing_revision(project: Project) -> None:
    """Let the fix of a finding be the revision that was missing."""
    ignore(project, STAYS)
    _, report = project.check("sqlite")
    (finding,) = [each for each in report["findings"] if each["severity"] != "info"]
    assert (finding["code"], finding["location"]) == ("BL209", "alembic/versions/0001_begin.py:53")
    path = project.folder / "alembic/versions/0002_require.py"
    path.write_text(REVISION + finding["fix"] + "\n")

    code, report = project.check("sqlite", None, "--fail-on", "warning")
    assert (code, marks(report, "error", "warning")) == (0, set())


def make_live_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE auth_user (id INTEGER PRIMARY KEY, email VARCHAR(255))")
    database.close()


def run_in(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as pre-commit or a person would: by its name, in the project."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        shlex.split(command), cwd=folder, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_hooks_and_ready_tests_guard_the_project(adopted: Project) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    entries = {hook["id"]: hook["entry"] for hook in hooks}
    assert {hook["pass_filenames"] for hook in hooks} == {False}
    (adopted.folder / "test_schema.py").write_text("from bilayer.pytest_plugin import *\n")
    tests = f"{shlex.quote(sys.executable)} -m pytest -q -p no:cacheprovider -p no:randomly"

    assert run_in(adopted.folder, entries["bilayer-check"]).returncode == 0
    assert run_in(adopted.folder, entries["bilayer-lint"]).returncode == 0
    done = run_in(adopted.folder, tests)
    assert done.returncode == 0, done.stdout

    adopted.replace("legacy_tables.py", '"body", "text", notnull=True', '"body", "integer"')

    done = run_in(adopted.folder, entries["bilayer-check"])
    assert done.returncode == 1
    assert "BL204 type-mismatch" in done.stdout
    assert "BL112" not in done.stdout
