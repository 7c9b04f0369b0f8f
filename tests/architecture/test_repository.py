"""Rules about the repository: Alembic's folder, its two configurations, banned calls, papers."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tomllib

import pytest

from app.config import Settings
from tests.architecture.sources import APP, ROOT


def test_the_folder_of_migrations_does_not_hide_the_library() -> None:
    assert not (ROOT / "alembic/__init__.py").exists()


def test_alembic_is_told_the_same_at_the_root_and_in_the_service() -> None:
    ini = configparser.RawConfigParser()
    ini.read(ROOT / "alembic.ini")
    service = tomllib.loads((APP.parent / "pyproject.toml").read_text())["tool"]["alembic"]

    same = {name: ini.get("alembic", name) for name in ("file_template", "timezone")}

    assert {name: service[name] for name in same} == same
    assert int(ini.get("alembic", "truncate_slug_length")) == service["truncate_slug_length"]


@pytest.mark.parametrize(
    "call",
    [
        "import os\nos.environ['X']",
        "import os\nos.getenv('X')",
        "import datetime as dt\ndt.datetime.now(dt.UTC)",
        "from datetime import UTC, datetime\ndatetime.now(UTC)",
        "import datetime as dt\ndt.date.today()",
    ],
)
@pytest.mark.parametrize(
    ("module", "is_refused"),
    [("app/usecases/x.py", True), ("app/config.py", False), ("app/clock.py", False)],
)
def test_only_settings_read_the_environment_and_only_the_clock_tells_time(
    call: str, module: str, is_refused: bool
) -> None:
    name = f"services/flask-backend/{module}"

    judged = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select=TID251", f"--stdin-filename={name}", "-"],
        input=call,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("TID251" in judged.stdout) == is_refused, judged


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    names = [name.upper() for name in Settings.model_fields]

    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_script_is_documented_and_can_be_started() -> None:
    papers = "".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]

    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []
    assert [path.name for path in scripts if f"scripts/{path.name}" not in papers] == []


def test_every_command_in_the_papers_exists() -> None:
    for paper in ("README.md", "CONTRIBUTING.md"):
        for script in re.findall(r"(?m)^(?:\$ )?(scripts/\w+)", (ROOT / paper).read_text()):
            assert os.access(ROOT / script, os.X_OK), f"{paper} names {script}"
