"""The gate of this repository: clean as it stands, red when a column leaves either twin."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config

import bilayer
from app.dal.tables import define_tables
from app.db.models import metadata

ROOT = Path(__file__).resolve().parents[3]
SERVICE = Path("services/flask-backend")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files the gate reads."""
    for name in ("pyproject.toml", "alembic.ini"):
        shutil.copy(ROOT / name, tmp_path / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic", ignore=ignored)
    shutil.copytree(ROOT / SERVICE, tmp_path / SERVICE, ignore=ignored)
    return tmp_path


def run_gate(
    folder: Path, engine: str, scratch_url: str | None
) -> tuple[int, list[dict[str, Any]]]:
    """Run the command in a folder whose service wins over the installed one."""
    command = [
        sys.executable, "-m", "bilayer.cli", "check", "--project", str(folder),
        "--dialect", engine, "--fail-on", "warning", "--format", "json",
        *(("--scratch-url", scratch_url) if scratch_url else ()),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)["findings"]


def remove_line(path: Path, text: str) -> None:
    """Take the one line out that holds a text."""
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if text not in line]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept))


def test_gate_is_clean(clone: Path, engine: str, scratch_url: str | None) -> None:
    assert run_gate(clone, engine, scratch_url) == (0, [])


def test_column_out_of_either_twin_turns_the_gate_red(
    clone: Path, engine: str, scratch_url: str | None
) -> None:
    runtime, schema = (SERVICE / f"app/{layer}/tables/accounts.py" for layer in ("dal", "db"))
    remove_line(clone / runtime, 'Field("phone"')
    remove_line(clone / schema, "timezone: Mapped")

    code, findings = run_gate(clone, engine, scratch_url)

    assert code == 1
    found = {(f["code"], f["table"], f["column"], f["pair"]): f for f in findings}
    assert found.keys() == {
        ("BL202", "profiles", "phone", "models-runtime"),
        ("BL202", "profiles", "timezone", "models-runtime"),
        ("BL202", "profiles", "timezone", "models-migrations"),
    }
    phone = found["BL202", "profiles", "phone", "models-runtime"]
    assert phone["location"].startswith(f"{runtime.as_posix()}:")
    assert phone["fix"] == 'Field("phone", "string", length=40),'
    locations = {pair: f["location"] for (*_, name, pair), f in found.items() if name != "phone"}
    assert locations["models-runtime"].startswith(f"{runtime.as_posix()}:")
    assert locations["models-migrations"].startswith("alembic/versions/")


def test_script_needs_no_arguments() -> None:
    script = ROOT / "scripts/check_schema_drift.py"

    done = subprocess.run(
        [script, "--dialect", "sqlite"], cwd="/", capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors, 0 warnings" in done.stdout


def test_migrated_database_has_what_both_layers_need(
    database_url: str, scratch_url: str | None
) -> None:
    report = bilayer.check(
        metadata=metadata,
        dal=define_tables,
        migrations=Config(ROOT / "alembic.ini"),
        url=database_url,
        scratch_url=scratch_url,
        adapter="native",
    )

    assert report.findings == ()
    assert report.failures == ()
    assert report.not_done == ()


def test_finding_of_the_documentation_is_what_is_said(clone: Path) -> None:
    text = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
    sample = text.partition("## A finding\n")[2].split("```")[1].strip()
    remove_line(clone / "pyproject.toml", 'migrations = "alembic.ini"')
    remove_line(clone / SERVICE / "app" / "dal" / "tables" / "accounts.py", '"phone"')

    done = subprocess.run(
        [sys.executable, "-m", "bilayer.cli", "check", "--project", str(clone)],
        cwd=clone, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert sample in done.stdout
